import type { Delivery } from '../core/delivery.ts';
import { isUnderWay, type Takeover, type TakeoverBlock } from '../core/takeover.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { Context } from './context.ts';
import type { DecisionFacts } from './decision-facts.ts';
import type { Deliveries } from './deliveries.ts';
import type { DurableRecords } from './durable-records.ts';
import type { EventHub } from './event-hub.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { History } from './history.ts';
import type { ChangeOutcome, OwnershipTable } from './ownership-table.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { Settlement } from './settlement.ts';
import type { TakeoverChecks } from './takeover-checks.ts';
import type { TakeoverJournal } from './takeover-journal.ts';
import type { Watermarks } from './watermarks.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';
import { SECOND_MS } from '../units.ts';

/** Who began a takeover that no operator asked for. */
export const AUTOMATIC = 'automatic';

interface Parts {
  readonly records: DurableRecords;
  readonly table: OwnershipTable;
  readonly settlement: Settlement;
  readonly peers: PeerDirectory;
  readonly held: HeldSnapshots;
  readonly snapshots: WorkloadSnapshots;
  readonly deliveries: Deliveries;
  readonly events: EventHub;
  readonly watermarks: Watermarks;
  readonly history: History;
  readonly journal: TakeoverJournal;
  readonly checks: TakeoverChecks;
  readonly facts: DecisionFacts;
}

/**
 * Takes the steps of a takeover, each durable before the next, and every way out of it: that it is completed, cancelled
 * or blocked. When it may begin, and when to look at it again, is not decided here.
 */
export class TakeoverSteps {
  readonly #context: Context;
  readonly #parts: Parts;
  /** They wait with the change of owner until everybody was heard, or had the time for it. */
  readonly #unsettled = new Set<string>();
  /** Begun by a former run, which a crash may have kept from saying so. */
  readonly #maybeUnsaid = new Set<string>();
  /** The change of owner that is being written of each workload: on a disk that hangs beside the queue. */
  readonly #writing = new Map<string, { isWanted: boolean }>();
  /** Called when a row is ours now: everybody is to hear it at once. */
  onOwnerChanged: () => void = () => undefined;
  /** Called when one is blocked now. */
  onBlocked: () => void = () => undefined;
  /** Called when a change of owner that hung has ended, well or not. */
  onWritten: (workload: string) => void = () => undefined;
  /** Called when one was called off: its workload may have an owner by now whose death was followed without it. */
  onCancelled: (workload: string) => void = () => undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  async load(workloads: readonly string[]): Promise<void> {
    const { journal } = this.#parts;
    await journal.load(workloads);
    for (const { workload, phase } of journal.underWay()) if (phase === 'due') this.#maybeUnsaid.add(workload);
  }

  /** Durable, then said; the rest is for `advance`. */
  async begin(workload: string, from: string, by: { forced: boolean; actor: string }): Promise<void> {
    const inputs = this.#inputs(workload, this.#parts.peers.find(from));
    await this.#sayStarted(await this.#parts.journal.begin(workload, from, { ...by, inputs }));
  }

