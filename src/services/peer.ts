import { firstChoice, type MachineChoice } from '../core/machine-choice.ts';
import { unknownPeer, type HealthConfig, type PeerHealth } from '../core/peer-state.ts';
import type { ReplicationPlan } from '../core/replication-plan.ts';
import type { SnapshotKey } from '../core/snapshot.ts';
import type { PeerSettings } from '../ports/settings.ts';
import type { Context } from './context.ts';
import { SerialQueue } from './serial-queue.ts';
import { Wake } from './wake.ts';

/** One snapshot that an operator, or the first contact, wants returned to its origin. */
export interface ReturnItem {
  readonly returnId: string;
  readonly total: number;
  readonly workload: string;
  readonly origin: string;
  readonly version: number;
}

const INCARNATIONS_REMEMBERED = 16;

/**
 * All that this gateway knows of one peer. The services read and write it; what must survive a restart is in the
 * peer's record (peer-records.ts).
 */
export class Peer {
  readonly #isExchangeOff: boolean;
  readonly machines: readonly string[];
  readonly plan: ReplicationPlan;
  /** Rings when there may be something to ship: a new snapshot, a change of state, a transfer's end. */
  readonly shipWake = new Wake();
  /** What follows from a change of state is carried out in the order of the changes, beside the caller. */
  readonly followUps: SerialQueue;

  /** null until it is learned. */
  name: string | null;
  health: PeerHealth;
  choice: MachineChoice;
  /** Wall times, for records only. */
  sinceMs: number;
  lastHeartbeatMs: number | null = null;
  lastReplicatedMs: number | null = null;
  rttMs: number | null = null;
  /** How far its wall clock was ahead of ours at its last heartbeat, less than nothing when behind; decides nothing. */
  clockSkewMs: number | null = null;
  transitions = 0;
  /** Monotonic: when it was declared down, or when we began if it was down by then. */
  downAt: number;
  /** Declared down, and the command that follows has not had its runs yet. */
  isCommandDue = false;
  /** Its death was seen by a former run: it still has the time of a heartbeat to be heard. */
  mayBeHeard = false;
  /** Whether it takes over by itself, by its own word; one that does not say so does. */
  isActive = true;
  /** It has replicated something of its own workload, and not all of that was withdrawn: with nothing held, something is missing. */
  hasReplicated = false;
  returning: readonly ReturnItem[] = [];
  /** A heartbeat of it was heard in this run. */
  wasHeard = false;
  /** Monotonic times at which each incarnation was first and last heard. */
  readonly #incarnations = new Map<number, { readonly firstAt: number; readonly lastAt: number }>();

  constructor(settings: PeerSettings, context: Context) {
    this.#isExchangeOff = context.settings.heartbeatIntervalMs === Infinity;
    this.name = settings.name;
    this.machines = settings.machines;
    this.plan = context.rules.createPlan();
    this.health = unknownPeer(context.clock.now());
    this.choice = firstChoice(settings.machines);
    this.sinceMs = context.clock.wallMs();
    this.downAt = context.clock.now();
    this.followUps = new SerialQueue(context, `peer ${settings.machines.join(',')}`);
  }

  /** What it is called in status, log and metrics. */
  get label(): string {
    return this.name ?? this.machines.join(',');
  }

  /** Snapshots are shipped while we have no reason to think that it is away. */
  get isReachable(): boolean {
    if (this.name === null) return false;
    const { state, answeredAt } = this.health;
    // Where heartbeats are switched off, here or there, nothing tells whether it is away; a transfer will.
    if (state === 'unknown') return this.#isExchangeOff || answeredAt !== null;
    return state === 'up' || state === 'suspect';
  }

  /** Whether a return of this version of its own snapshot is planned or under way. */
  isReturning(key: SnapshotKey, version: number): boolean {
    return (
      key.dataCenter === this.name &&
      this.returning.some(
        (item) => item.version === version && item.origin === key.origin && item.workload === key.workload,
      )
    );
  }

  noteIncarnation(incarnation: number, now: number): void {
    this.#incarnations.set(incarnation, { firstAt: this.#incarnations.get(incarnation)?.firstAt ?? now, lastAt: now });
    if (this.#incarnations.size <= INCARNATIONS_REMEMBERED) return;
    const [oldest] = [...this.#incarnations].sort(([, a], [, b]) => a.lastAt - b.lastAt);
    if (oldest !== undefined) this.#incarnations.delete(oldest[0]);
  }

  /**
   * How many incarnations are alive: the newest, and every older one that was heard again after it. A peer that was
   * restarted has one; two gateways under one name take turns.
   * @param since what was last heard before this monotonic time is not alive
   */
  liveIncarnations(since: number): number {
    const newest = Math.max(...this.#incarnations.keys());
    const newestSince = this.#incarnations.get(newest)?.firstAt ?? Infinity;
    return [...this.#incarnations].filter(
      ([incarnation, { lastAt }]) => lastAt > since && (incarnation === newest || lastAt > newestSince),
    ).length;
  }
}

export function healthConfig(context: Context, peer: Peer): HealthConfig {
  const { heartbeatIntervalMs, missesAllowed, beatsToRecover, sendToAllMachines } = context.settings;
  const machines = sendToAllMachines ? 1 : peer.machines.length;
  return { intervalMs: heartbeatIntervalMs, missesAllowed, beatsToRecover, machines };
}
