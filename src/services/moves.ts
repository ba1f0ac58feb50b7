import {
  isOver,
  isStandingDown,
  noticeOf,
  type Lag,
  type Move,
  type MoveNotice,
  type MoveProgress,
} from '../core/move.ts';
import { epochOfVersion } from '../core/ordering.ts';
import type { StoredSnapshot } from '../core/snapshot.ts';
import { messageOf } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { DurableRecords } from './durable-records.ts';
import type { EventHub } from './event-hub.ts';
import type { HandBack, Offered } from './hand-back.ts';
import type { History } from './history.ts';
import { moveRecord, parseMove } from './move-records.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { SnapshotRequests } from './snapshot-requests.ts';
import { bounded, Broadcast } from './wake.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

/** How long the target has to take the last snapshots once we stand down. */
const FLUSH_MS = 30 * SECOND_MS;

interface Parts {
  readonly records: DurableRecords;
  readonly table: OwnershipTable;
  readonly peers: PeerDirectory;
  readonly own: OwnSnapshots;
  readonly snapshots: WorkloadSnapshots;
  readonly requests: SnapshotRequests;
  readonly handBack: HandBack;
  readonly damage: Damage;
  readonly stores: { readonly outgoing: Offered['store']; readonly held: Offered['store'] };
  readonly events: EventHub;
  readonly history: History;
}

/** Ends a move before its commit; what it says is shown to the operator. */
class RollBack extends Error {}

/**
 * The present owner's side of a planned move. It alone decides: until its row with the new owner is durable it may go
 * back at any time, and after that it is not the owner (docs/design/ownership.md).
 */
