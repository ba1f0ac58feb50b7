/** Time, as the services see it. Every duration and deadline is monotonic; wall time is for records only. */
export interface Clock {
  /** Milliseconds on a monotonic clock of arbitrary origin; may have fractions. */
  now(): number;
  /** Milliseconds since 1970, UTC. May jump; decides nothing. */
  wallMs(): number;
  /**
   * Resolves after `ms`, however long that is, or at once when the signal is aborted: cancellation is no error, the
   * caller looks at its signal. Infinity waits for the signal alone.
   */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Resolves when the input that was already waiting at our sockets has reached its handlers. */
  afterPendingIo(): Promise<void>;
}

/** A number in [0, 1), for jitter. */
export type Random = () => number;

/** Wall time as a record has it: RFC 3339, UTC, milliseconds. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
