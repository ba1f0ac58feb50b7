import { effectiveIntervalMs, missAfterMs } from '../core/silence.ts';
import { GatewayError } from '../errors.ts';
import type { Context } from './context.ts';
import type { FailoverCommand } from './failover-command.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { StateFollower } from './health-monitor.ts';
import { HANG_MS, inTime } from './patience.ts';
import { healthConfig, type Peer } from './peer.ts';
import type { PeerRecords } from './peer-records.ts';
import type { Takeovers } from './takeovers.ts';

/**
 * What follows from a death: the takeovers of what the dead peer owned, and the operator's command. Each has its own
 * records, so that a crash between any two steps resumes and nothing happens twice.
 */
export class Deaths implements StateFollower {
  readonly #context: Context;
  readonly #records: PeerRecords;
  readonly #held: HeldSnapshots;
  readonly #takeovers: Takeovers;
  readonly #command: FailoverCommand;

  constructor(
    context: Context,
    parts: { records: PeerRecords; held: HeldSnapshots; takeovers: Takeovers; command: FailoverCommand },
  ) {
    this.#context = context;
    this.#records = parts.records;
    this.#held = parts.held;
    this.#takeovers = parts.takeovers;
    this.#command = parts.command;
  }

  /** Goes on with what a former run left due. */
  resume(peers: readonly Peer[]): void {
    for (const peer of peers) {
      if (peer.health.state === 'down')
        this.#context.tasks.run('go on after a death', (signal) => this.#resumeDue(peer, signal));
      // A crash may have come between the peer's return and the calling off of what its death had begun.
      else if (peer.health.state === 'up') peer.followUps.add(() => this.#callOff(peer, 'the peer was heard again'));
      else if (peer.health.state === 'left') peer.followUps.add(() => this.onLeft(peer));
    }
  }

  /** What is held is known only now: goes on where that was needed. */
  storeKnown(peers: readonly Peer[]): void {
    this.#takeovers.lookNow();
    for (const peer of peers) if (peer.health.state === 'left') peer.followUps.add(() => this.#deleteLeft(peer));
  }

  /** The verdict is that of a former run, however long ago: the peer gets the time of one heartbeat to be heard. */
  async #resumeDue(peer: Peer, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const interval = effectiveIntervalMs(peer.health, healthConfig(this.#context, peer));
    peer.mayBeHeard = true;
    await clock.sleep(interval === Infinity ? 0 : missAfterMs(1, interval, Infinity), signal);
    peer.mayBeHeard = false;
    if (!signal.aborted) peer.followUps.add(() => this.#pursue(peer));
  }

  async onUp(peer: Peer): Promise<void> {
    await this.#callOff(peer, 'the peer was heard again');
  }

  async onLeft(peer: Peer): Promise<void> {
    await this.#callOff(peer, 'the peer left in order');
    await this.#deleteLeft(peer);
  }

  onDown(peer: Peer): Promise<void> {
    return this.#pursue(peer);
  }

  onRefusalEnded(peer: Peer): Promise<void> {
    return this.#pursue(peer);
  }

  async #callOff(peer: Peer, reason: string): Promise<void> {
    this.#command.callOff(peer);
    await this.#takeovers.callOff(peer, reason);
  }

  async #pursue(peer: Peer): Promise<void> {
    if (peer.health.state !== 'down') return;
    await this.#takeovers.pursue(peer);
    this.#takeovers.lookNow();
    // A refusal is a matter of configuration: nothing runs by itself. Nor for a death that has had its command.
    if (!isCommandDue(peer) || peer.health.reason === 'refused') return;
    const { sinceMs } = peer;
    // Due until the command has ended: a crash runs it again.
    this.#command.peerDown(peer, () => peer.followUps.add(() => this.#commanded(peer, sinceMs)));
  }

  async #commanded(peer: Peer, sinceMs: number): Promise<void> {
    if (peer.health.state !== 'down' || peer.sinceMs !== sinceMs) return;
    peer.isCommandDue = false;
    await this.#records.save(peer);
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
}

/** It may have been heard again while the takeovers were pursued. */
function isCommandDue(peer: Peer): boolean {
  return peer.isCommandDue && peer.health.state === 'down';
}
