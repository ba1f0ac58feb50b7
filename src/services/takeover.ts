import type { PeerHealth } from '../core/peer-state.ts';
import { effectiveIntervalMs, missAfterMs } from '../core/silence.ts';
import type { StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError } from '../errors.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { EventHub } from './event-hub.ts';
import type { FailoverCommand } from './failover-command.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { StateFollower } from './health-monitor.ts';
import { HANG_MS, inTime } from './patience.ts';
import { healthConfig, type Peer } from './peer.ts';
import type { PeerRecords } from './peer-records.ts';

type Block = 'refused' | 'passive' | 'store-unavailable' | 'nothing-held';

/**
 * What follows a death: the command, and in active mode a delivery of what is held. It is due from the verdict until
 * it exists, by a mark in the peer's record, so that a crash between any two steps resumes and nothing happens twice.
 */
export class Takeover implements StateFollower {
  readonly #context: Context;
  readonly #records: PeerRecords;
  readonly #held: HeldSnapshots;
  readonly #deliveries: Deliveries;
  readonly #command: FailoverCommand;
  readonly #events: EventHub;
  /** The death of each for which the command has had its runs, by when it was; for one whose delivery is kept back. */
  readonly #commanded = new Map<Peer, number>();
  /** Those whose death a former run saw, and that still have the time of a heartbeat to be heard. */
  readonly #mayBeHeard = new Set<Peer>();

  constructor(
    context: Context,
    parts: {
      records: PeerRecords;
      held: HeldSnapshots;
      deliveries: Deliveries;
      command: FailoverCommand;
      events: EventHub;
    },
  ) {
    this.#context = context;
    this.#records = parts.records;
    this.#held = parts.held;
    this.#deliveries = parts.deliveries;
    this.#command = parts.command;
    this.#events = parts.events;
  }

