import type { CommandRunner } from '../ports/hooks.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import type { Peer } from './peer.ts';

export type CommandState = 'none' | 'idle' | 'running' | 'retrying' | 'gave-up';

/**
 * Runs the operator's command when a peer goes down: retried a bounded number of times, stopped when it hangs, logged
 * and counted. Nothing else waits for it.
 */
export class FailoverCommand {
  readonly #context: Context;
  readonly #runner: CommandRunner;
  readonly #events: EventHub;
  readonly #runs = new Map<Peer, { controller: AbortController; state: CommandState }>();
  /** When the last command that was begun for a peer has ended. */
  readonly #ended = new Map<Peer, Promise<void>>();
  /** The epoch of the peer's own workload, or the one that its takeover will have. */
  epochOf: (peer: Peer) => number = () => 0;

  constructor(context: Context, parts: { runner: CommandRunner; events: EventHub }) {
    this.#context = context;
    this.#runner = parts.runner;
    this.#events = parts.events;
  }

  /** The worst of all peers' runs. */
  get state(): CommandState {
    if (this.#context.settings.failoverCommand === null) return 'none';
    const states = [...this.#runs.values()].map((run) => run.state);
    return (['gave-up', 'retrying', 'running'] as const).find((state) => states.includes(state)) ?? 'idle';
  }

  /** @param onFinished called when it succeeded or gave up; not when it was called off, nor when we are stopped */
  peerDown(peer: Peer, onFinished: () => void): void {
    const command = this.#context.settings.failoverCommand;
    if (command === null) {
      onFinished();
      return;
    }
    // A refusal that came and went is the same death: one command for it is enough.
    const current = this.#runs.get(peer)?.state;
    if (current === 'running' || current === 'retrying') return;
    this.callOff(peer);
    const controller = new AbortController();
    const run = { controller, state: 'running' as CommandState };
    this.#runs.set(peer, run);
    this.#context.tasks.run('failover command', async (stopping) => {
      const signal = AbortSignal.any([controller.signal, stopping]);
      // One that a former death began is let finish first: two at once could undo each other.
      const ended = (this.#ended.get(peer) ?? Promise.resolve()).then(async () => {
        if (!signal.aborted) await this.#run(peer, run, command, { signal, stopping });
      });
      this.#ended.set(
        peer,
        ended.catch(() => undefined),
      );
      await ended;
      if (!signal.aborted) onFinished();
    });
  }

  /** The peer is there again: no further attempt is made; one that runs is let finish, because half a failover is worse. */
  callOff(peer: Peer): void {
    this.#runs.get(peer)?.controller.abort();
    this.#runs.delete(peer);
  }

  async #run(
    peer: Peer,
    run: { state: CommandState },
    command: string,
    signals: { signal: AbortSignal; stopping: AbortSignal },
  ): Promise<void> {
    const { clock, settings, telemetry, log } = this.#context;
    const attempts = 1 + settings.failoverCommandRetries;
    const { state, reason } = peer.health;
    const variables = {
      CROSSDC_PEER: peer.label,
      CROSSDC_STATE: state,
      CROSSDC_REASON: reason ?? '',
      CROSSDC_EPOCH: String(this.epochOf(peer)),
      CROSSDC_DATA_CENTER: settings.dataCenter,
      CROSSDC_APPLICATION: settings.applicationName,
      // So that `crossdc` in the command asks this gateway, and no other that our own environment may name.
      ...(settings.localApiUrl === null ? {} : { CROSSDC_URL: settings.localApiUrl }),
    };
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      run.state = 'running';
      const result = await this.#runner.run(command, variables, settings.failoverCommandTimeoutMs, signals.stopping);
      if (signals.stopping.aborted) return;
      const { outcome, exitStatus, detail } = result;
      telemetry.commandRun(outcome);
      log[outcome === 'succeeded' ? 'info' : 'error'](
        { peer: peer.label, attempt, outcome, exitStatus, detail },
        'the failover command ended',
      );
      await this.#events.publish({ type: 'failover-command', dataCenter: peer.label, attempt, exitStatus, outcome });
      if (outcome === 'succeeded') {
        run.state = 'idle';
        return;
      }
      if (attempt === attempts) break;
      run.state = 'retrying';
      await clock.sleep(settings.failoverCommandRetryIntervalMs, signals.signal);
      if (signals.signal.aborted) return;
    }
    run.state = 'gave-up';
    await this.#events.publish({ type: 'failover-command-gave-up', dataCenter: peer.label, attempts });
  }
}
