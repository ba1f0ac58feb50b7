import { compareOrder, type MessageOrder } from './ordering.ts';
import type { DownReason } from './events.ts';

/**
 * What we believe of one peer, and when silence changes it.
 *
 * unknown -> up -> suspect -> down -> up; left after an orderly shutdown. The states and the arithmetic are those of
 * interface §4. Time is the caller's monotonic clock in milliseconds; only our own clock counts, from arrival, so no
 * jump of a wall clock on either side can change a verdict.
 */
export type PeerState = 'unknown' | 'up' | 'suspect' | 'down' | 'left';
export type ApplicationStatus = 'unknown' | 'passing' | 'critical';
export type SuspectReason = 'silence' | 'one-way';

export interface HealthConfig {
  /** Our own heartbeat interval; Infinity when the exchange is switched off. */
  readonly intervalMs: number;
  /** N: the peer is down at the N-th consecutive miss; at least 1. */
  readonly missesAllowed: number;
  /** Heartbeats in a row before a down peer is up again; at least 1. */
  readonly beatsToRecover: number;
  /** How many machines our heartbeats go round, so that a refusal by one of them lasts until its next turn; 1 when not given. */
  readonly machines?: number;
}

export interface PeerHealth {
  readonly state: PeerState;
  readonly reason: SuspectReason | DownReason | null;
  /** The newest message of type 1 or 3 that was taken; anything not newer is stale and changes nothing. */
  readonly order: MessageOrder | null;
  /** The interval that the peer announced; 0 before its first heartbeat. */
  readonly announcedMs: number;
  /** Silence is counted from here: the last heartbeat, or the opening of our listener; moved by our own pauses. */
  readonly countFrom: number;
  readonly missed: number;
  readonly beatsInRow: number;
  readonly criticalInRow: number;
  readonly application: ApplicationStatus;
  /** When a heartbeat of ours was last answered; null when none was in this run. */
  readonly answeredAt: number | null;
  /** When, by the peer's own word, it last heard us; null when it said that it never did. */
  readonly heardUsAt: number | null;
  /** Whether a heartbeat of the peer was taken in this run of ours. */
  readonly wasHeard: boolean;
  /** When a machine of the peer last accepted our connection and refused us; null when none does. */
  readonly refusedAt: number | null;
}

export type HealthEvent =
  | {
      readonly kind: 'heartbeat';
      readonly order: MessageOrder;
      readonly intervalMs: number;
      readonly application: ApplicationStatus;
      /** How long ago the peer heard us, by its word; null when it never did. */
      readonly heardUsAgoMs: number | null;
    }
  | { readonly kind: 'orderly-shutdown'; readonly order: MessageOrder }
  | { readonly kind: 'answered' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'tick' }
  /** We were stopped ourselves for this long: nothing could be heard, so nothing was missed. */
  | { readonly kind: 'own-pause'; readonly ms: number };

export type HealthEffect =
  | { readonly kind: 'missed'; readonly missed: number }
  | {
      readonly kind: 'changed';
      readonly from: PeerState;
      readonly to: PeerState;
      readonly reason: SuspectReason | DownReason | null;
    }
  /** The peer stays down, but nobody refuses us any more: what the refusal held back may go on. */
  | { readonly kind: 'refusal-ended' }
  | { readonly kind: 'stale'; readonly has: MessageOrder };

export interface HealthStep {
  readonly health: PeerHealth;
  readonly effects: readonly HealthEffect[];
}

/** A peer of which nothing is known. */
export function unknownPeer(now: number): PeerHealth {
  return {
    state: 'unknown',
    reason: null,
    order: null,
    announcedMs: 0,
    countFrom: now,
    missed: 0,
    beatsInRow: 0,
    criticalInRow: 0,
    application: 'unknown',
    answeredAt: null,
    heardUsAt: null,
    wasHeard: false,
    refusedAt: null,
  };
}

export interface RememberedPeer {
  readonly state: PeerState;
  readonly reason: SuspectReason | DownReason | null;
  readonly order: MessageOrder | null;
  /** The interval that it last announced: until it is heard again a slow peer is judged by its own pace, not by ours. */
  readonly announcedMs?: number;
}

/**
 * A peer as it was before our restart. Up and suspect peers get N full intervals from the moment the listener is open;
 * down stays down and left stays left, without a second event; one from whom something is held is never unknown.
 *
 * @param listeningSince the monotonic moment at which our peer listener was open
 */
export function rememberedPeer(remembered: RememberedPeer | null, holds: boolean, listeningSince: number): PeerHealth {
  const state = remembered?.state ?? 'unknown';
  const reason = remembered?.reason ?? null;
  const known: PeerHealth = {
    ...unknownPeer(listeningSince),
    order: remembered?.order ?? null,
    announcedMs: remembered?.announcedMs ?? 0,
    // Who refused us before the restart is taken to refuse us still, until our heartbeats had the time to find out.
    refusedAt: state === 'down' && reason === 'refused' ? listeningSince : null,
  };
  return state === 'unknown' && holds ? { ...known, state: 'suspect', reason: 'silence' } : { ...known, state, reason };
}

