import { GatewayError } from '../errors.ts';
import type { SyncView } from '../ports/gateway-api.ts';
import { DAY_MS, KIB } from '../units.ts';
import type { Ask, Reply } from '../wire/ownership.ts';
import type { Context } from './context.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { Peer } from './peer.ts';
import type { SnapshotRequests } from './snapshot-requests.ts';
import { bounded } from './wake.ts';

/** Room for the origins in the answer to a heartbeat, which carries other things too and is bounded by 64 KiB. */
const REPLY_MAX_BYTES = 32 * KIB;
/** Each is seven of the 4096 values of which a message may consist (wire/bounded-json.ts); its news of owners may be many more. */
const REPLY_MAX_ORIGINS = 300;
/** How many replies the origins of one sync may take; a peer that says that there are more is not believed. */
const REPLIES_MOST = 200;
/** Syncs of which the rest of the origins can still be asked for. */
const REMEMBERED_MOST = 20;

type AskedOrigins = Extract<Reply, { kind: 'sync' }>['origins'];
type SyncAsk = Extract<Ask, { kind: 'sync' }>;

/**
 * Pulls what a peer's application has: the peer is asked, it asks its application, and the snapshots come the way that
 * all do. The peer says which versions it had before, so that what was on its way already is not taken for fresh.
 */
export class Sync {
  readonly #context: Context;
  readonly #ask: (peer: Peer, ask: Ask, signal: AbortSignal) => Promise<Reply>;
  readonly #held: HeldSnapshots;
  readonly #requests: SnapshotRequests;
  /** Peers that were heard in this run. */
  readonly #contacted = new Set<Peer>();
  /** What our application was asked for peers' sake, by the peer and the id of its sync. */
  readonly #answered = new Map<string, AskedOrigins>();
  #lastId = 0;

  /** @param parts `ask` throws GatewayError `peer-unavailable` when the peer does not answer */
  constructor(
    context: Context,
    parts: {
      ask: (peer: Peer, ask: Ask, signal: AbortSignal) => Promise<Reply>;
      held: HeldSnapshots;
      requests: SnapshotRequests;
    },
  ) {
    this.#context = context;
    this.#ask = parts.ask;
    this.#held = parts.held;
    this.#requests = parts.requests;
  }

