import { isoTime } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { healthConfig, type Peer } from './peer.ts';

/**
 * What decides about a peer and its work, as it is now and as the history keeps it: read in the turn of the decision,
 * because a moment later the peer may be heard again.
 */
export class DecisionFacts {
  readonly #context: Context;
  readonly #monitor: HealthMonitor;
  readonly #health: ApplicationHealth;

  constructor(context: Context, parts: { readonly monitor: HealthMonitor; readonly health: ApplicationHealth }) {
    this.#context = context;
    this.#monitor = parts.monitor;
    this.#health = parts.health;
  }

  of(peer: Peer): Readonly<Record<string, unknown>> {
    const { clock, rules, settings } = this.#context;
    const { heartbeatIntervalMs, missesAllowed } = settings;
    const { health, lastHeartbeatMs, rttMs } = peer;
    return {
      missed: health.missed,
      missesAllowed,
      // JSON has no infinity: heartbeats are switched off.
      intervalSeconds: heartbeatIntervalMs === Infinity ? null : heartbeatIntervalMs / SECOND_MS,
      lastHeartbeatAt: lastHeartbeatMs === null ? null : isoTime(lastHeartbeatMs),
      rttMs,
      hearsUs: rules.hearsUs(health, healthConfig(this.#context, peer), clock.now()),
      application: health.application,
      ...this.own(),
    };
  }

  /** What speaks of ourselves. */
  own(): Readonly<Record<string, unknown>> {
    const { count, longestMs, lastAtMs } = this.#monitor.pauses;
    return {
      ownApplication: this.#health.status(),
      ownPauses: {
        count,
        longestSeconds: longestMs / SECOND_MS,
        lastAt: lastAtMs === null ? null : isoTime(lastAtMs),
      },
    };
  }
}