/** The interval that counts: the longer of ours and the one that the peer announced. */
export function effectiveIntervalMs(health: PeerHealth, config: HealthConfig): number {
  return Math.max(config.intervalMs, health.announcedMs);
}

/**
 * When the k-th miss is counted, measured from the last heartbeat: half an interval overdue, but the N-th, and with
 * it `down`, at N intervals (1.5 when N is 1).
 */
export function missAfterMs(k: number, intervalMs: number, missesAllowed: number): number {
  if (k < missesAllowed) return (k + 0.5) * intervalMs;
  return Math.max(1.5, missesAllowed) * intervalMs;
}

/**
 * How many heartbeats are missed by now; never more than N. Written as the moments at which `nextDeadline` asks to be
 * woken, not as differences: rounding must not make a tick at its deadline come to nothing and be asked for again.
 */
function missesBy(now: number, health: PeerHealth, config: HealthConfig): number {
  const interval = effectiveIntervalMs(health, config);
  const n = config.missesAllowed;
  let missed = 0;
  while (missed < n && now >= health.countFrom + missAfterMs(missed + 1, interval, n)) missed += 1;
  return missed;
}

/** A little for the way, on top of an interval: answers and refusals come once a beat, but not to the millisecond. */
function withTravel(ms: number, intervalMs: number): number {
  return ms + Math.min(intervalMs / 4, 250);
}

/** Until when the last answer counts as one of "the last interval". */
function answerFreshUntil(health: PeerHealth, config: HealthConfig): number {
  const interval = effectiveIntervalMs(health, config);
  return health.answeredAt === null ? -Infinity : health.answeredAt + withTravel(interval, interval);
}

/** Until when the last refusal counts: our heartbeats come by every machine, and be it with one lost, before it ends. */
function refusalFreshUntil(health: PeerHealth, config: HealthConfig): number {
  if (health.refusedAt === null) return -Infinity;
  const beats = Math.max(config.missesAllowed, (config.machines ?? 1) + 1);
  return health.refusedAt + withTravel(beats * config.intervalMs, config.intervalMs);
}

function answersUs(health: PeerHealth, config: HealthConfig, now: number): boolean {
  return now < answerFreshUntil(health, config);
}

/** While this is true, `down` carries the reason `refused` and nothing follows by itself. */
export function isRefused(health: PeerHealth, config: HealthConfig, now: number): boolean {
  return now < refusalFreshUntil(health, config);
}

/** Whether the peer hears us: true, false, or null when nothing tells. */
export function hearsUs(health: PeerHealth, config: HealthConfig, now: number): boolean | null {
  if (answersUs(health, config, now)) return true;
  const window = 2 * effectiveIntervalMs(health, config);
  if (health.heardUsAt !== null && now - health.heardUsAt < window) return true;
  // Nothing heard and nothing answered in this run of ours: a restart alone is no sign of a broken line.
  return health.answeredAt === null && !health.wasHeard ? null : false;
}

/** When `tick` can change something next; Infinity when only an event from outside can. */
export function nextDeadline(health: PeerHealth, config: HealthConfig): number {
  const interval = effectiveIntervalMs(health, config);
  const n = config.missesAllowed;
  switch (health.state) {
    case 'up':
    case 'suspect': {
      const next = health.countFrom + missAfterMs(health.missed + 1, interval, n);
      // Being one-way is itself a change that is due at the N-th miss; only after it the answers decide alone.
      const isKnownOneWay = health.reason === 'one-way' && health.missed + 1 >= n;
      return isKnownOneWay ? Math.max(next, answerFreshUntil(health, config)) : next;
    }
    case 'down':
      if (health.reason !== 'refused') return Infinity;
      return Math.max(refusalFreshUntil(health, config), answerFreshUntil(health, config));
    case 'unknown':
    case 'left':
      return Infinity;
  }
}

export function stepPeerHealth(health: PeerHealth, config: HealthConfig, event: HealthEvent, now: number): HealthStep {
  switch (event.kind) {
    case 'heartbeat':
      return heard(health, config, event, now);
    case 'orderly-shutdown':
      if (isStale(health, event.order)) return stale(health, event.order);
      return changed({ ...health, order: event.order, missed: 0, beatsInRow: 0, criticalInRow: 0 }, 'left', null);
    case 'answered':
      return { health: { ...health, answeredAt: now, refusedAt: null }, effects: [] };
    case 'refused':
      return refused({ ...health, refusedAt: now });
    case 'own-pause':
      return {
        health: {
          ...health,
          // What was heard after we woke up is already later than this; silence never starts in the future.
          countFrom: Math.min(now, health.countFrom + event.ms),
          answeredAt: moved(health.answeredAt, event.ms, now),
          heardUsAt: moved(health.heardUsAt, event.ms, now),
          // While we slept we asked nobody: a refusal has not ended by that.
          refusedAt: moved(health.refusedAt, event.ms, now),
        },
        effects: [],
      };
    case 'tick':
      return ticked(health, config, now);
  }
}

