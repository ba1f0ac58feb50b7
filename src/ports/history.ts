import type { HistoryEntry } from './ownership-api.ts';

/**
 * The durable record of decisions, append-only and bounded: the oldest are dropped when it is full. As with the event
 * log, the service that owns it gives the ids, in order, and reading never waits for a writer.
 */
export interface HistoryLog {
  /** 0 when there is none. */
  readonly newestId: number;
  /** Durable when resolved; readable at once. @throws GatewayError `store-full`, `store-unavailable`: it stays readable and goes out with the next */
  append(entry: HistoryEntry): Promise<void>;
  /** Writes what the disk did not take before. Durable when resolved; does nothing when nothing waits. */
  flush(): Promise<void>;
  /** Up to `limit` entries with an id above `after`, oldest first. */
  read(after: number, limit: number): Promise<HistoryEntry[]>;
  close(): Promise<void>;
}
