import type { Delivery } from '../core/delivery.ts';
import { isHeldBack, isUnderWay, type Takeover, type TakeoverBlock } from '../core/takeover.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { SECOND_MS } from '../units.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { DurableRecords } from './durable-records.ts';
import type { EventHub } from './event-hub.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { History } from './history.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import { TakeoverChecks } from './takeover-checks.ts';
import { TakeoverJournal } from './takeover-journal.ts';
import { SerialQueue } from './serial-queue.ts';
import { hasEnded, Wake } from './wake.ts';
import type { Watermarks } from './watermarks.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

/** How often what blocks a takeover is looked at again, at least. */
const LOOK_AGAIN_MS = 5 * SECOND_MS;
export const AUTOMATIC = 'automatic';

interface Parts {
  readonly records: DurableRecords;
  readonly table: OwnershipTable;
  readonly peers: PeerDirectory;
  readonly held: HeldSnapshots;
  readonly snapshots: WorkloadSnapshots;
  readonly deliveries: Deliveries;
  readonly health: ApplicationHealth;
  readonly events: EventHub;
  readonly watermarks: Watermarks;
  readonly history: History;
}

/**
 * Takes over the work of a peer that is down: one takeover a workload that it owned, step by step, each durable before
 * the next, so that a crash between any two of them goes on where it was (docs/design/ownership.md).
 */
