import { setMaxListeners } from 'node:events';
import type { Clock } from '../../ports/clock.ts';
import { LONGEST_TIMER_MS } from '../../units.ts';

/**
 * How many turns of the event loop input may need from the socket to its handler: one to accept the connection, one to
 * read and parse the request, some more for a handshake and for a body that came in several reads. A turn without work
 * costs microseconds; one too few would call a message late that was already here.
 */
const TURNS_OF_PENDING_IO = 8;

/** What the clock needs of Node.js; a test gives its own. */
export interface ClockSource {
  now(): number;
  wallMs(): number;
  setTimeout(callback: () => void, ms: number): { clear(): void };
}

const NODE: ClockSource = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  setTimeout: (callback, ms) => {
    const timer = setTimeout(callback, ms);
    return { clear: () => clearTimeout(timer) };
  },
};

/** The machine's clocks: monotonic for durations, wall time for records. */
export class SystemClock implements Clock {
  readonly #source: ClockSource;

  constructor(source: ClockSource = NODE) {
    this.#source = source;
  }

  now(): number {
    return this.#source.now();
  }

  wallMs(): number {
    return this.#source.wallMs();
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    // Every loop of the gateway listens to one signal: eleven of them are no leak, and Node.js would warn of one.
    setMaxListeners(0, signal);
    // A loop whose waits are all 0 must still let the sockets have their turn.
    if (!(ms > 0)) return nextTurn();
    const deadline = this.#source.now() + ms;
    // A timer may fire a fraction of a millisecond early; whoever slept until a deadline must find it passed.
    for (let left = ms; left > 0 && !signal.aborted; left = deadline - this.#source.now()) {
      await this.#piece(Math.ceil(Math.min(left, LONGEST_TIMER_MS)), signal);
    }
  }

  async afterPendingIo(): Promise<void> {
    for (let turn = 0; turn < TURNS_OF_PENDING_IO; turn += 1) await nextTurn();
  }

  #piece(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const onAbort = (): void => {
        timer.clear();
        resolve();
      };
      const timer = this.#source.setTimeout(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
