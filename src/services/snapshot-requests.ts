import type { RequestReason } from '../core/events.ts';
import type { Schedule } from '../ports/hooks.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import type { OwnSnapshots } from './own-snapshots.ts';

/** Requests that are waited for at one time; beyond it the oldest is no longer watched. */
const WATCHED_MOST = 100;

interface Watched {
  readonly id: string;
  readonly missing: Set<string>;
}

/** Asks the application for snapshots: on the interval or the schedule, when a peer joins, and by hand. */
export class SnapshotRequests {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #own: OwnSnapshots;
  readonly #schedule: Schedule | null;
  readonly #watched: Watched[] = [];
  #lastId = 0;
  #isStopped = false;

  constructor(context: Context, parts: { events: EventHub; own: OwnSnapshots; schedule: Schedule | null }) {
    this.#context = context;
    this.#events = parts.events;
    this.#own = parts.own;
    this.#schedule = parts.schedule;
  }

  /** A passive gateway asks for nothing by itself. */
  start(): void {
    const { settings, tasks } = this.#context;
    if (settings.mode === 'passive') return;
    if (this.#schedule !== null) {
      this.#schedule.start(() => {
        this.askByItself('schedule');
      }, tasks.signal);
    } else if (settings.snapshotIntervalMs !== Infinity) {
      tasks.run('ask for snapshots', (signal) => this.#askOnInterval(signal));
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Beside the caller, and never in passive mode. */
  askByItself(reason: Exclude<RequestReason, 'manual'>): void {
    if (this.#isStopped || this.#context.settings.mode === 'passive') return;
    this.#context.tasks.run('ask for snapshots', () => this.ask(reason, null, null));
  }

  /**
   * @param origins null: all that the application has
   * @param timeoutMs how long until an origin that was not posted is overdue; null: `snapshotRequestTimeout`
   */
  async ask(reason: RequestReason, origins: readonly string[] | null, timeoutMs: number | null): Promise<string> {
    const { clock, rules, settings, tasks } = this.#context;
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    const id = String(this.#lastId);
    const expected =
      origins ??
      this.#own
        .newest()
        .filter((row) => !row.withdrawn)
        .map((row) => row.key.origin);
    const watched = { id, missing: new Set(expected) };
    this.#watched.push(watched);
    if (this.#watched.length > WATCHED_MOST) this.#watched.shift();
    await this.#events.publish({ type: 'snapshot-request', requestId: id, reason, origins });
    tasks.run('watch a snapshot request', async (signal) => {
      await clock.sleep(timeoutMs ?? settings.requestTimeoutMs, signal);
      if (!signal.aborted) await this.#overdue(watched);
    });
    return id;
  }

  /** An origin was posted: whoever asked for it has it. */
  posted(origin: string): void {
    for (const watched of this.#watched) watched.missing.delete(origin);
  }

  async #overdue(watched: Watched): Promise<void> {
    const index = this.#watched.indexOf(watched);
    if (index < 0) return;
    this.#watched.splice(index, 1);
    if (watched.missing.size === 0 || this.#isStopped) return;
    await this.#events.publish({
      type: 'snapshot-overdue',
      requestId: watched.id,
      origins: [...watched.missing].sort(),
    });
  }

  async #askOnInterval(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    for (;;) {
      await clock.sleep(settings.snapshotIntervalMs, signal);
      if (signal.aborted) return;
      this.askByItself('interval');
    }
  }
}
