import type { Clock } from '../../../../src/ports/clock.ts';

/** A clock that a test moves by hand. */
export class VirtualClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();
  /** What happens when somebody lets pending input in. */
  onPendingIo: () => void = () => undefined;

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#now;
  }

  get sleepers(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = {
        until: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  afterPendingIo(): Promise<void> {
    this.onPendingIo();
    return Promise.resolve();
  }

  /** Lets the time pass, and everything that follows from it happen. */
  async advance(ms: number): Promise<void> {
    this.#now += ms;
    for (const sleeper of [...this.#sleepers]) if (sleeper.until <= this.#now) sleeper.wake();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }
}
