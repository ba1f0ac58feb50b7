interface Lane {
  /** What is to be written next; undefined while nothing waits. */
  next: { readonly text: string | null; readonly done: Promise<void> } | undefined;
  running: Promise<void>;
}

/**
 * Writes of one name one after the other, where only the last of those that wait is carried out: a state that changes
 * faster than the disk writes costs no more than the disk can do. Everybody who waited resolves, or is refused, with
 * the write that was carried out in his stead.
 */
export class LatestWrites {
  readonly #carryOut: (name: string, text: string | null) => Promise<void>;
  readonly #lanes = new Map<string, Lane>();

  /** @param carryOut makes the text the content of the name, durably; null removes it */
  constructor(carryOut: (name: string, text: string | null) => Promise<void>) {
    this.#carryOut = carryOut;
  }

  put(name: string, text: string | null): Promise<void> {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return this.#start(name, text);
    if (lane.next !== undefined) {
      lane.next = { text, done: lane.next.done };
      return lane.next.done;
    }
    const done = lane.running.then(
      () => this.#startNext(name),
      () => this.#startNext(name),
    );
    lane.next = { text, done };
    return done;
  }

  /** Resolves when everything put so far was carried out, well or not; of one name when that is given. */
  async idle(name?: string): Promise<void> {
    const lanes = [...this.#lanes].filter(([each]) => name === undefined || each === name);
    await Promise.allSettled(lanes.map(([, lane]) => lane.next?.done ?? lane.running));
  }

  #start(name: string, text: string | null): Promise<void> {
    const running = this.#carryOut(name, text).finally(() => {
      // Whoever queued meanwhile starts next and goes on with this lane.
      if (this.#lanes.get(name)?.next === undefined) this.#lanes.delete(name);
    });
    this.#lanes.set(name, { next: undefined, running });
    return running;
  }

  #startNext(name: string): Promise<void> {
    const text = this.#lanes.get(name)?.next?.text ?? null;
    return this.#start(name, text);
  }
}
