import { compareOrder } from '../core/ordering.ts';
import type { HealthEffect, HealthEvent, PeerHealth, PeerState } from '../core/peer-state.ts';
import { isoTime } from '../ports/clock.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import { healthConfig, type Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { PeerRecords } from './peer-records.ts';

/** What follows from a change of a peer's state; each is called in order, after the change is durable and its event visible. */
export interface StateFollower {
  onUp(peer: Peer, from: PeerHealth['state']): Promise<void>;
  onDown(peer: Peer): Promise<void>;
  onLeft(peer: Peer): Promise<void>;
  onRefusalEnded(peer: Peer): Promise<void>;
}

/** What was decided of a peer. */
export interface Verdict {
  readonly from: PeerState;
  /** `refusal-ended`: it is still down, and what its refusal held back may follow now. */
  readonly to: PeerState | 'refusal-ended';
  readonly reason: PeerHealth['reason'];
}

/** Pauses of this gateway itself. */
export interface OwnPauses {
  count: number;
  longestMs: number;
  lastAtMs: number | null;
}

/**
 * Judges silence. It sleeps until the next moment at which silence would change something, never for long, so that it
 * notices its own pauses; and before any verdict it lets the input that was already waiting be read.
 */
export class HealthMonitor {
  readonly #context: Context;
  readonly #peers: PeerDirectory;
  readonly #records: PeerRecords;
  readonly #events: EventHub;
  /** Called at each change of a state: who waits for the peers that are up may wait for fewer now. */
  onChanged: () => void = () => undefined;
  /** Called in the turn of the decision, while everything is still as it was decided from. */
  onVerdict: (peer: Peer, verdict: Verdict) => void = () => undefined;
  /** Called whenever silence was judged; and, before that, with the length of a pause of our own. */
  onTick: () => void = () => undefined;
  onPause: (ms: number) => void = () => undefined;
  readonly pauses: OwnPauses = { count: 0, longestMs: 0, lastAtMs: null };
  followers: readonly StateFollower[] = [];

  constructor(context: Context, parts: { peers: PeerDirectory; records: PeerRecords; events: EventHub }) {
    this.#context = context;
    this.#peers = parts.peers;
    this.#records = parts.records;
    this.#events = parts.events;
  }

  /** @param listeningSince when the peer listener was open: silence of remembered peers is counted from there */
  start(listeningSince: number): void {
    for (const peer of this.#peers.all) {
      if (!peer.wasHeard) peer.health = { ...peer.health, countFrom: listeningSince };
    }
    this.#context.tasks.run('judge silence', (signal) => this.#judge(signal));
  }

  /** Feeds one event to the core and carries out what it decides. @returns false when the event was stale */
  apply(peer: Peer, event: HealthEvent): boolean {
    const now = this.#context.clock.now();
    const before = peer.health;
    const step = this.#context.rules.stepPeerHealth(before, healthConfig(this.#context, peer), event, now);
    peer.health = step.health;
    const isNewRun =
      before.order !== null && step.health.order !== null && before.order.incarnation !== step.health.order.incarnation;
    if (isNewRun && step.effects.length === 0) peer.followUps.add(() => this.#records.save(peer));
    for (const effect of step.effects) this.#carryOut(peer, effect);
    return !step.effects.some((effect) => effect.kind === 'stale');
  }

  #carryOut(peer: Peer, effect: HealthEffect): void {
    switch (effect.kind) {
      case 'missed':
        this.#context.telemetry.heartbeatMissed(peer.label);
        return;
      case 'stale':
        return;
      case 'refusal-ended':
        this.onVerdict(peer, { from: peer.health.state, to: 'refusal-ended', reason: peer.health.reason });
        peer.followUps.add(async () => {
          await this.#records.save(peer);
          for (const follower of this.followers) await follower.onRefusalEnded(peer);
        });
        return;
      case 'changed':
        this.#changedState(peer, effect);
    }
  }

