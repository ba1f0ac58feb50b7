import { GatewayError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';

/** A write that takes longer is taken for one that hangs. Raised: a verdict waits longer for a dead disk; lowered: a slow one is called dead. */
export const HANG_MS = 5 * SECOND_MS;

/**
 * How long a write is waited for while an earlier one to the same disk still hangs. Raised: a chain of writes, as a verdict is,
 * takes longer on a dead disk; lowered: more of them are taken for hanging on one that has just come back.
 */
const SPENT_MS = 100;

/**
 * What is waited for a disk, which is spent once: a verdict and what follows are several writes one after the other, and
 * on a disk that hangs only the first of them waits for long. It is renewed when what hung has come to its end.
 */
export class Patience {
  readonly #clock: Clock;
  #hanging = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns false when the work still goes on. @throws what the work throws in time */
  async inTime(work: Promise<unknown>): Promise<boolean> {
    if (await inTime(this.#clock, this.#hanging === 0 ? HANG_MS : SPENT_MS, work)) return true;
    this.#hanging += 1;
    const ended = (): void => {
      this.#hanging -= 1;
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
  timer.abort();
  return isDone;
}

export function hangs(what: string): GatewayError {
  return new GatewayError(
    'store-unavailable',
    `The ${what} does not answer: a write to its disk has been hanging for more than ${HANG_MS / SECOND_MS} s.`,
  );
}
