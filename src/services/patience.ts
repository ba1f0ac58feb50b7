import { GatewayError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';

/** A write that takes longer is taken for one that hangs. Raised: a verdict waits longer for a dead disk; lowered: a slow one is called dead. */
export const HANG_MS = 5 * SECOND_MS;

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
  return new GatewayError('store-unavailable', `The ${what} has not answered for ${HANG_MS / SECOND_MS} s.`);
}
