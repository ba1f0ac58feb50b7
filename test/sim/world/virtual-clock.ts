import { setMaxListeners } from 'node:events';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Life } from './life.ts';
import type { Timeline } from './timeline.ts';

/** The wall time at which every simulation begins. */
export const WALL_START_MS = Date.UTC(2026, 0, 1);

/** How wrong the wall clock of one machine is. Outlives the processes on it. */
export class WallSkew {
  ms = 0;

  jump(ms: number): void {
    this.ms += ms;
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
    // Many sleep on one signal; that is no leak.
    setMaxListeners(0, signal);
    return new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : this.#timeline.after(Math.max(0, ms), this.#life, done);
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        timer?.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }

  afterPendingIo(): Promise<void> {
    return this.#life.afterPendingInput();
  }
}
