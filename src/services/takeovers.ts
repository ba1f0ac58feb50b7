import type { Delivery } from '../core/delivery.ts';
import { isHeldBack, isUnderWay, type Takeover, type TakeoverBlock } from '../core/takeover.ts';
import { SECOND_MS } from '../units.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { DecisionFacts } from './decision-facts.ts';
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
import { AUTOMATIC, TakeoverSteps } from './takeover-steps.ts';
import { SerialQueue } from './serial-queue.ts';
import type { Settlement } from './settlement.ts';
import { hasEnded, Wake } from './wake.ts';
import type { Watermarks } from './watermarks.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

/** How often what blocks a takeover is looked at again, at least. */
const LOOK_AGAIN_MS = 5 * SECOND_MS;

interface Parts {
  readonly records: DurableRecords;
  readonly table: OwnershipTable;
  readonly peers: PeerDirectory;
  readonly held: HeldSnapshots;
  readonly snapshots: WorkloadSnapshots;
  readonly deliveries: Deliveries;
  readonly health: ApplicationHealth;
  readonly facts: DecisionFacts;
  readonly events: EventHub;
  readonly watermarks: Watermarks;
  readonly history: History;
  readonly settlement: Settlement;
}

/**
 * Takes over the work of a peer that is down: one takeover a workload that it owned. Here is decided when one begins, goes
 * on or is called off, in the peer's own order of changes; its steps are in `TakeoverSteps` (docs/design/ownership.md).
 */
