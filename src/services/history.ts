import { nextNumber } from '../core/ordering.ts';
import { isoTime } from '../ports/clock.ts';
import type { HistoryLog } from '../ports/history.ts';
import type { HistoryEntry } from '../ports/ownership-api.ts';
import type { Context } from './context.ts';
import type { LogWatch } from './event-hub.ts';
import { hangs } from './patience.ts';

/** A decision as whoever made it tells it; its number and its time are given here. */
export type Decision = Omit<HistoryEntry, 'id' | 'at'>;

/** What the store watch calls it. */
const STORE = 'history';

/**
 * The record of decisions: each with what it was made from, by whom, and how it went. It is a witness and decides
 * nothing: a disk that is full or hangs holds nothing up, and what it did not take is written when it takes something again.
 */
export class History {
  readonly #context: Context;
  readonly #log: HistoryLog;
  readonly #watch: LogWatch;
  #lastId: number;

  constructor(context: Context, log: HistoryLog, watch: LogWatch) {
    this.#context = context;
    this.#log = log;
    this.#watch = watch;
    // As with events: an id that a crash kept from the disk is not given again, for the next is at least the wall time.
    this.#lastId = nextNumber(log.newestId, context.clock.wallMs()) - 1;
  }

  /**
   * Notes a decision. Its number and time are those of the call, so that calls need not be awaited to stay in order.
   *
   * @returns when it is durable, or when the disk has been waited for as long as one is. Never rejects for the disk's sake.
   */
  async record(decision: Decision): Promise<HistoryEntry> {
    this.#lastId += 1;
    const entry: HistoryEntry = { id: this.#lastId, at: isoTime(this.#context.clock.wallMs()), ...decision };
    const written = this.#log.append(entry).then(
      () => this.#watch.worked(STORE),
      (error: unknown) => this.#watch.failed(STORE, error),
    );
    if (!(await this.#context.patience.inTime(written))) this.#watch.failed(STORE, hangs(STORE));
    return entry;
  }

  /** Oldest first. */
  read(after: number, limit: number): Promise<readonly HistoryEntry[]> {
    return this.#log.read(after, limit);
  }
}