function moved(at: number | null, ms: number, now: number): number | null {
  return at === null ? null : Math.min(now, at + ms);
}

function isStale(health: PeerHealth, order: MessageOrder): boolean {
  if (health.order === null) return false;
  // After an orderly shutdown only a new run of the peer speaks again.
  if (health.state === 'left') return order.incarnation <= health.order.incarnation;
  return compareOrder(order, health.order) <= 0;
}

function stale(health: PeerHealth, order: MessageOrder): HealthStep {
  return { health, effects: [{ kind: 'stale', has: health.order ?? order }] };
}

function heard(
  health: PeerHealth,
  config: HealthConfig,
  event: HealthEvent & { readonly kind: 'heartbeat' },
  now: number,
): HealthStep {
  if (isStale(health, event.order)) return stale(health, event.order);
  const interval = Math.max(config.intervalMs, event.intervalMs);
  const isCritical = event.application === 'critical';
  const gap = now - health.countFrom >= missAfterMs(1, interval, Infinity);
  const beatsInRow = isCritical ? 0 : (gap && health.state === 'down' ? 0 : health.beatsInRow) + 1;
  const criticalInRow = isCritical ? health.criticalInRow + 1 : 0;
  const next: PeerHealth = {
    ...health,
    order: event.order,
    announcedMs: event.intervalMs,
    countFrom: now,
    missed: 0,
    beatsInRow,
    criticalInRow,
    application: event.application,
    wasHeard: true,
    heardUsAt: event.heardUsAgoMs === null ? null : now - event.heardUsAgoMs,
  };
  if (criticalInRow >= config.missesAllowed) {
    return changed(next, 'down', isRefused(next, config, now) ? 'refused' : 'application-critical');
  }
  switch (health.state) {
    case 'down':
      return beatsInRow >= config.beatsToRecover ? changed(next, 'up', null) : { health: next, effects: [] };
    case 'unknown':
    case 'suspect':
    case 'left':
    case 'up':
      return changed(next, 'up', null);
  }
}

function ticked(health: PeerHealth, config: HealthConfig, now: number): HealthStep {
  if (health.state === 'down') return refusalEnded(health, config, now);
  if (health.state !== 'up' && health.state !== 'suspect') return { health, effects: [] };
  const n = config.missesAllowed;
  const due = missesBy(now, health, config);
  const isOneWay = due >= n && answersUs(health, config, now);
  const missed = Math.max(health.missed, isOneWay ? n - 1 : due);
  const effects: HealthEffect[] = [];
  for (let k = health.missed + 1; k <= missed; k += 1) effects.push({ kind: 'missed', missed: k });
  const next = { ...health, missed, beatsInRow: missed > 0 ? 0 : health.beatsInRow };
  const step =
    missed >= n
      ? changed(next, 'down', isRefused(health, config, now) ? 'refused' : 'silence')
      : missed > 0 || isOneWay
        ? changed(next, 'suspect', isOneWay ? 'one-way' : health.reason === 'one-way' ? 'one-way' : 'silence')
        : { health: next, effects: [] };
  return { health: step.health, effects: [...effects, ...step.effects] };
}

function refused(health: PeerHealth): HealthStep {
  // A dead peer that comes back and refuses us is shown as such; nothing that was done is undone.
  if (health.state === 'down') return { health: { ...health, reason: 'refused' }, effects: [] };
  return { health, effects: [] };
}

function refusalEnded(health: PeerHealth, config: HealthConfig, now: number): HealthStep {
  // One that answers us is alive, whatever it did before: what the refusal held back stays back until it falls silent.
  const isHeldBack = isRefused(health, config, now) || answersUs(health, config, now);
  if (health.reason !== 'refused' || isHeldBack) return { health, effects: [] };
  const reason = health.criticalInRow >= config.missesAllowed ? 'application-critical' : 'silence';
  return { health: { ...health, reason, refusedAt: null }, effects: [{ kind: 'refusal-ended' }] };
}

function changed(health: PeerHealth, to: PeerState, reason: SuspectReason | DownReason | null): HealthStep {
  const { state: from, reason: was } = health;
  const next = { ...health, state: to, reason };
  if (from === to && (was === reason || to !== 'suspect')) return { health: next, effects: [] };
  return { health: next, effects: [{ kind: 'changed', from, to, reason }] };
}
