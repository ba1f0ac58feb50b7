/** A bounded number of places: who finds none is told so, nobody waits. */
export class Places {
  readonly #total: number;
  #taken = 0;

  constructor(total: number) {
    this.#total = total;
  }

  get taken(): number {
    return this.#taken;
  }

  /** @returns what gives the place back (once, however often it is called), or null when there is none */
  take(): (() => void) | null {
    if (this.#taken >= this.#total) return null;
    this.#taken += 1;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#taken -= 1;
    };
  }
}