  /** Goes on with what a former run left due. */
  resume(peers: readonly Peer[]): void {
    for (const peer of peers) {
      peer.blockedBy = this.#blockOf(peer);
      if (peer.isTakeoverDue) this.#context.tasks.run('resume a takeover', (signal) => this.#resumeDue(peer, signal));
      // A crash may have come between the peer's return and the calling off of what its death had begun.
      else if (peer.health.state === 'up') peer.followUps.add(() => this.#callOff(peer, 'the peer was heard again'));
      else if (peer.health.state === 'left') peer.followUps.add(() => this.onLeft(peer));
    }
  }

  /** What is held is known only now: goes on where that was needed. */
  storeKnown(peers: readonly Peer[]): void {
    for (const peer of peers) {
      if (peer.blockedBy === 'store-unavailable' && !this.#mayBeHeard.has(peer))
        peer.followUps.add(() => this.#pursue(peer));
      if (peer.health.state === 'left') peer.followUps.add(() => this.#deleteLeft(peer));
    }
  }

  /** The verdict is that of a former run, however long ago: the peer gets the time of one heartbeat to be heard. */
  async #resumeDue(peer: Peer, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const interval = effectiveIntervalMs(peer.health, healthConfig(this.#context, peer));
    this.#mayBeHeard.add(peer);
    await clock.sleep(interval === Infinity ? 0 : missAfterMs(1, interval, Infinity), signal);
    this.#mayBeHeard.delete(peer);
    if (!signal.aborted) peer.followUps.add(() => this.#pursue(peer));
  }

  async onUp(peer: Peer): Promise<void> {
    await this.#callOff(peer, 'the peer was heard again');
  }

  async onLeft(peer: Peer): Promise<void> {
    await this.#callOff(peer, 'the peer left in order');
    await this.#deleteLeft(peer);
  }

  async #deleteLeft(peer: Peer): Promise<void> {
    if (!this.#context.settings.deleteHeldWhenLeft || peer.name === null) return;
    // It may have come back while we were busy: what it replicates now is no longer what it left behind.
    if (peer.health.state !== 'left') return;
    const deletion = this.#delete(peer, peer.name);
    // It goes on beside what comes next: on a disk that hangs, the next death must not wait for it.
    await inTime(this.#context.clock, HANG_MS, deletion);
  }

  async #delete(peer: Peer, name: string): Promise<void> {
    const { log } = this.#context;
    try {
      const deleted = await this.#held.deleteAll(name);
      if (deleted === 0) return;
      log.info(
        { peer: peer.label, deleted },
        'what was held from the peer that left was deleted (orderlyShutdownSnapshots=delete)',
      );
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      log.warn(
        { peer: peer.label, error: error.message },
        'not all that was held from the peer that left could be deleted; the next start goes on with it',
      );
    }
  }

  onDown(peer: Peer): Promise<void> {
    return this.#pursue(peer);
  }

  onRefusalEnded(peer: Peer): Promise<void> {
    return this.#pursue(peer);
  }

  async #callOff(peer: Peer, reason: string): Promise<void> {
    peer.blockedBy = null;
    this.#command.callOff(peer);
    if (peer.name !== null) await this.#deliveries.cancelTakeovers(peer.name, reason);
  }

  async #pursue(peer: Peer): Promise<void> {
    if (!isDue(peer)) return;
    const blockedBy = this.#blockOf(peer);
    peer.blockedBy = blockedBy;
    if (blockedBy === 'refused' || blockedBy === 'store-unavailable')
      await this.#events.publish({ type: 'takeover-blocked', dataCenter: peer.label, reason: blockedBy });
    if (blockedBy === 'refused') return;
    // A database that is away keeps back the delivery alone: the command may be what brings help.
    if (blockedBy === null || blockedBy === 'nothing-held') await this.#deliver(peer);
    // It may have been heard again while the delivery was written; what its return calls off comes after us in the queue.
    if (!isDue(peer)) return;
    const { sinceMs } = peer;
    // Due until the command has ended too: a crash runs it again, and finds the delivery made.
    if (this.#commanded.get(peer) === sinceMs) await this.#accomplished(peer, sinceMs);
    else this.#command.peerDown(peer, () => peer.followUps.add(() => this.#accomplished(peer, sinceMs)));
  }

  /** The command has had its runs for this death; nothing is due any more, but a delivery that is kept back. */
  async #accomplished(peer: Peer, sinceMs: number): Promise<void> {
    if (peer.health.state !== 'down' || peer.sinceMs !== sinceMs) return;
    this.#commanded.set(peer, sinceMs);
    if (peer.blockedBy === 'store-unavailable') return;
    peer.isTakeoverDue = false;
    await this.#records.save(peer);
  }

  async #deliver(peer: Peer): Promise<void> {
    const snapshots = this.#due(peer);
    if (peer.name === null || snapshots.length === 0 || this.#hasOpen(peer.name)) return;
    await this.#deliveries.create('takeover', peer.name, snapshots);
  }

  #due(peer: Peer): readonly StoredSnapshot[] {
    if (peer.name === null) return [];
    // Nor anything older than what was delivered, should that be damaged now: the application has gone beyond it.
    // The record of a delivery that has just ended says so before the marks in the store do.
    return this.#held
      .offered(peer.name)
      .filter(({ key, version }) => !this.#held.wasDelivered(key, version))
      .filter(({ key, version }) => !this.#deliveries.hasHandedOver(key, version));
  }

  /** A delivery that a crash kept from being noted in the peer's record. */
  #hasOpen(dataCenter: string): boolean {
    return this.#deliveries
      .list('open')
      .some((delivery) => delivery.reason === 'takeover' && delivery.dataCenter === dataCenter);
  }

  #blockOf(peer: Peer): Block | null {
    const { state, reason }: PeerHealth = peer.health;
    if (state !== 'down') return null;
    if (reason === 'refused') return 'refused';
    if (this.#context.settings.mode === 'passive') return 'passive';
    if (!this.#held.store.isKnown) return 'store-unavailable';
    return peer.name === null || this.#held.offered(peer.name).length === 0 ? 'nothing-held' : null;
  }
}

function isDue(peer: Peer): boolean {
  return peer.isTakeoverDue && peer.health.state === 'down';
}
