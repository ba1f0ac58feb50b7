import { setMaxListeners } from 'node:events';
import type { Clock } from '../ports/clock.ts';

/** Nobody reads it; but where there is none Node.js makes an error with a stack, at each ring. */
const RUNG = 'rung';

/** A bell: whoever waits is woken by the next ring; a ring while nobody waits is kept for the next one who comes. */
export class Wake {
  #rung = false;
  readonly #sleepers = new Set<AbortController>();

  ring(): void {
    this.#rung = true;
    for (const sleeper of this.#sleepers) sleeper.abort(RUNG);
  }

  /** Resolves at the next ring, after `ms`, or when the signal is aborted, whatever comes first. One waiter at a time. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) {
      this.#rung = false;
      return;
    }
    const sleeper = new AbortController();
    const onAbort = (): void => {
      sleeper.abort(RUNG);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#sleepers.add(sleeper);
    try {
      await clock.sleep(ms, sleeper.signal);
    } finally {
      this.#sleepers.delete(sleeper);
      signal.removeEventListener('abort', onAbort);
      this.#rung = false;
    }
  }
}

/** A signal that is over with any of the callers' or when `end` is called, and of which nothing stays at theirs. */
export function bounded(...signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal;
  readonly end: () => void;
} {
  const controller = new AbortController();
  const end = (): void => {
    for (const signal of signals) signal.removeEventListener('abort', end);
    controller.abort();
  };
  for (const signal of signals) {
    // Many wait under the signal of a whole gateway: that is no leak, and Node.js would warn of one.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', end, { once: true });
  }
  if (signals.some((signal) => signal.aborted)) end();
  return { signal: controller.signal, end };
}

/** Many waiters, each of which wants to look again whenever something changed. */
export class Broadcast {
  readonly #waiters = new Set<() => void>();

  notify(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  /** Resolves at the next `notify`, or when the signal is aborted. */
  next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** Whether the signal was aborted by now: asked after a wait, of a signal that was looked at before it. */
export function hasEnded(signal: AbortSignal): boolean {
  return signal.aborted;
}
