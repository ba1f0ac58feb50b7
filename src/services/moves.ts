import {
  isOver,
  isStandingDown,
  noticeOf,
  type Lag,
  type Move,
  type MoveNotice,
  type MoveProgress,
} from '../core/move.ts';
import { messageOf } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { DurableRecords } from './durable-records.ts';
import type { EventHub } from './event-hub.ts';
import type { HandBack, Offered } from './hand-back.ts';
import type { History } from './history.ts';
import { MoveJournal } from './move-journal.ts';
import { MoveSnapshots } from './move-snapshots.ts';
import { MoveWatch, RollBack } from './move-watch.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { SnapshotRequests } from './snapshot-requests.ts';
import { StepTimer } from './step-timer.ts';
import { Broadcast } from './wake.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

interface Parts {
  readonly records: DurableRecords;
  readonly table: OwnershipTable;
  readonly peers: PeerDirectory;
  readonly own: OwnSnapshots;
  readonly snapshots: WorkloadSnapshots;
  readonly requests: SnapshotRequests;
  readonly handBack: HandBack;
  readonly damage: Damage;
  readonly stores: Readonly<Record<'outgoing' | 'held' | 'returned', Offered['store']>>;
  readonly events: EventHub;
  readonly history: History;
}

/**
 * The present owner's side of a planned move. It alone decides: until its row with the new owner is durable it may go
 * back at any time, and after that it is not the owner (docs/design/ownership.md).
 */
