import type { RequestReason } from '../core/events.ts';
import { byName, keyText, type SnapshotKey, type StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError } from '../errors.ts';
import type { Schedule } from '../ports/hooks.ts';
import type { RequestRow } from '../ports/ownership-api.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import { bounded } from './wake.ts';

/** Requests that are remembered at one time; beyond it the oldest is forgotten, those that are over first. */
const REMEMBERED_MOST = 100;

/** What the application is asked for. */
export interface SnapshotWish {
  /** Without it every workload that this data centre owns. */
  readonly workload?: string | undefined;
  /** null: all that the application has of the workload. */
  readonly origins: readonly string[] | null;
  /** How long until an origin that was not posted is overdue; null: `snapshotRequestTimeout`. */
  readonly timeoutMs: number | null;
}

interface Expected {
  readonly key: SnapshotKey;
  /** The greatest version from before the request; 0 when there was none. */
  readonly after: number;
  /** The first version that was accepted after the request was made; null while there is none. */
  answer: number | null;
}

interface Remembered {
  readonly id: string;
  /** By the text of the key. */
  readonly expected: ReadonlyMap<string, Expected>;
  /** Its time has passed: what is posted now was not posted in time, but is still its answer. */
  isOver: boolean;
  /** How many wait for its end: it is not forgotten under them. */
  waiting: number;
}

interface Group {
  readonly workload: string;
  readonly origins: readonly string[] | null;
  readonly keys: readonly SnapshotKey[];
}

/** Asks the application for snapshots: on the interval or the schedule, when a peer joins, for a peer, and by hand. */
export class SnapshotRequests {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #own: OwnSnapshots;
  readonly #schedule: Schedule | null;
  /** The oldest first. */
  readonly #remembered = new Map<string, Remembered>();
  #lastId = 0;
  #isStopped = false;
  /** The workloads whose snapshots this application is to post; by itself its own alone. */
  owned: () => readonly string[];
  /** The origins of one of them, also those that came with it and that this application has not posted yet. */
  origins: (workload: string) => readonly string[];

  constructor(context: Context, parts: { events: EventHub; own: OwnSnapshots; schedule: Schedule | null }) {
    this.#context = context;
    this.#events = parts.events;
    this.#own = parts.own;
    this.#schedule = parts.schedule;
    this.owned = () => [context.settings.dataCenter];
    this.origins = (workload) =>
      this.#own
        .newest()
        .filter(({ key, withdrawn }) => key.workload === workload && !withdrawn)
        .map(({ key }) => key.origin);
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

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Beside the caller, and never in passive mode. */
  askByItself(reason: 'interval' | 'schedule' | 'peer-joined'): void {
    if (this.#isStopped || this.#context.settings.mode === 'passive') return;
    this.#context.tasks.run('ask for snapshots', () => this.ask(reason, { origins: null, timeoutMs: null }));
  }

  /**
   * Asks, whatever the mode: somebody wants it. One request may concern several workloads; the application then sees an
   * event for each, with the same id.
   *
   * @returns the request's id, when the application can see what it is asked for
   * @throws GatewayError `not-owner` for a workload that is not ours, `bad-request` for what is no origin
   */
  async ask(reason: RequestReason, wish: SnapshotWish): Promise<string> {
    const { clock, rules, settings, tasks } = this.#context;
    const groups = this.#groups(wish);
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    const requestId = String(this.#lastId);
    // Noted before anybody hears of it: an answer may be as quick as it likes.
    const request = this.#remember(requestId, groups);
    for (const { workload, origins } of groups)
      await this.#events.publish({ type: 'snapshot-request', requestId, reason, origins, ...this.#ofOther(workload) });
    tasks.run('watch a snapshot request', async (signal) => {
      await clock.sleep(wish.timeoutMs ?? settings.requestTimeoutMs, signal);
      if (!signal.aborted) await this.#end(request);
    });
    return requestId;
  }

  /** What a request concerns: a version of each that is greater than `after` is from after the request. */
  expected(requestId: string): readonly { workload: string; origin: string; after: number }[] {
    return this.#sorted(this.#find(requestId)).map(({ key: { workload, origin }, after }) => ({
      workload,
      origin,
      after,
    }));
  }

