import type { Timeline } from './timeline.ts';

export type LifeState = 'running' | 'stopped' | 'ended';

/**
 * One run of one process. It can be stopped (SIGSTOP: its timers and its input wait, its sockets still take what comes)
 * and go on, and it can be ended (SIGKILL: nothing of it happens any more).
 */
export class Life {
  readonly #timeline: Timeline;
  readonly #timers: (() => void)[] = [];
  readonly #input: (() => void)[] = [];
  readonly #onEnd = new Set<() => void>();
  readonly #waitingForInput = new Set<() => void>();
  #state: LifeState = 'running';
  #inputUnderWay = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  get state(): LifeState {
    return this.#state;
  }

  /** A timer of this process is due. */
  timer(fire: () => void): void {
    if (this.#state === 'running') fire();
    else if (this.#state === 'stopped') this.#timers.push(fire);
  }

  /** Something arrives at a socket of this process. */
  input(handle: () => void): void {
    if (this.#state === 'running') handle();
    else if (this.#state === 'stopped') this.#input.push(handle);
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /** First the timers that are due, then the input that waited: as an event loop does it, and the harder order to judge by. */
  resume(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    const now = this.#timeline.now;
    for (const fire of this.#timers.splice(0)) this.#timeline.at(now, this, fire);
    for (const handle of this.#input.splice(0)) {
      this.#inputUnderWay += 1;
      this.#timeline.at(now, this, () => {
        this.#inputUnderWay -= 1;
        handle();
        if (this.#inputUnderWay === 0) this.#inputIsRead();
      });
    }
  }

  /** Resolves when the input that waited has been handed over; at once when none waits. */
  afterPendingInput(): Promise<void> {
    if (this.#inputUnderWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForInput.add(resolve));
  }

  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#timers.length = 0;
    this.#input.length = 0;
    for (const ended of [...this.#onEnd]) ended();
    this.#onEnd.clear();
  }

  /** Calls back when it ends; returns how to take that back. */
  onEnd(ended: () => void): () => void {
    this.#onEnd.add(ended);
    return () => void this.#onEnd.delete(ended);
  }

  #inputIsRead(): void {
    const waiting = [...this.#waitingForInput];
    this.#waitingForInput.clear();
    for (const resolve of waiting) resolve();
  }
}
