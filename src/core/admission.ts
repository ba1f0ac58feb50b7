import type { StoredSnapshot } from './snapshot.ts';

/**
 * Whether a snapshot may be taken in, given the newest version that was ever taken in for its key.
 *
 * - `store`: it is newer than all, or it is the very one that we lost.
 * - `same`: it was taken in before; the answer is 200 again and nothing is written.
 * - `older`, `conflict`: refused with the number that we have; versions never go back, and one version has one content.
 */
export type Admission =
  | { readonly kind: 'store' }
  | { readonly kind: 'same' }
  | { readonly kind: 'older'; readonly has: number }
  | { readonly kind: 'conflict'; readonly has: number };

export function admit(
  newest: StoredSnapshot | undefined,
  incoming: { readonly version: number; readonly sha256: string },
): Admission {
  if (newest === undefined || incoming.version > newest.version) return { kind: 'store' };
  if (incoming.version < newest.version) return { kind: 'older', has: newest.version };
  if (incoming.sha256 !== newest.sha256) return { kind: 'conflict', has: newest.version };
  return newest.place === 'lost' ? { kind: 'store' } : { kind: 'same' };
}