  /**
   * Waits until every origin that was asked for was posted, or is also `replicated` as `OwnSnapshots.awaitReplicated`
   * has it. With no origin known and none named there is nothing to wait for.
   *
   * @param timeoutMs null: `snapshotRequestTimeout`
   * @returns how each origin fared; `isComplete` is false when the time was over or the signal was aborted before
   * @throws GatewayError `not-found` for a request that never was or is forgotten
   */
  async awaitRequest(
    requestId: string,
    until: 'accepted' | 'replicated',
    timeoutMs: number | null,
    signal: AbortSignal,
  ): Promise<{ readonly isComplete: boolean; readonly rows: readonly RequestRow[] }> {
    const { clock, settings, tasks } = this.#context;
    const request = this.#find(requestId);
    const bound = bounded(signal, tasks.signal);
    const timer = clock.sleep(timeoutMs ?? settings.requestTimeoutMs, bound.signal).then(bound.end);
    request.waiting += 1;
    while (!this.#isComplete(request, until) && !bound.signal.aborted) await this.#own.progress.next(bound.signal);
    request.waiting -= 1;
    bound.end();
    await timer;
    return { isComplete: this.#isComplete(request, until), rows: this.#sorted(request).map((one) => this.#row(one)) };
  }

  /** A snapshot was accepted: whoever asked for it has it. */
  posted({ key, version }: StoredSnapshot): void {
    const text = keyText(key);
    for (const { expected } of this.#remembered.values()) {
      const asked = expected.get(text);
      // One that was in the store when the request was made may be told of only now, and is no answer.
      if (asked !== undefined && version > asked.after) asked.answer ??= version;
    }
    this.#own.progress.notify();
  }

  /** @throws GatewayError `not-owner`, `bad-request` */
  #groups({ workload, origins }: SnapshotWish): readonly Group[] {
    if (workload !== undefined) this.#own.assertOurs(workload);
    if (origins === null) {
      return (workload === undefined ? this.owned() : [workload]).map((one) => ({
        workload: one,
        origins: null,
        keys: this.origins(one).map((origin) => this.#own.key(origin, one)),
      }));
    }
    const named = origins.map((origin) => this.#own.key(origin, workload));
    return [...new Set(named.map((key) => key.workload))].map((one) => {
      this.#own.assertOurs(one);
      const keys = named.filter((key) => key.workload === one);
      return { workload: one, origins: keys.map(({ origin }) => origin), keys };
    });
  }

  #remember(id: string, groups: readonly Group[]): Remembered {
    const expected = new Map<string, Expected>();
    for (const key of groups.flatMap(({ keys }) => keys))
      expected.set(keyText(key), { key, after: this.#own.greatestVersion(key), answer: null });
    const request = { id, expected, isOver: false, waiting: 0 };
    this.#remembered.set(id, request);
    if (this.#remembered.size > REMEMBERED_MOST) {
      const unwatched = [...this.#remembered.values()].filter(({ waiting }) => waiting === 0);
      const oldest = unwatched.find(({ isOver }) => isOver) ?? unwatched[0];
      if (oldest !== undefined) this.#remembered.delete(oldest.id);
    }
    return request;
  }

  /** @throws GatewayError `not-found` */
  #find(requestId: string): Remembered {
    const request = this.#remembered.get(requestId);
    if (request !== undefined) return request;
    throw new GatewayError('not-found', `No request for snapshots has the id "${requestId}", or it is forgotten.`);
  }

  #sorted(request: Remembered): readonly Expected[] {
    return [...request.expected.values()].sort(byName);
  }

  #isComplete(request: Remembered, until: 'accepted' | 'replicated'): boolean {
    for (const { key, answer } of request.expected.values()) {
      if (answer === null || (until === 'replicated' && !this.#own.isReplicated(key, answer))) return false;
    }
    return true;
  }

  #row({ key, answer }: Expected): RequestRow {
    const { workload, origin } = key;
    if (answer === null) return { workload, origin, state: 'missing', version: null };
    const state = this.#own.isReplicated(key, answer) ? 'replicated' : 'accepted';
    return { workload, origin, state, version: answer };
  }

  async #end(request: Remembered): Promise<void> {
    request.isOver = true;
    // One that was forgotten is nobody's any more.
    if (this.#isStopped || this.#remembered.get(request.id) !== request) return;
    const missing = this.#sorted(request).filter(({ answer }) => answer === null);
    for (const workload of new Set(missing.map(({ key }) => key.workload))) {
      const origins = missing.filter(({ key }) => key.workload === workload).map(({ key }) => key.origin);
      const requestId = request.id;
      await this.#events.publish({ type: 'snapshot-overdue', requestId, origins, ...this.#ofOther(workload) });
    }
  }

  /** An event names the workload where it is not our own: most applications have but one. */
  #ofOther(workload: string): { readonly workload?: string } {
    return workload === this.#context.settings.dataCenter ? {} : { workload };
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
