/** What is thrown away on purpose: an outcome that somebody else waits for, or that is told elsewhere. */
export function ignore(): void {
  return undefined;
}

/** Work of one name is done in the order of the calls, one after the other; different names do not wait for each other. */
export class Lanes {
  readonly #tails = new Map<string, Promise<void>>();

  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const mine = before.then(work);
    const tail = mine.then(ignore, ignore).then(() => {
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    });
    this.#tails.set(name, tail);
    return mine;
  }

  /** Resolves when the work called so far is done, well or not; of one name when that is given. */
  async idle(name?: string): Promise<void> {
    if (name !== undefined) await this.#tails.get(name);
    else await Promise.all(this.#tails.values());
  }
}

/** At most so many pieces of work at once; the others wait in the order of their calls. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // A slot is handed on directly: were it put back first, a newcomer could overtake who waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
