import { messageOf } from '../errors.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { GatewaySettings } from '../ports/settings.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Patience } from './patience.ts';
import type { Rules } from './rules.ts';

/** What every service has. */
export interface Context {
  readonly settings: GatewaySettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly rules: Rules;
  readonly tasks: Tasks;
  /** For the disk of the state folder: records and event log lie on the same one. */
  readonly patience: Patience;
}

/**
 * Everything that runs beside the caller: loops, transfers, follow-ups of an event. One signal ends it all, and
 * `settled` waits until it has ended, so that nothing runs on in a stopped gateway.
 */
export class Tasks {
  readonly #log: Log;
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs it; a rejection is a defect and is logged, not swallowed: the rest of the gateway goes on. */
  run(name: string, work: (signal: AbortSignal) => Promise<unknown>): void {
    const promise = work(this.signal).then(
      () => undefined,
      (error: unknown) => {
        if (this.signal.aborted) return;
        const stack = error instanceof Error ? error.stack : undefined;
        this.#log.error({ task: name, error: messageOf(error), stack }, 'a task failed unexpectedly');
      },
    );
    this.#running.add(promise);
    void promise.then(() => this.#running.delete(promise));
  }

  abort(): void {
    this.#controller.abort();
  }

  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
