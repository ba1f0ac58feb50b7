import { isoTime } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';

/** Times the steps of a move by the monotonic clock. */
export class StepTimer {
  readonly #context: Context;
  readonly #startedAt: number;
  #at: number;

  constructor(context: Context) {
    this.#context = context;
    this.#startedAt = context.clock.now();
    this.#at = this.#startedAt;
  }

  /** Since the timer was made. */
  get seconds(): number {
    return (this.#context.clock.now() - this.#startedAt) / SECOND_MS;
  }

  /** The step has been taken now; its seconds count from the step before. */
  step(step: string): { step: string; at: string; seconds: number } {
    const { clock } = this.#context;
    const now = clock.now();
    const seconds = (now - this.#at) / SECOND_MS;
    this.#at = now;
    return { step, at: isoTime(clock.wallMs()), seconds };
  }
}
