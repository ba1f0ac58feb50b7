/**
 * Small durable documents in the state folder: what we know of each peer, open deliveries, counters.
 *
 * A name is 1 to 3 segments of a-z 0-9 . _ - joined by `/`, each at most 120 characters (`peerFile` in services makes
 * a segment of any text). A write replaces the document whole and is durable when its promise resolves; writes of one
 * name are carried out in the order of the calls.
 */
export interface Records {
  /** @returns undefined when there is none, or when it was damaged (set aside, said once in the log) */
  read(name: string): Promise<unknown>;
  /** @throws GatewayError `store-full`, `store-unavailable` */
  write(name: string, value: unknown): Promise<void>;
  /** Idempotent. */
  remove(name: string): Promise<void>;
  /** The names below a folder, sorted. */
  list(folder: string): Promise<string[]>;
}