export class Takeovers {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #journal: TakeoverJournal;
  readonly #checks: TakeoverChecks;
  /** What keeps a takeover from beginning by itself, and for which death that was said. */
  readonly #heldBack = new Map<string, { readonly block: TakeoverBlock; readonly since: number }>();
  /** Begun by a former run, which a crash may have kept from saying so. */
  readonly #maybeUnsaid = new Set<string>();
  readonly #byHand: SerialQueue;
  readonly #wake = new Wake();
  /** Called when a row is ours now: everybody is to hear it at once. */
  onOwnerChanged: () => void = () => undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#journal = new TakeoverJournal(context, parts.records);
    this.#checks = new TakeoverChecks(context, parts);
    this.#byHand = new SerialQueue(context, 'takeovers by hand');
  }

  async load(workloads: readonly string[]): Promise<void> {
    await this.#journal.load(workloads);
    for (const { workload, phase } of this.#journal.underWay()) if (phase === 'due') this.#maybeUnsaid.add(workload);
  }

  start(): void {
    this.#context.tasks.run('look at takeovers again', (signal) => this.#lookAgain(signal));
    // Those that follow from a death go on with that; one by hand would be waited for if its crash came between two steps.
    for (const takeover of this.#journal.underWay())
      if (takeover.actor !== AUTOMATIC && !this.#isOurs(takeover)) this.#goOn(takeover);
  }

  last(workload: string): Takeover | undefined {
    return this.#journal.get(workload);
  }

  isUnderWay(workload: string): boolean {
    return isUnderWay(this.#journal.get(workload));
  }

  /** Why nothing happens by itself for a workload of a dead owner; null when nothing could, or it does happen. */
  blockedBy(workload: string): TakeoverBlock | null {
    const takeover = this.#journal.get(workload);
    return this.#heldBack.get(workload)?.block ?? (isUnderWay(takeover) ? takeover.blockedBy : null);
  }

  /** No second automatic takeover of the workload before; null when one may come at once. */
  blockedUntilMs(workload: string): number | null {
    const { clock, settings } = this.#context;
    const agoMs = Math.min(
      this.#parts.table.takenOverAgoMs(workload) ?? Infinity,
      this.#journal.completedAgoMs(workload),
    );
    const leftMs = settings.takeoverBlockPeriodMs - agoMs;
    return leftMs > 0 ? clock.wallMs() + leftMs : null;
  }

  /** An operator has seen it. */
  async acknowledge(workload: string): Promise<void> {
    const takeover = this.#journal.get(workload);
    if (takeover !== undefined) await this.#journal.save({ ...takeover, acknowledged: true });
    this.lookNow();
  }

  /** Something that blocks one may have changed, or one is blocked now: whoever looks again may have slept till then. */
  lookNow(): void {
    this.#wake.ring();
  }

  /** What a former run left between the change of owner and its last word is said, whatever became of the peer. */
  async resumeChanged(): Promise<void> {
    for (const takeover of this.#journal.underWay()) if (this.#isOurs(takeover)) await this.#complete(takeover);
  }

  /** Goes on with every workload that the peer owns. In the peer's own order of changes: what calls it off comes after. */
  async pursue(peer: Peer): Promise<void> {
    if (peer.name === null) return;
    const blocks: TakeoverBlock[] = [];
    for (const workload of this.#parts.table.ownedBy(peer.name)) {
      await this.#pursueOne(workload, peer);
      const block = this.blockedBy(workload);
      if (block !== null) blocks.push(block);
    }
    peer.blockedBy = peer.health.state === 'down' ? (this.blockedBy(peer.name) ?? blocks[0] ?? null) : null;
  }

  /** The peer is there again, or left in order: what it does itself must not be taken over. What is held stays held. */
  async callOff(peer: Peer, reason: string): Promise<void> {
    peer.blockedBy = null;
    for (const takeover of this.#journal.underWay()) {
      if (takeover.from !== peer.name || !isUnderWay(takeover) || takeover.forced) continue;
      if (!this.#isOurs(takeover)) await this.#cancel(takeover, reason);
    }
    for (const workload of this.#parts.table.ownedBy(peer.name ?? '')) this.#heldBack.delete(workload);
  }

  /** An operator wants the work here. Resolves when it is begun; the rest follows as with any takeover. */
  begin(workload: string, options: { readonly forced: boolean; readonly actor: string }): Promise<void> {
    const { owner } = this.#parts.table.row(workload);
    const peer = this.#parts.peers.find(owner);
    return new Promise((resolve) => {
      (peer?.followUps ?? this.#byHand).add(async () => {
        const current = this.#journal.get(workload);
        if (isUnderWay(current)) await this.#overrule({ ...current, ...options });
        else await this.#start(workload, owner, options);
        resolve();
        await this.#advance(workload, peer);
      });
    });
  }

  /** Whoever forces it does not wait for an application that never answers: what it was offered it finds by `/v1/restore`. */
  async #overrule(takeover: Takeover): Promise<void> {
    await this.#journal.save(takeover);
    const delivery =
      takeover.epoch === 0 ? undefined : this.#parts.deliveries.ofChange(takeover.workload, takeover.epoch);
    if (takeover.forced && delivery !== undefined) await this.#parts.deliveries.cancel(delivery.id);
  }

  /** Before its turn came the owner may have been heard again, or another one may own it: what ends that has passed by. */
  async #isVoid(workload: string, peer: Peer | undefined): Promise<boolean> {
    const takeover = this.#journal.get(workload);
    if (!isUnderWay(takeover) || this.#isOurs(takeover)) return false;
    const isSame = this.#parts.table.row(workload).owner === takeover.from;
    if (isSame && this.#mayGoOn(takeover, peer)) return false;
    await this.#cancel(takeover, isSame ? 'the peer was heard again' : 'another data centre owns the workload now');
    return true;
  }

  /** In the order of changes of the peer from whom the work is taken. */
  #goOn({ workload, from }: Takeover): void {
    const peer = this.#parts.peers.find(from);
    (peer?.followUps ?? this.#byHand).add(() => this.#advance(workload, peer));
  }

  /** A delivery was ended by the application. */
  deliveryDone(delivery: Delivery): void {
    const takeover = this.#journal.get(delivery.workload);
    if (!isUnderWay(takeover) || takeover.epoch !== delivery.epoch) return;
    this.#goOn(takeover);
  }

  /** Somebody else's row came: a takeover that was under way here is void. */
  ownerChanged(workload: string): void {
    this.#heldBack.delete(workload);
    const takeover = this.#journal.get(workload);
    if (!isUnderWay(takeover) || this.#isOurs(takeover)) return;
    const peer = this.#parts.peers.find(takeover.from);
    (peer?.followUps ?? this.#byHand).add(async () => {
      const now = this.#journal.get(workload);
      if (isUnderWay(now) && !this.#isOurs(now)) await this.#cancel(now, 'another data centre owns the workload now');
    });
  }

  async #pursueOne(workload: string, peer: Peer): Promise<void> {
    if (peer.health.state !== 'down') return;
    if (!this.isUnderWay(workload)) {
      const block = this.#block(workload, peer, null);
      if (block !== null && isHeldBack(block)) {
        await this.#holdBack(workload, peer, block);
        return;
      }
      await this.#start(workload, peer.name ?? '', { forced: false, actor: AUTOMATIC });
    }
    await this.#advance(workload, peer);
  }

  /** Said once for each death and reason; that a gateway is passive, or not the first in turn, is no news. */
  async #holdBack(workload: string, peer: Peer, block: TakeoverBlock): Promise<void> {
    const before = this.#heldBack.get(workload);
    this.#heldBack.set(workload, { block, since: peer.sinceMs });
    if (block === 'passive' || block === 'not-our-turn') return;
    if (before?.block === block && before.since === peer.sinceMs) return;
    await this.#parts.events.publish({
      type: 'takeover-blocked',
      workload,
      dataCenter: peer.label,
      epoch: this.#parts.table.row(workload).epoch,
      reason: block,
    });
  }

  async #start(workload: string, from: string, by: { forced: boolean; actor: string }): Promise<void> {
    // By itself or by hand: what kept it from beginning keeps it no longer.
    this.#heldBack.delete(workload);
    await this.#sayStarted(await this.#journal.begin(workload, from, by));
  }

  async #sayStarted({ workload, from, actor }: Takeover): Promise<void> {
    this.#maybeUnsaid.delete(workload);
    await this.#parts.events.publish({ type: 'takeover-started', workload, dataCenter: from, epoch: 0, actor });
  }

  /** As far as it goes now. Every way out leaves a record from which the next call, or the next run, goes on. */
  async #advance(workload: string, peer: Peer | undefined): Promise<void> {
    let takeover = this.#journal.get(workload);
    if (!isUnderWay(takeover)) return;
    if (this.#isOurs(takeover)) {
      await this.#complete(takeover);
      return;
    }
    if (takeover.actor !== AUTOMATIC && (await this.#isVoid(workload, peer))) return;
    if (!this.#mayGoOn(takeover, peer)) return;
    if (takeover.phase === 'due') {
      if (this.#maybeUnsaid.has(workload)) await this.#sayStarted(takeover);
      const block = this.#block(workload, peer, takeover);
      if (block !== null) {
        await this.#blocked(takeover, block);
        return;
      }
      const epoch = await this.#parts.table.reserve(workload);
      takeover = await this.#journal.step({ ...takeover, epoch, phase: 'delivering', blockedBy: null }, 'checked');
    }
    if (takeover.phase === 'delivering') {
      if (!this.#parts.held.store.isKnown) {
        await this.#blocked(takeover, 'store-unavailable');
        return;
      }
      const delivery = await this.#delivery(takeover);
      if (delivery !== undefined && takeover.delivery === null)
        takeover = await this.#journal.step({ ...takeover, delivery: delivery.id, blockedBy: null }, 'delivered');
      // Asked again: while it was written the application may have answered.
      const now = this.#parts.deliveries.ofChange(workload, takeover.epoch);
      if (now !== undefined && !this.#parts.deliveries.isOver(now)) return;
      takeover = await this.#journal.step({ ...takeover, phase: 'changing', blockedBy: null }, 'acknowledged');
    }
    await this.#change(takeover, peer);
  }

  async #change(takeover: Takeover, peer: Peer | undefined): Promise<void> {
    const { workload, epoch } = takeover;
    // It may have been heard again meanwhile; what its return calls off comes after us in the queue.
    if (!this.#mayGoOn(takeover, peer)) return;
    let isChanged: boolean;
    try {
      const owner = this.#context.settings.dataCenter;
      isChanged = await this.#parts.table.change(workload, { owner, epoch, reason: 'takeover' });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#context.log.warn({ workload, error: messageOf(error) }, 'the change of owner cannot be recorded yet');
      await this.#blocked(takeover, 'state-unwritable');
      return;
    }
    if (isChanged) await this.#complete(takeover);
    else await this.#cancel(takeover, 'another data centre owns the workload now');
  }

  /** The row is ours and durable. Said at least once: a crash between saying and noting says it again. */
  async #complete(takeover: Takeover): Promise<void> {
    const { events, history } = this.#parts;
    const { workload, from, epoch } = takeover;
    this.onOwnerChanged();
    const to = this.#context.settings.dataCenter;
    await events.publish({ type: 'owner-changed', workload, from, to, epoch, reason: 'takeover' });
    const changed = await this.#journal.step({ ...takeover, phase: 'changing', blockedBy: null }, 'owner-changed');
    const seconds = changed.steps.reduce((sum, step) => sum + step.seconds, 0);
    await events.publish({
      type: 'takeover-completed',
      workload,
      dataCenter: from,
      epoch,
      reason: 'takeover',
      seconds,
    });
    const completed = this.#journal.taken({ ...changed, phase: 'completed' }, 'completed');
    // What is over is looked at by no later run: everything is said before it is written.
    await history.record(this.#entry(completed, 'completed'));
    await this.#end(completed);
  }

  async #cancel(takeover: Takeover, reason: string): Promise<void> {
    const { deliveries, events, history } = this.#parts;
    const { workload, from, epoch, delivery } = takeover;
    const open = delivery ?? (epoch === 0 ? null : (deliveries.ofChange(workload, epoch)?.id ?? null));
    if (open !== null && deliveries.has(open)) await deliveries.cancel(open);
    const cancelled = this.#journal.taken({ ...takeover, phase: 'cancelled', blockedBy: null }, 'cancelled');
    await events.publish({ type: 'takeover-cancelled', workload, dataCenter: from, epoch, delivery: open, reason });
    await history.record(this.#entry(cancelled, `cancelled: ${reason}`));
    await this.#end(cancelled);
  }

  /** Written as it is now: an operator may have acknowledged it while its end was said. */
  async #end({ workload, id }: Takeover): Promise<void> {
    const now = this.#journal.get(workload);
    if (now?.id === id) await this.#journal.save(now);
  }

  async #blocked(takeover: Takeover, block: TakeoverBlock): Promise<void> {
    const { workload, from, epoch } = takeover;
    if (takeover.blockedBy === block) return;
    this.#journal.show({ ...takeover, blockedBy: block });
    await this.#parts.events.publish({ type: 'takeover-blocked', workload, dataCenter: from, epoch, reason: block });
    this.lookNow();
  }

  /** The one of this epoch, also one that a crash kept from being noted; made when there is something to hand over. */
  async #delivery(takeover: Takeover): Promise<Delivery | undefined> {
    const { deliveries, snapshots, watermarks } = this.#parts;
    const { workload, from, epoch } = takeover;
    const made = deliveries.ofChange(workload, epoch);
    if (made !== undefined) return made;
    // One of a change that came to nothing, and that nobody has called off, would be waited for beside ours.
    for (const other of deliveries.list('open'))
      if (other.workload === workload && other.reason !== 'manual') await deliveries.cancel(other.id);
    const due = from === this.#context.settings.dataCenter ? [] : snapshots.due(workload);
    if (due.length === 0) return undefined;
    const fresh = { workload, epoch, watermarks: watermarks.frozen(from), snapshots: due };
    return deliveries.create({ reason: 'takeover', dataCenter: from, ...fresh });
  }

  #block(workload: string, peer: Peer | undefined, takeover: Takeover | null): TakeoverBlock | null {
    return this.#checks.block(workload, peer, {
      byHand: takeover !== null && takeover.actor !== AUTOMATIC,
      forced: takeover?.forced === true,
      hasBegun: takeover !== null,
      isInBlockPeriod: this.blockedUntilMs(workload) !== null,
    });
  }

  #mayGoOn(takeover: Takeover, peer: Peer | undefined): boolean {
    if (takeover.forced || peer === undefined) return true;
    const { state } = peer.health;
    return state === 'down' || (takeover.actor !== AUTOMATIC && state === 'left');
  }

  /** Whether the row is the one that this takeover made. */
  #isOurs({ workload, epoch }: Takeover): boolean {
    const row = this.#parts.table.row(workload);
    return epoch > 0 && row.epoch === epoch && row.owner === this.#context.settings.dataCenter;
  }

  #entry(takeover: Takeover, outcome: string): Parameters<History['record']>[0] {
    const { workload, from, actor, epoch, forced, steps, delivery } = takeover;
    const peer = this.#parts.peers.find(from);
    const inputs = { epoch, forced, delivery, ...this.#checks.inputs(workload, peer) };
    return { kind: 'takeover', workload, dataCenter: from, actor, outcome, inputs, steps };
  }

  /** Blocks end by themselves, and nobody rings for them. After our own pause what waited in our sockets is read first. */
  async #lookAgain(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    const everyMs = Math.min(LOOK_AGAIN_MS, Math.max(100, settings.heartbeatIntervalMs / 2));
    while (!signal.aborted) {
      const isWaiting = this.#blockedPeers().length + this.#blockedByHand().length > 0;
      await this.#wake.wait(clock, isWaiting ? everyMs : Infinity, signal);
      await clock.afterPendingIo();
      if (hasEnded(signal)) return;
      const peers = this.#blockedPeers();
      for (const peer of peers) peer.followUps.add(() => this.pursue(peer));
      for (const takeover of this.#blockedByHand()) this.#goOn(takeover);
      await Promise.all([...peers.map((peer) => peer.followUps.idle()), this.#byHand.idle()]);
    }
  }

  #blockedPeers(): Peer[] {
    const { peers, table } = this.#parts;
    return peers.all.filter(
      ({ name, health, mayBeHeard }) =>
        name !== null &&
        !mayBeHeard &&
        health.state === 'down' &&
        table.ownedBy(name).some((workload) => this.blockedBy(workload) !== null),
    );
  }

  #blockedByHand(): Takeover[] {
    return this.#journal.underWay().filter((one) => one.actor !== AUTOMATIC && one.blockedBy !== null);
  }
}