export class Takeovers {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #journal: TakeoverJournal;
  readonly #checks: TakeoverChecks;
  readonly #steps: TakeoverSteps;
  /** What keeps a takeover from beginning by itself, and for which death that was said. */
  readonly #heldBack = new Map<string, { readonly block: TakeoverBlock; readonly since: number }>();
  readonly #byHand: SerialQueue;
  readonly #wake = new Wake();
  /** Called when a row is ours now: everybody is to hear it at once. */
  onOwnerChanged: () => void = () => undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#journal = new TakeoverJournal(context, parts.records);
    this.#checks = new TakeoverChecks(context, parts);
    this.#steps = new TakeoverSteps(context, { ...parts, journal: this.#journal, checks: this.#checks });
    this.#steps.onOwnerChanged = () => {
      this.onOwnerChanged();
    };
    this.#steps.onBlocked = () => {
      this.lookNow();
    };
    this.#steps.onWritten = (workload) => {
      const takeover = this.#journal.get(workload);
      if (isUnderWay(takeover)) this.#goOn(takeover);
    };
    this.#steps.onCancelled = (workload) => {
      this.#pursueOwner(workload);
    };
    this.#byHand = new SerialQueue(context, 'takeovers by hand');
  }

  load(workloads: readonly string[]): Promise<void> {
    return this.#steps.load(workloads);
  }

  start(): void {
    this.#context.tasks.run('look at takeovers again', (signal) => this.#lookAgain(signal));
    // Those that follow from a death go on with that; one by hand would be waited for if its crash came between two steps.
    for (const takeover of this.#journal.underWay())
      if (takeover.actor !== AUTOMATIC && !this.#steps.isOurs(takeover)) this.#goOn(takeover);
  }

  /** The same for one workload whose data centre's name was learned after the start, and so after what follows from deaths. */
  resume(workload: string): void {
    const takeover = this.#journal.get(workload);
    if (isUnderWay(takeover)) {
      const from = this.#parts.peers.find(takeover.from);
      from?.followUps.add(async () => {
        if (from.health.state === 'up') await this.callOff(from, 'the peer was heard again');
      });
      if (takeover.actor !== AUTOMATIC || this.#steps.isOurs(takeover)) this.#goOn(takeover);
    }
    this.#pursueOwner(workload);
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

  /** Why nothing happens by itself for a dead peer: for its own work first. */
  blockedByOf({ name, health }: Peer): TakeoverBlock | null {
    if (name === null || health.state !== 'down') return null;
    const blocks = this.#parts.table.ownedBy(name).map((workload) => this.blockedBy(workload));
    return this.blockedBy(name) ?? blocks.find((block) => block !== null) ?? null;
  }

  /** No second automatic takeover of the workload before; null when one may come at once. */
  blockedUntilMs(workload: string): number | null {
    const { clock, settings } = this.#context;
    const leftMs = settings.takeoverBlockPeriodMs - (this.#parts.table.takenOverAgoMs(workload) ?? Infinity);
    return leftMs > 0 ? clock.wallMs() + leftMs : null;
  }

  /** Something that blocks one may have changed, or one is blocked now: whoever looks again may have slept till then. */
  lookNow(): void {
    this.#wake.ring();
  }

  /** What a former run left between the change of owner and its last word is said, whatever became of the peer. */
  async resumeChanged(): Promise<void> {
    for (const takeover of this.#journal.underWay())
      if (this.#steps.isOurs(takeover)) await this.#steps.complete(takeover);
  }

  /** Goes on with every workload that the peer owns. In the peer's own order of changes: what calls it off comes after. */
  async pursue(peer: Peer): Promise<void> {
    if (peer.name === null) return;
    for (const workload of this.#parts.table.ownedBy(peer.name)) await this.#pursueOne(workload, peer);
  }

  /** The peer is there again, or left in order: what it does itself must not be taken over. What is held stays held. */
  async callOff(peer: Peer, reason: string): Promise<void> {
    for (const takeover of this.#journal.underWay()) {
      if (takeover.from !== peer.name || !isUnderWay(takeover) || takeover.forced) continue;
      // Of one that left in order an operator may take the work.
      if (takeover.actor !== AUTOMATIC && peer.health.state === 'left') continue;
      if (!this.#steps.isOurs(takeover)) await this.#steps.cancel(takeover, reason);
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
        if (isUnderWay(current)) await this.#steps.overrule({ ...current, ...options });
        else await this.#start(workload, owner, options);
        resolve();
        await this.#steps.advance(workload, peer);
      });
    });
  }

  /** In the order of changes of the peer from whom the work is taken. */
  #goOn({ workload, from }: Takeover): void {
    const peer = this.#parts.peers.find(from);
    (peer?.followUps ?? this.#byHand).add(() => this.#steps.advance(workload, peer));
  }

  /** A delivery was ended by the application. */
  deliveryDone(delivery: Delivery): void {
    const takeover = this.#journal.get(delivery.workload);
    if (!isUnderWay(takeover) || takeover.epoch !== delivery.epoch) return;
    this.#goOn(takeover);
  }

  /** Somebody else's row came: a takeover that was under way here is void. Its new owner may be down already. */
  ownerChanged(workload: string): void {
    this.#heldBack.delete(workload);
    const takeover = this.#journal.get(workload);
    if (!isUnderWay(takeover) || this.#steps.isOurs(takeover)) {
      this.#pursueOwner(workload);
      return;
    }
    const peer = this.#parts.peers.find(takeover.from);
    (peer?.followUps ?? this.#byHand).add(async () => {
      const now = this.#journal.get(workload);
      if (isUnderWay(now) && !this.#steps.isOurs(now))
        await this.#steps.cancel(now, 'another data centre owns the workload now');
    });
  }

  /** A row may come from an owner whose death was followed before, without this workload: it is followed now. */
  #pursueOwner(workload: string): void {
    const peer = this.#parts.peers.find(this.#parts.table.row(workload).owner);
    if (peer?.health.state !== 'down') return;
    peer.followUps.add(async () => {
      // What follows from the death that a former run saw comes when it has had the time to be heard.
      if (peer.mayBeHeard) return;
      await this.pursue(peer);
      this.lookNow();
    });
  }

  async #pursueOne(workload: string, peer: Peer): Promise<void> {
    if (peer.health.state !== 'down') return;
    if (!this.isUnderWay(workload)) {
      const isInBlockPeriod = this.blockedUntilMs(workload) !== null;
      const byItself = { byHand: false, forced: false, hasBegun: false, isInBlockPeriod };
      const block = this.#checks.block(workload, peer, byItself);
      if (block !== null && isHeldBack(block)) {
        await this.#holdBack(workload, peer, block);
        return;
      }
      await this.#start(workload, peer.name ?? '', { forced: false, actor: AUTOMATIC });
    }
    await this.#steps.advance(workload, peer);
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

  /** By itself or by hand: what kept it from beginning keeps it no longer. */
  #start(workload: string, from: string, by: { forced: boolean; actor: string }): Promise<void> {
    this.#heldBack.delete(workload);
    return this.#steps.begin(workload, from, by);
  }

  /** Blocks end by themselves, and nobody rings for them. After our own pause what waited in our sockets is read first. */
  async #lookAgain(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    const everyMs = Math.min(LOOK_AGAIN_MS, Math.max(100, settings.heartbeatIntervalMs / 2));
    while (!signal.aborted) {
      const isWaiting = this.#blockedPeers().length + this.#waiting().length > 0;
      await this.#wake.wait(clock, isWaiting ? everyMs : Infinity, signal);
      await clock.afterPendingIo();
      if (hasEnded(signal)) return;
      const peers = this.#blockedPeers();
      for (const peer of peers) peer.followUps.add(() => this.pursue(peer));
      for (const takeover of this.#waiting()) this.#goOn(takeover);
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

  /** Those that no peer's death is followed for, and those that wait for nothing else but time. */
  #waiting(): Takeover[] {
    const isByHand = (one: Takeover): boolean => one.actor !== AUTOMATIC && one.blockedBy !== null;
    return this.#journal.underWay().filter((one) => isByHand(one) || this.#steps.isUnsettled(one));
  }
}
