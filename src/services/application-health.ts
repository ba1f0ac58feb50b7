import type { ApplicationStatus } from '../core/peer-state.ts';
import type { HealthProbe } from '../ports/hooks.ts';
import type { Context } from './context.ts';
import { hasEnded } from './wake.ts';

/**
 * How our own application is: polled, or told by itself at least as often as `appHealthTtl` says. It travels in every
 * heartbeat. Without either it is what the application last said, at first `unknown`.
 */
export class ApplicationHealth {
  readonly #context: Context;
  readonly #probe: HealthProbe | null;
  #status: ApplicationStatus = 'unknown';
  #note = '';
  #toldAt: number;

  constructor(context: Context, probe: HealthProbe | null) {
    this.#context = context;
    this.#probe = probe;
    this.#toldAt = context.clock.now();
  }

  start(): void {
    const probe = this.#probe;
    if (probe !== null) this.#context.tasks.run('poll the application', (signal) => this.#poll(probe, signal));
  }

  status(): ApplicationStatus {
    const { healthTtlMs } = this.#context.settings;
    if (healthTtlMs !== null && this.#context.clock.now() - this.#toldAt > healthTtlMs) return 'critical';
    return this.#status;
  }

  /** The application's own word. */
  tell(status: 'passing' | 'critical', note: string): void {
    this.#toldAt = this.#context.clock.now();
    this.#note = note;
    if (status !== this.#status) {
      this.#context.log.info({ from: this.#status, to: status, note }, 'the health of the application changed');
    }
    this.#status = status;
  }

  get note(): string {
    return this.#note;
  }

  async #poll(probe: HealthProbe, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    while (!signal.aborted) {
      const { status, note } = await probe.check(signal);
      // What a check that was cut off says is not the application's word.
      if (!hasEnded(signal)) this.tell(status, note);
      await clock.sleep(settings.healthIntervalMs, signal);
    }
  }
}