  /**
   * The first heartbeat of a peer in this run: with `syncAtStartup` its snapshots are pulled now, a second time after
   * the grace period, and again until it worked; in passive mode too, because a standby wants nothing more than that.
   */
  firstContact(peer: Peer): void {
    const { settings, tasks } = this.#context;
    if (!settings.syncAtStartup || this.#contacted.has(peer)) return;
    this.#contacted.add(peer);
    tasks.run(`sync with ${peer.label}`, (signal) => this.#pull(peer, signal));
  }

  /**
   * Asks the peer's application for fresh snapshots. Resolves when it is asked, not when they are here.
   *
   * @param timeoutMs how long its application has; null: our own `snapshotRequestTimeout`
   * @throws GatewayError `peer-unavailable` when the peer does not answer, or cannot ask its application
   */
  async sync(peer: Peer, timeoutMs: number | null): Promise<SyncView> {
    const { clock, rules, settings } = this.#context;
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    const id = `sync-${this.#lastId}`;
    const ask = { kind: 'sync', id, timeoutMs: timeoutMs ?? settings.requestTimeoutMs } as const;
    const first = await this.#askFor(peer, ask);
    const origins = [...first.origins];
    for (let replies = 1; origins.length < (first.total ?? 0); replies += 1) {
      const from = origins.length;
      const more = await this.#askFor(peer, { ...ask, id: `${id}-${from}`, rest: { of: id, from } });
      origins.push(...more.origins);
      if (more.origins.length === 0 || replies === REPLIES_MOST)
        throw unavailable(peer, `it says that there are ${first.total ?? 0} origins, and does not name them`);
    }
    return this.#view({ syncId: id, dataCenter: peer.label, origins });
  }

  async #askFor(peer: Peer, ask: SyncAsk): Promise<Extract<Reply, { kind: 'sync' }>> {
    const reply = await this.#ask(peer, ask, this.#context.tasks.signal);
    if (reply.kind === 'sync') return reply;
    throw unavailable(peer, reply.kind === 'failed' ? `${reply.detail} (${reply.code})` : 'it answered something else');
  }

  /**
   * Waits until everything that the peer's application was asked for is held here.
   *
   * @param timeoutMs null: `snapshotRequestTimeout`
   * @throws GatewayError `not-in-time` (facts.answer: the view as far as it came)
   */
  async awaitSync(sync: SyncView, timeoutMs: number | null, signal: AbortSignal): Promise<SyncView> {
    const { clock, settings, tasks } = this.#context;
    const bound = bounded(signal, tasks.signal);
    const timer = clock.sleep(timeoutMs ?? settings.requestTimeoutMs, bound.signal).then(bound.end);
    let view = this.#view(sync);
    while (!isHeld(view) && !bound.signal.aborted) {
      await this.#held.progress.next(bound.signal);
      view = this.#view(sync);
    }
    bound.end();
    await timer;
    if (isHeld(view)) return view;
    const waiting = view.origins.filter(({ state }) => state === 'waiting').length;
    throw new GatewayError(
      'not-in-time',
      `The application of "${sync.dataCenter}" is asked, but of ${view.origins.length} origins ${waiting} were not held here in time; what comes later is taken all the same.`,
      { facts: { answer: view } },
    );
  }

  /** The asked side: asks our own application, for all that we own, whatever the mode, because a peer wants it. */
  async answer(peer: Peer, ask: Ask): Promise<Reply> {
    if (ask.kind !== 'sync') return failed(ask.id, 'bad-request', 'This is no request for a sync.');
    const { id, rest } = ask;
    if (rest !== undefined) {
      const known = this.#answered.get(`${peer.label} ${rest.of}`);
      if (known === undefined) return failed(id, 'bad-request', `The sync "${rest.of}" is not known here any more.`);
      return partOf(id, known, rest.from);
    }
    if (this.#requests.isStopped) return failed(id, 'shutting-down', 'The gateway is shutting down.');
    const timeoutMs = Math.min(ask.timeoutMs, DAY_MS);
    const requestId = await this.#requests.ask('sync', { origins: null, timeoutMs });
    const origins = [...this.#requests.expected(requestId)];
    this.#answered.set(`${peer.label} ${id}`, origins);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > REMEMBERED_MOST && oldest !== undefined) this.#answered.delete(oldest);
    return partOf(id, origins, 0);
  }

  async #pull(peer: Peer, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    const { syncGracePeriodMs, syncRetryIntervalMs } = settings;
    /** When it is done a second time, whatever became of the first; Infinity once that was begun. */
    let secondAt = syncGracePeriodMs === null ? Infinity : clock.now() + syncGracePeriodMs;
    let failures = 0;
    while (!signal.aborted) {
      if (clock.now() >= secondAt) secondAt = Infinity;
      failures = (await this.#hasWorked(peer, failures, signal)) ? 0 : failures + 1;
      const againAt = Math.min(secondAt, failures === 0 ? Infinity : clock.now() + syncRetryIntervalMs);
      if (againAt === Infinity) return;
      await clock.sleep(againAt - clock.now(), signal);
    }
  }

  async #hasWorked(peer: Peer, failures: number, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#context;
    try {
      const { origins } = await this.awaitSync(await this.sync(peer, null), null, signal);
      log.info({ peer: peer.label, origins: origins.length }, "the peer's snapshots were pulled (syncAtStartup)");
      return true;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (signal.aborted) return false;
      // Said once: a peer without its application may stay so for days.
      const level = failures === 0 ? 'warn' : 'debug';
      log[level]({ peer: peer.label, error: error.message }, "the peer's snapshots could not be pulled; tried again");
      return false;
    }
  }

  #view(sync: {
    readonly syncId: string;
    readonly dataCenter: string;
    readonly origins: readonly { readonly workload: string; readonly origin: string; readonly after: number }[];
  }): SyncView {
    const { syncId, dataCenter } = sync;
    const origins = sync.origins.map(({ workload, origin, after }) => {
      const rows = this.#held.store.rowsOf({ dataCenter, workload, origin });
      const fresh = rows.find((row) => row.place === 'live' && row.version > after);
      const state = fresh === undefined ? ('waiting' as const) : ('held' as const);
      return { workload, origin, after, state, version: fresh?.version ?? null };
    });
    return { syncId, dataCenter, origins };
  }
}

function isHeld({ origins }: SyncView): boolean {
  return origins.every(({ state }) => state === 'held');
}

/** As many of the origins as have room, from a place on. */
function partOf(id: string, all: AskedOrigins, from: number): Reply {
  const origins: AskedOrigins = [];
  let bytes = 0;
  for (const row of all.slice(from, from + REPLY_MAX_ORIGINS)) {
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    if (bytes > REPLY_MAX_BYTES) break;
    origins.push(row);
  }
  const reply = { kind: 'sync', id, origins } as const;
  return origins.length === all.length ? reply : { ...reply, total: all.length };
}

function unavailable(peer: Peer, why: string): GatewayError {
  return new GatewayError('peer-unavailable', `"${peer.label}" did not ask its application: ${why}.`);
}

function failed(id: string, code: string, detail: string): Reply {
  return { kind: 'failed', id, code, detail };
}
