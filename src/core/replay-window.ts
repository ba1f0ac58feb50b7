/** Counts that arrive later than this many behind the greatest are taken for used: they cannot be told from a copy. */
const WINDOW = 16_384;

/**
 * Which counts were used, of one sender's run under one challenge: the greatest, and one bit for each of those shortly
 * before it. The anti-replay window of IPsec (RFC 4303 §3.4.3, RFC 6479), wide enough for requests that overtake each
 * other. A count is used once, whatever becomes of its request.
 */
export class ReplayWindow {
  readonly #bits = new Uint32Array(WINDOW / 32);
  #greatest = 0;

  /** @param count a positive integer @returns false when it was used before, or is too old to tell */
  use(count: number): boolean {
    if (count > this.#greatest) {
      // What lay between was not used yet, and takes over the bits of what falls out of the window.
      const from = Math.max(this.#greatest + 1, count - WINDOW + 1);
      for (let each = from; each <= count; each += 1) this.#set(each, false);
      this.#greatest = count;
    } else if (count <= this.#greatest - WINDOW || this.#isSet(count)) return false;
    this.#set(count, true);
    return true;
  }

  #isSet(count: number): boolean {
    const bit = count % WINDOW;
    return (((this.#bits[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  #set(count: number, isUsed: boolean): void {
    const bit = count % WINDOW;
    const word = this.#bits[bit >>> 5] ?? 0;
    this.#bits[bit >>> 5] = isUsed ? word | (1 << (bit & 31)) : word & ~(1 << (bit & 31));
  }
}

/** How many runs of senders are told apart under one challenge; each costs 2 KiB. A sender begins one at each start. */
const RUNS_MAX = 256;

/** The windows of every sender's runs under one challenge. */
export class ReplayWindows {
  readonly #windows = new Map<string, ReplayWindow>();

  /**
   * @returns `fresh`; `used` for a copy; `full` when there is no room for another run: nothing can be told about it,
   *   and a new challenge, under which nothing is used yet, must take the place of this one
   */
  use(issuer: string, run: string, count: number): 'fresh' | 'used' | 'full' {
    const key = `${issuer} ${run}`;
    let window = this.#windows.get(key);
    if (window === undefined) {
      if (this.#windows.size >= RUNS_MAX) return 'full';
      window = new ReplayWindow();
      this.#windows.set(key, window);
    }
    return window.use(count) ? 'fresh' : 'used';
  }
}
