import { SECOND_MS } from '../units.ts';
import type { LocalApi, Exchange } from './local-api.ts';
import { TRANSFER_IDLE_MS } from './local-api.ts';
import { ProblemError } from './local-api-errors.ts';

/** The answer to a request that waits; of one whose time was over, the problem, which has the same members. */
export interface Waited {
  readonly isInTime: boolean;
  readonly body: unknown;
}

/**
 * Asks for something that the gateway answers only when it has come, or when its time is over.
 *
 * @param seconds the time that the gateway was told; undefined: it has one of its own that we do not know, and nothing
 *   but a broken connection ends the waiting before
 * @throws CliError for every other problem
 */
export async function waited(api: LocalApi, exchange: Exchange, seconds: number | undefined): Promise<Waited> {
  const idleMs = seconds === undefined ? Infinity : seconds * SECOND_MS + TRANSFER_IDLE_MS;
  try {
    return { isInTime: true, body: await api.json({ ...exchange, idleMs }) };
  } catch (error) {
    if (error instanceof ProblemError && error.unfinished !== undefined)
      return { isInTime: false, body: error.unfinished };
    throw error;
  }
}
