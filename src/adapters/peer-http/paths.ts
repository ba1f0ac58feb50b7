import { decodePercent, originProblem } from '../../wire/names.ts';

export const MESSAGES_PATH = '/peer/v1/messages';
export const SNAPSHOTS_PATH = '/peer/v1/snapshots';

/**
 * The path of one origin. It is put together by hand and never goes through `URL`, which takes a segment `..` or
 * `%2e%2e` for a step up.
 */
export function snapshotPath(origin: string): string {
  return `${SNAPSHOTS_PATH}/${encodeURIComponent(origin)}`;
}

export type Route =
  | { readonly kind: 'message' }
  | { readonly kind: 'inventory' }
  | { readonly kind: 'snapshot'; readonly origin: string }
  | { readonly kind: 'bad-origin'; readonly problem: string }
  | { readonly kind: 'not-allowed'; readonly allow: string }
  | { readonly kind: 'unknown' };

/**
 * What a request asks for. The target is taken as it came, without any normalisation: an origin is exactly one segment,
 * decoded exactly once. A query is ignored.
 */
export function routeOf(method: string, target: string): Route {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (path === MESSAGES_PATH) return method === 'POST' ? { kind: 'message' } : { kind: 'not-allowed', allow: 'POST' };
  if (path === SNAPSHOTS_PATH) return method === 'GET' ? { kind: 'inventory' } : { kind: 'not-allowed', allow: 'GET' };
  if (!path.startsWith(`${SNAPSHOTS_PATH}/`)) return { kind: 'unknown' };
  const segment = path.slice(SNAPSHOTS_PATH.length + 1);
  if (segment.includes('/')) return { kind: 'unknown' };
  if (method !== 'PUT') return { kind: 'not-allowed', allow: 'PUT' };
  const origin = decodePercent(segment);
  if (origin === null) return { kind: 'bad-origin', problem: 'must be percent-encoded UTF-8' };
  const problem = originProblem(origin);
  return problem === null ? { kind: 'snapshot', origin } : { kind: 'bad-origin', problem };
}
