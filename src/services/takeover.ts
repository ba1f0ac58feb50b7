import type { PeerHealth } from '../core/peer-state.ts';
import { effectiveIntervalMs, missAfterMs } from '../core/silence.ts';
import type { StoredSnapshot } from '../core/snapshot.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { EventHub } from './event-hub.ts';
import type { FailoverCommand } from './failover-command.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { StateFollower } from './health-monitor.ts';
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
      if (peer.blockedBy === 'store-unavailable') peer.followUps.add(() => this.#pursue(peer));
      if (peer.health.state === 'left') peer.followUps.add(() => this.#deleteLeft(peer));
    }
  }

  /** The verdict is that of a former run, however long ago: the peer gets the time of one heartbeat to be heard. */
  async #resumeDue(peer: Peer, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const interval = effectiveIntervalMs(peer.health, healthConfig(this.#context, peer));
    await clock.sleep(interval === Infinity ? 0 : missAfterMs(1, interval, Infinity), signal);
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
    const deleted = await this.#held.deleteAll(peer.name);
    if (deleted === 0) return;
    this.#context.log.info(
      { peer: peer.label, deleted },
      'what was held from the peer that left was deleted (orderlyShutdownSnapshots=delete)',
    );
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
    if (blockedBy === 'refused' || blockedBy === 'store-unavailable') {
      await this.#events.publish({ type: 'takeover-blocked', dataCenter: peer.label, reason: blockedBy });
      return;
    }
    if (this.#context.settings.mode === 'active') await this.#deliver(peer);
    // It may have been heard again while the delivery was written; what its return calls off comes after us in the queue.
    if (!isDue(peer)) return;
    const { sinceMs } = peer;
    // Due until the command has ended too: a crash runs it again, and finds the delivery made.
    this.#command.peerDown(peer, () => peer.followUps.add(() => this.#accomplished(peer, sinceMs)));
  }

  async #accomplished(peer: Peer, sinceMs: number): Promise<void> {
    if (peer.health.state !== 'down' || peer.sinceMs !== sinceMs) return;
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
    return this.#held.offered(peer.name).filter((row) => !this.#held.wasDelivered(row.key, row.version));
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
