import { SECOND_MS } from '../units.ts';
import { isoTime } from '../ports/clock.ts';
import type { PeerView } from '../ports/gateway-api.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { HealthMonitor, Verdict } from './health-monitor.ts';
import type { History } from './history.ts';
import type { Peer } from './peer.ts';

/**
 * Writes each verdict on a peer into the history with what it was made from, so that weeks later it can be told whether
 * it was right. It listens to the monitor from the beginning, and is told in the turn of the verdict: a moment later the
 * peer may be heard again.
 */
export class VerdictHistory {
  readonly #context: Context;
  readonly #history: History;
  readonly #monitor: HealthMonitor;
  readonly #health: ApplicationHealth;
  readonly #view: (peer: Peer) => PeerView;

  constructor(
    context: Context,
    parts: {
      readonly history: History;
      readonly monitor: HealthMonitor;
      readonly health: ApplicationHealth;
      readonly view: (peer: Peer) => PeerView;
    },
  ) {
    this.#context = context;
    this.#history = parts.history;
    this.#monitor = parts.monitor;
    this.#health = parts.health;
    this.#view = parts.view;
    parts.monitor.onVerdict = (peer, verdict) => {
      this.#note(peer, verdict);
    };
  }

  /** Nobody waits for it. A peer that is suspect, or that was no more than that, is no verdict. */
  #note(peer: Peer, verdict: Verdict): void {
    const { from, to } = verdict;
    const isVerdict = to === 'down' || to === 'left' || to === 'refusal-ended' || (to === 'up' && from !== 'suspect');
    if (!isVerdict) return;
    // Begun in this turn, and with it everything is read; what fails in it fails beside the verdict.
    this.#context.tasks.run('note a verdict', async () => {
      await this.#history.record({
        kind: 'verdict',
        workload: null,
        dataCenter: peer.label,
        actor: 'automatic',
        outcome: to,
        inputs: this.#inputs(peer, verdict),
        steps: [],
      });
    });
  }

  #inputs(peer: Peer, { from, reason }: Verdict): Record<string, unknown> {
    const { heartbeatIntervalMs, missesAllowed } = this.#context.settings;
    const { count, longestMs, lastAtMs } = this.#monitor.pauses;
    const { missed, lastHeartbeatAt, rttMs, hearsUs, application, held, replication } = this.#view(peer);
    return {
      from,
      reason,
      missed,
      missesAllowed,
      // JSON has no infinity: heartbeats are switched off.
      intervalSeconds: heartbeatIntervalMs === Infinity ? null : heartbeatIntervalMs / SECOND_MS,
      lastHeartbeatAt,
      rttMs,
      hearsUs,
      application: application.status,
      ownApplication: this.#health.status(),
      ownPauses: {
        count,
        longestSeconds: longestMs / SECOND_MS,
        lastAt: lastAtMs === null ? null : isoTime(lastAtMs),
      },
      held,
      pending: replication.pending,
    };
  }
}