  #changedState(peer: Peer, change: HealthEffect & { kind: 'changed' }): void {
    const { from, to, reason } = change;
    if (from !== to) {
      peer.sinceMs = this.#context.clock.wallMs();
      this.#context.telemetry.peerTransition(peer.label, to);
      if (to === 'down' || (to === 'up' && from === 'down')) peer.transitions += 1;
      if (to === 'down') {
        peer.isCommandDue = true;
        peer.downAt = this.#context.clock.now();
      }
      if (to === 'up' || to === 'left') peer.isCommandDue = false;
    }
    this.onChanged();
    this.onVerdict(peer, { from, to, reason });
    peer.shipWake.ring();
    const { missed, order } = peer.health;
    const lastHeartbeatAt = peer.lastHeartbeatMs === null ? null : isoTime(peer.lastHeartbeatMs);
    const dataCenter = peer.label;
    peer.followUps.add(async () => {
      // The record first: a crash after it resumes with what is due; the event may then be missing, never wrong.
      await this.#records.save(peer);
      switch (to) {
        case 'up':
          await this.#events.publish({ type: 'peer-up', dataCenter, incarnation: order?.incarnation ?? 0, from });
          for (const follower of this.followers) await follower.onUp(peer, from);
          return;
        case 'suspect':
          await this.#events.publish({
            type: 'peer-suspect',
            dataCenter,
            missed,
            lastHeartbeatAt,
            reason: reason === 'one-way' ? 'one-way' : 'silence',
          });
          return;
        case 'down': {
          const why = reason === 'refused' || reason === 'application-critical' ? reason : 'silence';
          await this.#events.publish({ type: 'peer-down', dataCenter, missed, lastHeartbeatAt, reason: why });
          for (const follower of this.followers) await follower.onDown(peer);
          return;
        }
        case 'left':
          await this.#events.publish({ type: 'peer-left', dataCenter, incarnation: order?.incarnation ?? 0 });
          for (const follower of this.followers) await follower.onLeft(peer);
          return;
        case 'unknown':
          return;
      }
    });
  }

  /** Whether a message of this order would be stale, so that a caller can tell its sender the number we have. */
  isOld(peer: Peer, order: { incarnation: number; heartbeatCnt: number }): boolean {
    return peer.health.order !== null && compareOrder(order, peer.health.order) <= 0;
  }

  async #judge(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    const longestStepMs = Math.min(1000, Math.max(10, settings.heartbeatIntervalMs / 8));
    for (;;) {
      const before = clock.now();
      const deadline = Math.min(
        ...this.#peers.all.map((peer) =>
          this.#context.rules.nextDeadline(peer.health, healthConfig(this.#context, peer)),
        ),
      );
      const stepMs = Math.max(0, Math.min(deadline - before, longestStepMs));
      await clock.sleep(stepMs, signal);
      await clock.afterPendingIo();
      if (signal.aborted) return;
      this.#notePause(clock.now() - before, stepMs);
      for (const peer of this.#peers.all) this.apply(peer, { kind: 'tick' });
      this.onTick();
    }
  }

  /** Being late ourselves by more than a little means that nothing could be heard: nobody is blamed for that time. */
  #notePause(tookMs: number, expectedMs: number): void {
    const { clock, telemetry, log, settings } = this.#context;
    const lateMs = tookMs - expectedMs;
    const tolerated = Math.min(1000, Math.max(50, settings.heartbeatIntervalMs / 4));
    if (lateMs <= tolerated) return;
    this.pauses.count += 1;
    this.pauses.longestMs = Math.max(this.pauses.longestMs, lateMs);
    this.pauses.lastAtMs = clock.wallMs();
    telemetry.ownPause(lateMs / 1000);
    if (lateMs > settings.heartbeatIntervalMs)
      log.warn({ seconds: lateMs / 1000 }, 'this gateway itself was stopped; no peer is blamed for that time');
    // When in our sleep the pause began nobody knows; the whole of it is taken for deaf.
    for (const peer of this.#peers.all) this.apply(peer, { kind: 'own-pause', ms: tookMs });
    this.onPause(tookMs);
  }
}
