import type { DownReason } from './events.ts';
import { compareOrder, type MessageOrder } from './ordering.ts';
import type {
  HealthConfig,
  HealthEvent,
  HealthStep,
  PeerHealth,
  HealthEffect,
  PeerState,
  SuspectReason,
} from './peer-state.ts';
import { answersUs, isRefused, missAfterMs, missesBy } from './silence.ts';

/** What one event makes of what we believe of a peer. Stale input is refused first, with what we have. */
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