  async #sayStarted({ workload, from, actor }: Takeover): Promise<void> {
    this.#maybeUnsaid.delete(workload);
    const { epoch } = this.#parts.table.row(workload);
    await this.#parts.events.publish({ type: 'takeover-started', workload, dataCenter: from, epoch, actor });
  }

  /** Durable after it was said: a crash in between checks again, and says it again. */
  async #sayChecked(checked: Takeover): Promise<Takeover> {
    const { workload, from, epoch } = checked;
    const seconds = secondsOfLast(checked);
    await this.#parts.events.publish({ type: 'takeover-checked', workload, dataCenter: from, epoch, seconds });
    return this.#parts.journal.save(checked);
  }

  /** Whoever forces it does not wait for an application that never answers: what it was offered it finds by `/v1/restore`. */
  async overrule(takeover: Takeover): Promise<void> {
    await this.#parts.journal.save(takeover);
    const delivery =
      takeover.epoch === 0 ? undefined : this.#parts.deliveries.ofChange(takeover.workload, takeover.epoch);
    if (takeover.forced && delivery !== undefined) await this.#parts.deliveries.cancel(delivery.id);
  }

  /** Before its turn came the owner may have been heard again, or another one may own it: what ends that has passed by. */
  async #isVoid(workload: string, peer: Peer | undefined): Promise<boolean> {
    const takeover = this.#parts.journal.get(workload);
    if (!isUnderWay(takeover) || this.isOurs(takeover)) return false;
    const isSame = this.#parts.table.row(workload).owner === takeover.from;
    if (isSame && this.#mayGoOn(takeover, peer)) return false;
    await this.cancel(takeover, isSame ? 'the peer was heard again' : 'another data centre owns the workload now');
    return true;
  }

  /** As far as it goes now. Every way out leaves a record from which the next call, or the next run, goes on. */
  async advance(workload: string, peer: Peer | undefined): Promise<void> {
    const { deliveries, held, journal } = this.#parts;
    let takeover = journal.get(workload);
    if (!isUnderWay(takeover)) return;
    if (this.isOurs(takeover)) {
      await this.complete(takeover);
      return;
    }
    // What a former run began ends with the word of its owner; that has the time of one heartbeat to come.
    if (peer?.mayBeHeard === true && !takeover.forced) return;
    if (takeover.actor !== AUTOMATIC && (await this.#isVoid(workload, peer))) return;
    if (!this.#mayGoOn(takeover, peer)) return;
    if (takeover.phase === 'due') {
      if (this.#maybeUnsaid.has(workload)) await this.#sayStarted(takeover);
      const block = this.#block(takeover, peer);
      if (block !== null) {
        await this.#blocked(takeover, block);
        return;
      }
      const epoch = await this.#reserve(takeover);
      if (epoch === null) return;
      const inputs = this.#inputs(workload, peer);
      const checked = { ...takeover, epoch, inputs, phase: 'delivering', blockedBy: null } as const;
      takeover = await this.#sayChecked(journal.taken(checked, 'checked'));
    }
    if (takeover.phase === 'delivering') {
      if (!held.store.isKnown) {
        await this.#blocked(takeover, 'store-unavailable');
        return;
      }
      const delivery = await this.#delivery(takeover);
      if (delivery !== undefined && takeover.delivery === null)
        takeover = await journal.step({ ...takeover, delivery: delivery.id, blockedBy: null }, 'delivered');
      // Asked again: while it was written the application may have answered.
      const now = deliveries.ofChange(workload, takeover.epoch);
      if (now !== undefined && !deliveries.isOver(now)) return;
      const changing = { ...takeover, phase: 'changing', blockedBy: null } as const;
      // An operator went on without the application.
      if (now?.state === 'cancelled') takeover = await journal.save(changing);
      else takeover = await journal.step(changing, 'acknowledged');
    }
    await this.#change(takeover, peer);
  }

  async #change(takeover: Takeover, peer: Peer | undefined): Promise<void> {
    const { workload } = takeover;
    // It may have been heard again meanwhile; what its return calls off comes after us in the queue.
    if (!this.#mayGoOn(takeover, peer)) return;
    if (!takeover.forced && this.#parts.table.row(workload).owner !== takeover.from) {
      await this.cancel(takeover, 'another data centre owns the workload now');
      return;
    }
    // After our own start or pause another may own it already; its word may be on its way.
    if (!takeover.forced && !this.#parts.settlement.isSettled) {
      if (!this.#unsettled.has(workload)) {
        this.#unsettled.add(workload);
        this.onBlocked();
      }
      return;
    }
    this.#unsettled.delete(workload);
    let change: ChangeOutcome | null;
    try {
      change = await this.#write(takeover, peer);
    } catch (error) {
      this.#unwritten(workload, error);
      await this.#blocked(takeover, 'state-unwritable');
      return;
    }
    if (change === 'made') await this.complete(takeover);
    else if (change === 'overtaken') await this.cancel(takeover, 'another data centre owns the workload now');
    else if (change === null && this.#isWanted(workload, peer)) await this.#blocked(takeover, 'state-unwritable');
    // Otherwise the return of the owner, or the row of another one, calls it off, after us in the queue.
  }

  /**
   * Writes the row that makes us the owner. A disk that hangs is not waited for here: the queue has the peer's return to
   * follow, and what else its death needs. The write goes on beside it and makes us the owner when it ends, if the takeover
   * was not called off before; and when it has ended the takeover is looked at again.
   * @returns null: it hangs
   */
  async #write({ workload, epoch }: Takeover, peer: Peer | undefined): Promise<ChangeOutcome | null> {
    // One at a time: it is not known what the disk has before the one that hangs has ended.
    if (this.#writing.has(workload)) return null;
    const { records, table } = this.#parts;
    const writing = { isWanted: true };
    this.#writing.set(workload, writing);
    const owner = this.#context.settings.dataCenter;
    // A disk may take its time, and the owner may be heard meanwhile.
    const isWanted = (): boolean => writing.isWanted && this.#isWanted(workload, peer);
    const changing = table.change(workload, { owner, epoch, reason: 'takeover' }, isWanted).finally(() => {
      this.#writing.delete(workload);
    });
    if (await records.inTime(changing)) return changing;
    this.#context.tasks.run('change an owner', async () => {
      await changing.catch((error: unknown) => {
        this.#unwritten(workload, error);
      });
      this.onWritten(workload);
    });
    return null;
  }

  /** @throws what no disk does */
  #unwritten(workload: string, error: unknown): void {
    if (!(error instanceof GatewayError)) throw error;
    this.#context.log.warn({ workload, error: messageOf(error) }, 'the change of owner cannot be recorded yet');
  }

  /** The epoch that it will have; null when there is none left, which blocks it. */
  async #reserve(takeover: Takeover): Promise<number | null> {
    try {
      return await this.#parts.table.reserve(takeover.workload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const { workload, from } = takeover;
      if (takeover.blockedBy !== 'epochs-exhausted')
        this.#context.log.error({ workload, from, error: messageOf(error) }, 'a takeover has no epoch to begin with');
      await this.#blocked(takeover, 'epochs-exhausted');
      return null;
    }
  }

  /** The row is ours and durable. Said at least once: a crash between saying and noting says it again. */
  async complete(takeover: Takeover): Promise<void> {
    const { events, history, journal } = this.#parts;
    const { workload, from, epoch } = takeover;
    this.onOwnerChanged();
    const to = this.#context.settings.dataCenter;
    const changed = journal.taken({ ...takeover, phase: 'changing', blockedBy: null }, 'owner-changed');
    const sinceStep = secondsOfLast(changed);
    await events.publish({ type: 'owner-changed', workload, from, to, epoch, reason: 'takeover', seconds: sinceStep });
    await journal.save(changed);
    const seconds = changed.steps.reduce((sum, step) => sum + step.seconds, 0);
    await events.publish({
      type: 'takeover-completed',
      workload,
      dataCenter: from,
      epoch,
      reason: 'takeover',
      seconds,
    });
    const completed = journal.taken({ ...changed, phase: 'completed' }, 'completed');
    // What is over is looked at by no later run: everything is said before it is written.
    await history.record(this.#entry(completed, 'completed'));
    await journal.save(completed);
  }

  /** Called off before its change of owner, for the reason that is shown. Its delivery ends with it. */
  async cancel(takeover: Takeover, reason: string): Promise<void> {
    const { deliveries, events, history, journal } = this.#parts;
    const { workload, from, epoch, delivery } = takeover;
    // Its row may be on its way to the disk: from now on it makes nobody the owner, whatever becomes of the old one.
    const writing = this.#writing.get(workload);
    if (writing !== undefined) writing.isWanted = false;
    const open = delivery ?? (epoch === 0 ? null : (deliveries.ofChange(workload, epoch)?.id ?? null));
    if (open !== null && deliveries.has(open)) await deliveries.cancel(open);
    const cancelled = journal.taken({ ...takeover, phase: 'cancelled', blockedBy: null }, 'cancelled');
    await events.publish({ type: 'takeover-cancelled', workload, dataCenter: from, epoch, delivery: open, reason });
    await history.record(this.#entry(cancelled, `cancelled: ${reason}`));
    await journal.save(cancelled);
    this.onCancelled(workload);
  }

  async #blocked(takeover: Takeover, block: TakeoverBlock): Promise<void> {
    const { workload, from, epoch } = takeover;
    if (takeover.blockedBy === block) return;
    this.#parts.journal.show({ ...takeover, blockedBy: block });
    await this.#parts.events.publish({ type: 'takeover-blocked', workload, dataCenter: from, epoch, reason: block });
    this.onBlocked();
  }

  /** The one of this epoch, also one that a crash kept from being noted; made when there is something to hand over. */
  async #delivery(takeover: Takeover): Promise<Delivery | undefined> {
    const { deliveries, snapshots, table, watermarks } = this.#parts;
    const { workload, from, epoch } = takeover;
    const made = deliveries.ofChange(workload, epoch);
    if (made !== undefined) return made;
    // One of a change that came to nothing, and that nobody has called off, would be waited for beside ours.
    for (const other of deliveries.list('open'))
      if (other.workload === workload && other.reason !== 'manual') await deliveries.cancel(other.id);
    const isOurs = from === this.#context.settings.dataCenter;
    const due = isOurs ? [] : snapshots.due(workload, table.wasOurs(workload));
    if (due.length === 0) return undefined;
    const fresh = { workload, epoch, watermarks: watermarks.frozen(from), snapshots: due };
    return deliveries.create({ reason: 'takeover', dataCenter: from, ...fresh });
  }

  #block({ workload, actor, forced }: Takeover, peer: Peer | undefined): TakeoverBlock | null {
    const byHand = actor !== AUTOMATIC;
    return this.#parts.checks.block(workload, peer, { byHand, forced, hasBegun: true, isInBlockPeriod: false });
  }

  #mayGoOn(takeover: Takeover, peer: Peer | undefined): boolean {
    if (takeover.forced || peer === undefined) return true;
    const { state } = peer.health;
    return state === 'down' || (takeover.actor !== AUTOMATIC && state === 'left');
  }

  /** Asked again when its row is durable: whether the workload still is to be taken from whom it is taken. */
  #isWanted(workload: string, peer: Peer | undefined): boolean {
    const takeover = this.#parts.journal.get(workload);
    if (!isUnderWay(takeover) || !this.#mayGoOn(takeover, peer)) return false;
    return takeover.forced || this.#parts.table.row(workload).owner === takeover.from;
  }

  /** Whether it waits until what is known of owners can be trusted. */
  isUnsettled({ workload }: Takeover): boolean {
    return this.#unsettled.has(workload);
  }

  /** Whether the row is the one that this takeover made. */
  isOurs({ workload, epoch }: Takeover): boolean {
    const row = this.#parts.table.row(workload);
    return epoch > 0 && row.epoch === epoch && row.owner === this.#context.settings.dataCenter;
  }

  #entry(takeover: Takeover, outcome: string): Parameters<History['record']>[0] {
    const { workload, from, actor, epoch, forced, steps, delivery } = takeover;
    const inputs = { ...takeover.inputs, epoch, forced, delivery };
    return { kind: 'takeover', workload, dataCenter: from, actor, outcome, inputs, steps };
  }

  #inputs(workload: string, peer: Peer | undefined): Takeover['inputs'] {
    const { facts, held, snapshots } = this.#parts;
    const offered = snapshots.offered(workload);
    const ageMs = held.newestAgeMs(offered);
    return {
      peerState: peer?.health.state ?? 'unknown',
      peerReason: peer?.health.reason ?? null,
      ...(peer === undefined ? facts.own() : facts.of(peer)),
      held: offered.length,
      heldAgeSeconds: ageMs === null ? null : ageMs / SECOND_MS,
    };
  }
}

/** Between the last step and the one before it. */
function secondsOfLast({ steps }: Takeover): number {
  return steps.at(-1)?.seconds ?? 0;
}