export class Moves {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #last = new Map<string, Move>();
  readonly #released = new Set<string>();
  /** What the target of each workload's move says. */
  readonly #progress = new Map<string, MoveProgress>();
  readonly #changed = new Broadcast();
  #lastId = 0;
  /** Called at each change that others are to hear at once. */
  onChanged: () => void = () => undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  async load(workloads: readonly string[]): Promise<void> {
    for (const workload of workloads) {
      const move = parseMove(await this.#parts.records.read(moveRecord(workload)));
      if (move !== null && move.workload === workload) this.#last.set(workload, move);
    }
  }

  /** Goes on with what a former run began. */
  start(): void {
    for (const move of this.#last.values())
      if (!isOver(move.phase)) this.#context.tasks.run('go on with a move', (signal) => this.#drive(move, signal));
  }

  last(workload: string): Move | undefined {
    return this.#last.get(workload);
  }

  isUnderWay(workload: string): boolean {
    const move = this.#last.get(workload);
    return move !== undefined && !isOver(move.phase);
  }

  isStandingDown(workload: string): boolean {
    const move = this.#last.get(workload);
    return move !== undefined && isStandingDown(move.phase);
  }

  /** Whether our application may still post: until it has released the work, or its time for that is over. */
  takesSnapshots(workload: string): boolean {
    const phase = this.#last.get(workload)?.phase;
    return phase === undefined || !takesNoSnapshots(phase);
  }

  notices(): readonly MoveNotice[] {
    return [...this.#last.values()].map(noticeOf);
  }

  /** A target's word; of a move that is over it says nothing. */
  heard(progress: readonly MoveProgress[]): void {
    for (const one of progress) {
      if (this.#last.get(one.workload)?.id !== one.id) continue;
      this.#progress.set(one.workload, one);
      this.#changed.notify();
    }
  }

  /** A peer's state changed, or something was stored at one. */
  notify(): void {
    this.#changed.notify();
  }

  /** The application has let go. @returns false when it was not asked to */
  release(workload: string): boolean {
    const move = this.#last.get(workload);
    if (move === undefined || !isStandingDown(move.phase)) return false;
    this.#released.add(move.id);
    this.#changed.notify();
    return true;
  }

  /** Begins; resolves when the move is durable and said. The checks have been made. */
  async begin(workload: string, to: string, actor: string): Promise<void> {
    const { clock, rules, settings, tasks } = this.#context;
    const epoch = await this.#parts.table.reserve(workload);
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    const move: Move = {
      id: `${settings.dataCenter}-${this.#lastId}`,
      workload,
      from: settings.dataCenter,
      to,
      epoch,
      phase: 'snapshots',
      actor,
      startedAt: isoTime(clock.wallMs()),
      steps: [],
      missing: [],
      snapshots: 0,
      reason: null,
    };
    await this.#save(move);
    await this.#parts.events.publish({ type: 'move-started', workload, from: move.from, to, epoch, actor });
    tasks.run('move a workload', (signal) => this.#drive(move, signal));
  }

  async #drive(begun: Move, signal: AbortSignal): Promise<void> {
    const timer = new Timer(this.#context);
    let move = begun;
    const next = async (changes: Partial<Move>, step: string): Promise<void> => {
      const fresh = { ...move, ...changes, steps: [...move.steps, timer.step(step)] };
      if (takesNoSnapshots(fresh.phase)) await this.#saveFirst(fresh);
      else await this.#save(fresh);
      move = fresh;
    };
    try {
      // What a crash kept from being noted: the row was written, so it is done.
      if (this.#isCommitted(move)) {
        await this.#committed(move, timer);
        return;
      }
      if (move.phase === 'snapshots') {
        const missing = await this.#freshSnapshots(move, signal);
        await next({ missing }, 'snapshots');
        await this.#atTarget(move, this.#context.settings.requestTimeoutMs, signal);
        await next({ phase: 'releasing' }, 'replicated');
      }
      if (move.phase === 'releasing') {
        await this.#release(move, signal);
        await next({ phase: 'flushing' }, 'released');
      }
      if (move.phase === 'flushing') {
        const snapshots = await this.#flush(move, signal);
        await next({ phase: 'handing-over', snapshots }, 'flushed');
      }
      await this.#ready(move, signal);
      if (signal.aborted) return;
      timer.step('acknowledged');
      await this.#commit(move);
      await this.#committed(move, timer);
    } catch (error) {
      // A crash goes on from the record, and so does whatever else ends us here.
      if (signal.aborted) return;
      if (!(error instanceof RollBack))
        this.#context.log.error({ workload: move.workload, error: messageOf(error) }, 'a move failed');
      await this.#rollBack(move, messageOf(error), timer);
    }
  }

  /** @returns the origins that were not posted in time: of them the last version serves */
  async #freshSnapshots(move: Move, signal: AbortSignal): Promise<readonly string[]> {
    const { requests } = this.#parts;
    const { workload } = move;
    const { requestTimeoutMs } = this.#context.settings;
    const requestId = await requests.ask('switchover', { workload, origins: null, timeoutMs: requestTimeoutMs });
    const { rows } = await requests.awaitRequest(requestId, 'accepted', requestTimeoutMs, signal);
    await this.#raise(workload, signal);
    if (move.to !== workload) await this.#adopt(workload, signal);
    return rows.filter((row) => row.state === 'missing').map((row) => row.origin);
  }

  /** What our application posted counts, whatever was posted by one who lost the work to us under the same epoch. */
  async #raise(workload: string, signal: AbortSignal): Promise<void> {
    const { own } = this.#parts;
    for (const { key } of own.newest()) if (key.workload === workload) await own.raise(key, signal);
  }

  #isOfOurTime(workload: string, { key, version }: StoredSnapshot): boolean {
    const isOwn = key.dataCenter === this.#context.settings.dataCenter && key.workload === workload;
    return isOwn && epochOfVersion(version) >= this.#parts.table.row(workload).epoch;
  }

  /**
   * What our application never posted anew lies only where its former owner had sent it, and the target may be none of
   * those. The home DC is given it with the return.
   */
  async #adopt(workload: string, signal: AbortSignal): Promise<void> {
    const { own, snapshots, stores, damage } = this.#parts;
    for (const { key, version } of snapshots.offered(workload)) {
      if (signal.aborted) return;
      const reader = await damage.open(stores.held, key, version);
      try {
        await own.adopt(reader, signal);
      } finally {
        await reader.close();
      }
    }
  }

  /** Until the target has everything of the workload as it is now; an application that posts all the time keeps nobody. */
  async #atTarget(move: Move, ms: number, signal: AbortSignal): Promise<void> {
    const peer = this.#target(move);
    const wanted = this.#lacking(peer, move.workload);
    const rest = (): readonly StoredSnapshot[] => wanted.filter((row) => !peer.plan.has(row.key, row.version));
    const isThere = await this.#until(ms, signal, () => {
      this.#assertUp(move, peer);
      return rest().length === 0;
    });
    if (!isThere && !signal.aborted) throw new RollBack(`"${move.to}" lacks ${rest().length} snapshots still`);
  }

  /** Until what was taken before we ceased to take any is durable: it is accepted then, and belongs to the rest. */
  async #written(move: Move, signal: AbortSignal): Promise<void> {
    const isWritten = await this.#until(FLUSH_MS, signal, () => {
      this.#assertUp(move, this.#target(move));
      return !this.#parts.own.isWriting(move.workload);
    });
    if (!isWritten && !signal.aborted) throw new RollBack('the last snapshots do not become durable');
  }

  lag(peer: Peer, workload: string): Lag {
    const since = peer.plan.oldestPendingSince(workload);
    return {
      behindVersions: this.#lacking(peer, workload).length,
      behindSeconds: since === null ? 0 : (this.#context.clock.now() - since) / SECOND_MS,
    };
  }

  #lacking(peer: Peer, workload: string): readonly StoredSnapshot[] {
    return this.#parts.own
      .newest()
      .filter((row) => row.key.workload === workload && !peer.plan.has(row.key, row.version));
  }

  async #release(move: Move, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    const { workload, to } = move;
    const deadline = isoTime(clock.wallMs() + settings.releaseTimeoutMs);
    await this.#parts.events.publish({ type: 'owner-releasing', workload, to, deadline });
    await this.#until(settings.releaseTimeoutMs, signal, () => {
      this.#assertUp(move, this.#target(move));
      return this.#released.has(move.id);
    });
  }

  /** What was posted until now goes to the target; to the home DC as a return. @returns how many it will deliver */
  async #flush(move: Move, signal: AbortSignal): Promise<number> {
    await this.#written(move, signal);
    await this.#raise(move.workload, signal);
    await this.#atTarget(move, FLUSH_MS, signal);
    const offered = this.#newest(move.workload);
    if (move.to !== move.workload) return offered.length;
    const { clock } = this.#context;
    const bound = bounded(signal);
    const timer = clock.sleep(FLUSH_MS, bound.signal).then(bound.end);
    const taken = await this.#parts.handBack.send(this.#target(move), move.id, offered, bound.signal);
    bound.end();
    await timer;
    if (taken === null && !signal.aborted) throw new RollBack(`"${move.to}" did not take its snapshots in time`);
    // It accepted something newer itself after it had lost the work, and that is not here yet: once it is, ours goes above it.
    const lost = taken?.refused.find(({ snapshot }) => this.#isOfOurTime(move.workload, snapshot));
    if (lost !== undefined)
      throw new RollBack(`"${move.to}" has a newer "${lost.snapshot.key.origin}" of its own, and does not take ours`);
    return taken?.taken ?? 0;
  }

  /** Of each origin the newest that there is here: our own, or held where our application never posted it anew. */
  #newest(workload: string): readonly Offered[] {
    const { own, snapshots, stores } = this.#parts;
    const newest = new Map<string, Offered>();
    for (const snapshot of snapshots.offered(workload))
      newest.set(snapshot.key.origin, { store: stores.held, snapshot });
    for (const snapshot of own.newest()) {
      const { origin } = snapshot.key;
      if (snapshot.key.workload !== workload) continue;
      if (snapshot.version < (newest.get(origin)?.snapshot.version ?? 0)) continue;
      if (snapshot.withdrawn) newest.delete(origin);
      else newest.set(origin, { store: stores.outgoing, snapshot });
    }
    return [...newest.values()];
  }

  async #ready(move: Move, signal: AbortSignal): Promise<void> {
    const { requestTimeoutMs } = this.#context.settings;
    const isReady = await this.#until(requestTimeoutMs, signal, () => {
      this.#assertUp(move, this.#target(move));
      const heard = this.#progress.get(move.workload);
      const progress = heard?.id === move.id ? heard : undefined;
      if (progress?.state === 'failed') throw new RollBack(`"${move.to}" refused: ${progress.reason ?? 'no reason'}`);
      return progress?.state === 'ready';
    });
    if (!isReady && !signal.aborted) throw new RollBack(`the application at "${move.to}" did not acknowledge in time`);
  }

  async #commit(move: Move): Promise<void> {
    const { workload, to, epoch } = move;
    const reason = to === workload ? 'failback' : 'switchover';
    if (!(await this.#parts.table.change(workload, { owner: to, epoch, reason })))
      throw new RollBack('another row of a higher epoch has come');
  }

  #isCommitted({ workload, epoch, to }: Move): boolean {
    const row = this.#parts.table.row(workload);
    // Who took us for dead while it was moved may have taken it over under the very same epoch: that is no commit of ours.
    return row.owner === to && row.epoch === epoch && row.reason !== 'takeover';
  }

  async #committed(move: Move, timer: Timer): Promise<void> {
    const { workload, from, to, epoch } = move;
    const committed: Move = { ...move, phase: 'committed', steps: [...move.steps, timer.step('committed')] };
    // In memory at once, and to the target at once: it is nobody's turn until it has heard.
    this.#last.set(workload, committed);
    this.onChanged();
    const { reason } = this.#parts.table.row(workload);
    await this.#parts.events.publish({ type: 'owner-changed', workload, from, to, epoch, reason });
    await this.#save(committed);
    await this.#record(committed, 'committed');
  }

  async #rollBack(move: Move, reason: string, timer: Timer): Promise<void> {
    const { workload, from, to, epoch } = move;
    const rolledBack: Move = {
      ...move,
      phase: 'rolled-back',
      reason: reason.slice(0, 500),
      steps: [...move.steps, timer.step('rolled-back')],
    };
    await this.#save(rolledBack);
    const body = { workload, from, to, epoch, reason, seconds: timer.seconds };
    await this.#parts.events.publish({ type: 'move-rolled-back', ...body });
    await this.#record(rolledBack, `rolled back: ${reason}`);
  }

  async #record(move: Move, outcome: string): Promise<void> {
    const { workload, to, actor, steps, epoch, missing, snapshots } = move;
    const kind = to === workload ? 'failback' : 'switchover';
    const inputs = { to, epoch, missing, snapshots };
    await this.#parts.history.record({ kind, workload, dataCenter: to, actor, outcome, inputs, steps });
  }

  async #save(move: Move): Promise<void> {
    this.#last.set(move.workload, move);
    // Before anybody hears of it; on a disk that takes nothing it goes on, and a crash rolls back with us.
    await this.#parts.records.settle(moveRecord(move.workload), move);
    this.onChanged();
  }

  /**
   * Durable before it counts. From here on nothing more is accepted, and the target may be given what there is: a crash that forgot that would take
   * more, under the same epoch, and the target would have been given all already.
   */
  async #saveFirst(move: Move): Promise<void> {
    if (await this.#parts.records.settle(moveRecord(move.workload), move)) {
      this.#last.set(move.workload, move);
      this.onChanged();
      return;
    }
    throw new RollBack('the state folder takes nothing, and a crash would forget how far the move is');
  }

  #target(move: Move): Peer {
    const peer = this.#parts.peers.find(move.to);
    if (peer === undefined) throw new RollBack(`"${move.to}" is no peer any more`);
    return peer;
  }

  #assertUp({ to, workload, from }: Move, peer: Peer): void {
    const { owner, epoch } = this.#parts.table.row(workload);
    if (owner !== from) throw new RollBack(`"${owner}" owns it now (epoch ${epoch})`);
    const { state } = peer.health;
    // Not heard yet after our own start: its time is bounded by whoever waits.
    if (state === 'down' || state === 'left') throw new RollBack(`"${to}" is ${state}`);
  }

  /** @returns whether the condition came true within the time */
  async #until(ms: number, signal: AbortSignal, condition: () => boolean): Promise<boolean> {
    const { clock } = this.#context;
    const deadline = clock.now() + ms;
    while (!signal.aborted) {
      if (condition()) return true;
      const left = deadline - clock.now();
      if (left <= 0) return false;
      const bound = bounded(signal);
      await Promise.race([
        this.#changed.next(bound.signal),
        this.#parts.own.progress.next(bound.signal),
        clock.sleep(left, bound.signal),
      ]);
      bound.end();
    }
    return false;
  }
}

function takesNoSnapshots(phase: Move['phase']): boolean {
  return phase === 'flushing' || phase === 'handing-over';
}

/** Times the steps of a move by the monotonic clock. */
class Timer {
  readonly #context: Context;
  readonly #startedAt: number;
  #at: number;

  constructor(context: Context) {
    this.#context = context;
    this.#startedAt = context.clock.now();
    this.#at = this.#startedAt;
  }

  get seconds(): number {
    return (this.#context.clock.now() - this.#startedAt) / SECOND_MS;
  }

  step(step: string): { step: string; at: string; seconds: number } {
    const { clock } = this.#context;
    const now = clock.now();
    const seconds = (now - this.#at) / SECOND_MS;
    this.#at = now;
    return { step, at: isoTime(clock.wallMs()), seconds };
  }
}
