import { asRequestAnswer, type RequestAnswer } from '../answers.ts';
import { printable } from '../display-width.ts';
import { count } from '../format.ts';
import { writeLine, type CliIo } from '../io.ts';
import type { LocalApi } from '../local-api.ts';
import { table } from '../table.ts';
import { waited } from '../waited.ts';
import { withQuery } from './paths.ts';

/** Which snapshots the application is asked for. */
export interface Wish {
  readonly workload?: string | undefined;
  readonly origins?: readonly string[] | undefined;
  /** Seconds; undefined: snapshotRequestTimeout. */
  readonly timeout?: number | undefined;
}

/** The request as the local API takes it. */
export function requestOf(wish: Wish, wait?: 'replicated'): { method: 'POST'; path: string; json: object } {
  const { workload, origins, timeout } = wish;
  const json = { ...(origins === undefined ? {} : { origins }), ...(timeout === undefined ? {} : { timeout }) };
  return { method: 'POST', path: withQuery('/v1/snapshot-requests', { workload, wait }), json };
}

export interface FreshSnapshots extends RequestAnswer {
  /** What is wrong, in words; null when every origin was posted and is at every peer that is up. */
  readonly problem: string | null;
}

/** Asks for snapshots and waits until they are at the peers. */
export async function freshSnapshots(api: LocalApi, wish: Wish): Promise<FreshSnapshots> {
  const { isInTime, body } = await waited(api, requestOf(wish, 'replicated'), wish.timeout);
  const answer = asRequestAnswer(api.target, body);
  const missing = answer.rows.filter(({ state }) => state === 'missing').length;
  const behind = answer.rows.filter(({ state }) => state === 'accepted').length;
  const parts = [
    ...(missing === 0 ? [] : [`${count(missing, 'origin')} not posted`]),
    ...(behind === 0 ? [] : [`${count(behind, 'origin')} posted, but not at every peer that is up`]),
  ];
  return { ...answer, problem: isInTime && parts.length === 0 ? null : `not in time: ${parts.join(', ')}` };
}

/** A line per origin. */
export async function printFresh(io: CliIo, { rows }: RequestAnswer): Promise<void> {
  if (rows.length === 0) {
    await writeLine(io.stdout, 'no origin is known here, so there is nothing to wait for');
    return;
  }
  const cells = rows.map(({ origin, workload, version, state }) => [
    printable(origin),
    printable(workload),
    version === null ? '-' : String(version),
    state === 'accepted' ? 'accepted, not replicated' : state,
  ]);
  for (const line of table(['ORIGIN', 'WORKLOAD', '>VERSION', 'STATE'], cells)) await writeLine(io.stdout, line);
}
