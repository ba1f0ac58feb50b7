import { setMaxListeners } from 'node:events';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Life } from './life.ts';
import type { Timeline, Timer } from './timeline.ts';

/** The wall time at which every simulation begins. */
export const WALL_START_MS = Date.UTC(2026, 0, 1);

/** How wrong the wall clock of one machine is. Outlives the processes on it. */
export class WallSkew {
  ms = 0;

  jump(ms: number): void {
    this.ms += ms;
  }
}

/** Signals that were told already that any number may listen to them. */
const unbounded = new WeakSet<AbortSignal>();

/** Many listen to one signal; that is no leak, and Node.js would warn of one. */
export function listenWithoutBound(signal: AbortSignal): void {
  if (unbounded.has(signal)) return;
  setMaxListeners(0, signal);
  unbounded.add(signal);
}

const ONCE = { once: true };

/** One who sleeps until time has passed or the signal is aborted: most of what a simulation does. */
class Sleeper {
  timer: Timer | undefined;
  readonly #signal: AbortSignal;
  readonly #resolve: () => void;

  constructor(signal: AbortSignal, resolve: () => void) {
    this.#signal = signal;
    this.#resolve = resolve;
    signal.addEventListener('abort', this, ONCE);
  }

  /** Either of the two has happened. */
  handleEvent(): void {
    this.timer?.cancel();
    this.#signal.removeEventListener('abort', this);
    this.#resolve();
  }
}

/** The clock of one process. Its monotonic time has an origin of its own, so that no time of one can pass for another's. */
export class VirtualClock implements Clock {
  readonly #timeline: Timeline;
  readonly #life: Life;
  readonly #skew: WallSkew;
  readonly #originMs: number;

  constructor(timeline: Timeline, life: Life, options: { readonly skew?: WallSkew; readonly originMs?: number } = {}) {
    this.#timeline = timeline;
    this.#life = life;
    this.#skew = options.skew ?? new WallSkew();
    this.#originMs = options.originMs ?? 0;
  }

  now(): number {
    return this.#timeline.now + this.#originMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#timeline.now + this.#skew.ms;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    listenWithoutBound(signal);
    return new Promise((resolve) => {
      const sleeper = new Sleeper(signal, resolve);
      if (ms !== Infinity)
        sleeper.timer = this.#timeline.after(Math.max(0, ms), this.#life, () => sleeper.handleEvent());
    });
  }

  afterPendingIo(): Promise<void> {
    return this.#life.afterPendingInput();
  }
}
