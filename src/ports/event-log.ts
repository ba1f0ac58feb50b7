import type { GatewayEvent } from '../core/events.ts';

/**
 * The durable log of events, bounded: the oldest are dropped when it is full. Reading is by id and never waits for a
 * writer; the service that owns the log gives the ids, in order.
 */
export interface EventLog {
  /** 0 when the log is empty. */
  readonly newestId: number;
  /** The id of the oldest event that is still there; 0 when the log is empty. */
  readonly oldestId: number;
  /** Durable when resolved; events of several calls are written together and in the order of the calls. */
  append(event: GatewayEvent): Promise<void>;
  /** Writes what the disk did not take before. Durable when resolved; does nothing when nothing waits. */
  flush(): Promise<void>;
  /** Up to `limit` events with an id above `after`, oldest first, durable or not. */
  read(after: number, limit: number): Promise<GatewayEvent[]>;
  close(): Promise<void>;
}
