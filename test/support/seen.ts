import { setTimeout as sleep } from 'node:timers/promises';

/** How long anything is waited for that should come at once, on a machine that has a lot else to do. */
export const PATIENCE_MS = 20_000;

/**
 * What came in so far, and waiting for what is still to come: woken by each arrival, never by time alone.
 */
export class Seen<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  add(item: T): void {
    this.all.push(item);
    for (const wake of [...this.#waiting]) wake();
  }

  /** The first item, from the index on, that fits; also one that is there already. */
  async until(what: string, fits: (item: T) => boolean, from = 0, withinMs = PATIENCE_MS): Promise<T> {
    const over = new AbortController();
    try {
      return await Promise.race([this.#find(fits, from, over.signal), late(what, withinMs, over.signal)]);
    } finally {
      over.abort();
    }
  }

  /** Lets time pass in which nothing may come that fits. @throws Error as soon as something does */
  async noneFor(ms: number, what: string, fits: (item: T) => boolean, from = this.all.length): Promise<void> {
    const over = new AbortController();
    const forbidden = this.#find(fits, from, over.signal).then((item) => {
      throw new Error(`there should have been no ${what}, but there was ${JSON.stringify(item)}`);
    });
    try {
      await Promise.race([forbidden, sleep(ms, undefined, { signal: over.signal })]);
    } finally {
      over.abort();
      forbidden.catch(() => undefined);
    }
  }

  #find(fits: (item: T) => boolean, from: number, signal: AbortSignal): Promise<T> {
    return new Promise((resolve) => {
      let next = from;
      const look = (): void => {
        for (; next < this.all.length; next += 1) {
          const item = this.all[next]!;
          if (!fits(item)) continue;
          this.#waiting.delete(look);
          resolve(item);
          return;
        }
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', () => this.#waiting.delete(look));
      look();
    });
  }
}

/** @throws Error after the time, unless the signal was aborted before */
export async function late(what: string, withinMs: number, signal: AbortSignal): Promise<never> {
  try {
    await sleep(withinMs, undefined, { signal });
  } catch {
    return await new Promise<never>(() => undefined);
  }
  throw new Error(`${what}: not within ${withinMs / 1000} s`);
}

/**
 * Asks again and again until the answer fits: for what the gateway shows and does not announce.
 *
 * @param probe undefined: not yet
 */
export async function untilShown<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  withinMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not shown within ${withinMs / 1000} s`);
    await sleep(20);
  }
}
