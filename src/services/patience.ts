import { GatewayError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';

/** A write that takes longer is taken for one that hangs. Raised: a verdict waits longer for a dead disk; lowered: a slow one is called dead. */
export const HANG_MS = 5 * SECOND_MS;

/**
 * How long a write is waited for while an earlier one to the same disk still hangs. Raised: a chain of writes, as a verdict is,
 * takes longer on a dead disk; lowered: more of them are taken for hanging on one that is slow.
 */
const SPENT_MS = 100;

/**
 * What is waited for a disk, which is spent once: a verdict and what follows are several writes one after the other, and
 * on a disk that hangs only the first of them waits for long. It is renewed when something that hung has come to its end,
 * for those that are being waited for too: a disk that has just come back must not be called dead again at once.
 */
export class Patience {
  readonly #clock: Clock;
  /** What was given up and has not ended since. */
  readonly #hanging = new Set<Promise<unknown>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns false when the work still goes on. @throws what the work throws in time */
  async inTime(work: Promise<unknown>): Promise<boolean> {
    const isSpent = this.#hanging.size > 0;
    if (await inTime(this.#clock, isSpent ? SPENT_MS : HANG_MS, work)) return true;
    // What hung ended meanwhile: the disk answers again, with much to make up for, and this one has its whole time.
    if (isSpent && this.#hanging.size === 0 && (await inTime(this.#clock, HANG_MS, work))) return true;
    this.#hanging.add(work);
    // The first that ends tells of the disk; the others end after it.
    const ended = (): void => {
      this.#hanging.clear();
    };
    work.then(ended, ended);
    return false;
  }
}

/** Waits for the work, but no longer than that. @returns false when it still goes on */
export async function inTime(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  let isDone = false;
  const done = work.then(() => {
    isDone = true;
  });
  await Promise.race([done, clock.sleep(ms, timer.signal)]);
  // Nobody reads the reason; but where there is none Node.js makes an error with a stack, after each write.
  timer.abort('done');
  return isDone;
}

export function hangs(what: string): GatewayError {
  return new GatewayError(
    'store-unavailable',
    `The ${what} does not answer: a write to its disk has been hanging for more than ${HANG_MS / SECOND_MS} s.`,
  );
}
