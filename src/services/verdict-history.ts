import type { PeerView } from '../ports/gateway-api.ts';
import type { Context } from './context.ts';
import type { DecisionFacts } from './decision-facts.ts';
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
  readonly #facts: DecisionFacts;
  readonly #view: (peer: Peer) => PeerView;

  constructor(
    context: Context,
    parts: {
      readonly history: History;
      readonly monitor: HealthMonitor;
      readonly facts: DecisionFacts;
      readonly view: (peer: Peer) => PeerView;
    },
  ) {
    this.#context = context;
    this.#history = parts.history;
    this.#facts = parts.facts;
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
    const { held, replication } = this.#view(peer);
    return { from, reason, ...this.#facts.of(peer), held, pending: replication.pending };
  }
}
