import type { Clock } from '../../ports/clock.ts';

/**
 * Watches that something goes on: fires once when it was armed and not armed again, disarmed or stopped in time.
 *
 * Arming for every chunk costs no timer: the sleeper sleeps on and looks at the deadline when it wakes. Before it
 * fires it lets the input in that was already waiting, so that our own pause is never taken for the other's silence.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #onExpired: () => void;
  #deadline = Infinity;
  #wakesAt = Infinity;
  #sleeper = new AbortController();
  #isExpired = false;
  #isStopped = false;

  constructor(clock: Clock, onExpired: () => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get isExpired(): boolean {
    return this.#isExpired;
  }

  /** Gives it `ms` from now; replaces what it was armed with. */
  arm(ms: number): void {
    if (this.#isStopped || this.#isExpired) return;
    this.#deadline = this.#clock.now() + ms;
    if (this.#deadline >= this.#wakesAt) return;
    this.#sleeper.abort();
    this.#sleeper = new AbortController();
    void this.#watch(this.#sleeper.signal);
  }

  /** It waits for nothing until it is armed again. */
  disarm(): void {
    this.#deadline = Infinity;
  }

  /** For good. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#deadline = Infinity;
    this.#sleeper.abort();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (this.#deadline !== Infinity && !signal.aborted) {
      this.#wakesAt = this.#deadline;
      await this.#clock.sleep(this.#deadline - this.#clock.now(), signal);
      if (!this.#isDue(signal)) continue;
      await this.#clock.afterPendingIo();
      if (!this.#isDue(signal)) continue;
      this.#isExpired = true;
      this.#onExpired();
      return;
    }
    if (!signal.aborted) this.#wakesAt = Infinity;
  }

  #isDue(signal: AbortSignal): boolean {
    return !signal.aborted && this.#deadline <= this.#clock.now();
  }
}
