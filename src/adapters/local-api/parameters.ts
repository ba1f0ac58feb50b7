import type { Request } from 'express';
import { GatewayError } from '../../errors.ts';
import { LARGEST_NUMBER, SECOND_MS } from '../../units.ts';
import { DATA_CENTER_NAME, originProblem } from '../../wire/names.ts';

const DELIVERY_ID = /^[A-Za-z0-9._-]{1,128}$/;
/** A day: longer than anybody waits on one connection. */
const LONGEST_WAIT_SECONDS = 86_400;
const PAGE_LIMIT = 100;
const PAGE_LIMIT_MAX = 1000;

/** A parameter of the query; undefined when it was not given. Twice is refused: nobody could say which one counts. */
export function queryText(request: Request, name: string): string | undefined {
  const value: unknown = Object.hasOwn(request.query, name) ? request.query[name] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new GatewayError('bad-request', `${name} was given more than once`, { field: name });
}

/** One of a few words. */
export function queryWord<Word extends string>(
  request: Request,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = queryText(request, name);
  if (text === undefined) return undefined;
  const word = words.find((known) => known === text);
  if (word !== undefined) return word;
  throw new GatewayError('bad-request', `${name} must be ${words.join(' or ')}`, { field: name });
}

/** An integer from `least` to 2^53 - 1. */
export function queryNumber(request: Request, name: string, least: 0 | 1): number | undefined {
  const text = queryText(request, name);
  return text === undefined ? undefined : parseNumber(text, name, least);
}

/** @throws GatewayError `bad-request` */
export function parseNumber(text: string, field: string, least: 0 | 1): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= LARGEST_NUMBER) return value;
  throw new GatewayError('bad-request', `${field} must be an integer from ${least} to 2^53 - 1`, { field });
}

/** `?limit=N` of whatever is read page by page. */
export function pageLimitOf(request: Request): number {
  const limit = queryNumber(request, 'limit', 1) ?? PAGE_LIMIT;
  if (limit <= PAGE_LIMIT_MAX) return limit;
  throw new GatewayError('bad-request', `limit may be at most ${PAGE_LIMIT_MAX}`, { field: 'limit' });
}

export function workloadOf(request: Request): string | undefined {
  const workload = queryText(request, 'workload');
  if (workload === undefined || DATA_CENTER_NAME.test(workload)) return workload;
  throw new GatewayError('bad-request', 'workload must be the name of a data centre', { field: 'workload' });
}

export function versionOf(request: Request): number | undefined {
  return queryNumber(request, 'version', 1);
}

/** `?timeout=S`, in milliseconds. */
export function timeoutMsOf(request: Request, defaultSeconds: number): number {
  const text = queryText(request, 'timeout');
  if (text === undefined) return defaultSeconds * SECOND_MS;
  const seconds = /^[0-9]{1,6}(\.[0-9]{1,6})?$/.test(text) ? Number(text) : NaN;
  if (seconds <= LONGEST_WAIT_SECONDS) return seconds * SECOND_MS;
  throw new GatewayError('bad-request', `timeout must be seconds, at most ${LONGEST_WAIT_SECONDS}`, {
    field: 'timeout',
  });
}

/** The same where the gateway has a time of its own: null when none was given. */
export function maybeTimeoutMsOf(request: Request): number | null {
  return queryText(request, 'timeout') === undefined ? null : timeoutMsOf(request, 0);
}

/** The origin of the path: one segment, percent-encoded, already decoded by the router. */
export function originOf(request: Request): string {
  const origin = segment(request, 'origin');
  const problem = originProblem(origin);
  if (problem !== null) throw new GatewayError('bad-request', problem, { field: 'origin' });
  return origin;
}

/** The peer of the path. What cannot be a name cannot be a peer either. */
export function peerOf(request: Request): string {
  const name = segment(request, 'dc');
  if (DATA_CENTER_NAME.test(name)) return name;
  throw new GatewayError('not-found', 'No peer has such a name.');
}

/** The workload of the path. What cannot be a name cannot be a workload either. */
export function workloadSegmentOf(request: Request): string {
  const name = segment(request, 'workload');
  if (DATA_CENTER_NAME.test(name)) return name;
  throw new GatewayError('not-found', 'No workload has such a name.');
}

export function deliveryIdOf(request: Request): string {
  const id = segment(request, 'id');
  if (DELIVERY_ID.test(id)) return id;
  throw new GatewayError('not-found', 'No delivery has such an id.');
}

function segment(request: Request, name: string): string {
  const value: unknown = request.params[name];
  return typeof value === 'string' ? value : '';
}