export class Moves {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #journal: MoveJournal;
  readonly #watch: MoveWatch;
  readonly #snapshots: MoveSnapshots;
  readonly #released = new Set<string>();
  /** Their epoch is being reserved: none is under way yet, and no other may begin. */
  readonly #beginning = new Set<string>();
  /** Those that a task drives, until the last word of it is written. */
  readonly #driven = new Set<Move>();
  readonly #ended = new Broadcast();
  /** What the target of each workload's move says. */
  readonly #progress = new Map<string, MoveProgress>();
  /** Called at each change that others are to hear at once. */
  onChanged: () => void = () => undefined;
  /** Called when the work is given away: its new owner may have died while that was written. */
  onCommitted: (workload: string) => void = () => undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#watch = new MoveWatch(context, parts);
    this.#snapshots = new MoveSnapshots(context, { ...parts, watch: this.#watch });
    this.#journal = new MoveJournal(context, parts.records);
    this.#journal.onChanged = () => {
      this.onChanged();
    };
  }

  load(workloads: readonly string[]): Promise<void> {
    return this.#journal.load(workloads);
  }

  /** Goes on with what a former run began. */
  start(): void {
    for (const { workload } of this.#journal.underWay()) this.resume(workload);
  }

  /** The same for one workload; of one whose data centre's name was learned only now, too. */
  resume(workload: string): void {
    const move = this.#journal.get(workload);
    if (move === undefined || isOver(move.phase)) return;
    this.#context.tasks.run('go on with a move', (signal) => this.#run(move, signal));
  }

  /** Rolls back whatever is not decided yet. Resolves when all are over, or the signal is aborted. */
  async callOff(reason: string, signal: AbortSignal): Promise<void> {
    this.#watch.callOff(reason);
    while (this.#beginning.size + this.#driven.size > 0 && !signal.aborted) await this.#ended.next(signal);
  }

  last(workload: string): Move | undefined {
    return this.#journal.get(workload);
  }

  isUnderWay(workload: string): boolean {
    const move = this.#journal.get(workload);
    return this.#beginning.has(workload) || (move !== undefined && !isOver(move.phase));
  }

  isStandingDown(workload: string): boolean {
    const move = this.#journal.get(workload);
    return move !== undefined && isStandingDown(move.phase);
  }

  /** Whether our application may still post: until it has released the work, or its time for that is over. */
  takesSnapshots(workload: string): boolean {
    const phase = this.#journal.get(workload)?.phase;
    return phase === undefined || !takesNoSnapshots(phase);
  }

  notices(): readonly MoveNotice[] {
    return this.#journal.all().map(noticeOf);
  }

  /** A target's word of the move to it, and nobody else's. */
  heard(from: string | null, progress: readonly MoveProgress[]): void {
    for (const one of progress) {
      const move = this.#journal.get(one.workload);
      if (move?.id !== one.id || move.to !== from) continue;
      this.#progress.set(one.workload, one);
      this.#watch.notify();
    }
  }

  /** What a peer lacks of a workload that is ours. */
  lag(peer: Peer, workload: string): Lag {
    return this.#snapshots.lag(peer, workload);
  }

  /** The application has let go. @returns false when it was not asked to, or its time was over; a repeat is true again */
  release(workload: string): boolean {
    const move = this.#journal.get(workload);
    if (move === undefined || !isStandingDown(move.phase)) return false;
    // Afterwards the work was taken away: who says only now that it let go must learn that it was too late.
    if (move.phase !== 'releasing' && !this.#released.has(move.id)) return false;
    this.#released.add(move.id);
    this.#watch.notify();
    return true;
  }

  /** Begins; resolves when the move is durable and said. The checks have been made. */
  async begin(workload: string, to: string, actor: string): Promise<void> {
    this.#beginning.add(workload);
    try {
      await this.#begin(workload, to, actor);
    } finally {
      this.#beginning.delete(workload);
      this.#ended.notify();
    }
  }

  async #begin(workload: string, to: string, actor: string): Promise<void> {
    const { clock, settings, tasks } = this.#context;
    const epoch = await this.#parts.table.reserve(workload);
    const move: Move = {
      id: this.#journal.nextId(),
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
    await this.#journal.save(move);
    await this.#parts.events.publish({ type: 'move-started', workload, from: move.from, to, epoch, actor });
    tasks.run('move a workload', (signal) => this.#run(move, signal));
  }

  async #run(move: Move, signal: AbortSignal): Promise<void> {
    this.#driven.add(move);
    try {
      await this.#drive(move, signal);
    } finally {
      this.#driven.delete(move);
      this.#ended.notify();
    }
  }

  async #drive(begun: Move, signal: AbortSignal): Promise<void> {
    const timer = new StepTimer(this.#context);
    let move = begun;
    const next = async (changes: Partial<Move>, step: string): Promise<void> => {
      const fresh = { ...move, ...changes, steps: [...move.steps, timer.step(step)] };
      if (takesNoSnapshots(fresh.phase)) {
        // From here on nothing more is accepted, and the target may be given what there is: a crash that forgot that would
        // take more, under the same epoch, and the target would have been given all already.
        if (!(await this.#journal.saveFirst(fresh)))
          throw new RollBack('the state folder takes nothing, and a crash would forget how far the move is');
      } else {
        await this.#journal.save(fresh);
      }
      move = fresh;
    };
    try {
      // What a crash kept from being noted: the row was written, so it is done.
      if (this.#isCommitted(move)) {
        await this.#committed(move, timer);
        return;
      }
      if (move.phase === 'snapshots') {
        const missing = await this.#snapshots.fresh(move, signal);
        await next({ missing }, 'snapshots');
        await this.#snapshots.atTarget(move, this.#context.settings.requestTimeoutMs, signal);
        await next({ phase: 'releasing' }, 'replicated');
      }
      if (move.phase === 'releasing') {
        await this.#release(move, signal);
        await next({ phase: 'flushing' }, 'released');
      }
      if (move.phase === 'flushing') {
        const snapshots = await this.#snapshots.flush(move, signal);
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

  async #release(move: Move, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    const { workload, to } = move;
    const deadline = isoTime(clock.wallMs() + settings.releaseTimeoutMs);
    await this.#parts.events.publish({ type: 'owner-releasing', workload, to, deadline });
    await this.#watch.until(move, settings.releaseTimeoutMs, signal, () => this.#released.has(move.id));
  }

  async #ready(move: Move, signal: AbortSignal): Promise<void> {
    const { requestTimeoutMs } = this.#context.settings;
    const isReady = await this.#watch.until(move, requestTimeoutMs, signal, () => {
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
    if ((await this.#parts.table.change(workload, { owner: to, epoch, reason })) !== 'made')
      throw new RollBack('another row of a higher epoch has come');
  }

  #isCommitted({ workload, epoch, to }: Move): boolean {
    const row = this.#parts.table.row(workload);
    // Who took us for dead while it was moved may have taken it over under the very same epoch: that is no commit of ours.
    return row.owner === to && row.epoch === epoch && row.reason !== 'takeover';
  }

  async #committed(move: Move, timer: StepTimer): Promise<void> {
    const { workload, from, to, epoch } = move;
    const committed: Move = { ...move, phase: 'committed', steps: [...move.steps, timer.step('committed')] };
    // In memory at once, and to the target at once: it is nobody's turn until it has heard.
    this.#journal.show(committed);
    this.onCommitted(workload);
    const { reason } = this.#parts.table.row(workload);
    const seconds = committed.steps.at(-1)?.seconds ?? 0;
    await this.#parts.events.publish({ type: 'owner-changed', workload, from, to, epoch, reason, seconds });
    await this.#journal.save(committed);
    await this.#record(committed, 'committed');
  }

  async #rollBack(move: Move, reason: string, timer: StepTimer): Promise<void> {
    const { workload, from, to, epoch } = move;
    const rolledBack: Move = {
      ...move,
      phase: 'rolled-back',
      reason: reason.slice(0, 500),
      steps: [...move.steps, timer.step('rolled-back')],
    };
    await this.#journal.save(rolledBack);
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
}

function takesNoSnapshots(phase: Move['phase']): boolean {
  return phase === 'flushing' || phase === 'handing-over';
}
