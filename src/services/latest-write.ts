/**
 * Writes of one thing that may change faster than the disk takes it: one is under way at a time, and of those that wait
 * only the newest is carried out. Whoever waited resolves with the write that had his value or a newer one, so that a
 * thousand callers wait for two writes and not for a thousand.
 */
export class LatestWrite<T> {
  readonly #write: (value: T) => Promise<unknown>;
  /** undefined while nothing is written. */
  #running: Promise<unknown> | undefined;
  #next: { value: T; readonly done: Promise<unknown> } | undefined;

  constructor(write: (value: T) => Promise<unknown>) {
    this.#write = write;
  }

  /** @throws what the write throws that was carried out for it */
  put(value: T): Promise<unknown> {
    if (this.#running === undefined) return this.#start(value);
    if (this.#next === undefined) {
      // A write that failed keeps no later one from being tried.
      const startNext = (): Promise<unknown> => {
        this.#next = undefined;
        return this.#start(next.value);
      };
      const next = { value, done: this.#running.then(startNext, startNext) };
      this.#next = next;
    } else {
      this.#next.value = value;
    }
    return this.#next.done;
  }

  #start(value: T): Promise<unknown> {
    const running = this.#write(value).finally(() => {
      // Whoever waits starts next, in the turn that follows.
      if (this.#next === undefined) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
