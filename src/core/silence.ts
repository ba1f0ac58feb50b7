import type { HealthConfig, PeerHealth } from './peer-state.ts';

/**
 * The arithmetic of silence (interface §4): when a miss is counted, how long an answer or a refusal is fresh. Pure
 * functions of what is believed of a peer and of the monotonic time.
 */

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
export function missesBy(now: number, health: PeerHealth, config: HealthConfig): number {
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

export function answersUs(health: PeerHealth, config: HealthConfig, now: number): boolean {
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
