import type { ByteRange } from '../../ports/snapshot-store.ts';

export type RangeWish =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeWish = { kind: 'whole' };

/**
 * What a Range header asks of so many bytes (RFC 9110 §14). Several ranges, another unit, or what is no range at all is
 * answered with the whole, as the RFC allows.
 */
export function parseRange(header: string | undefined, bytes: number): RangeWish {
  const match = /^bytes *= *([0-9]*) *- *([0-9]*)$/i.exec(header?.trim() ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (from === '' && to === '') return WHOLE;
  if (from === '') return suffix(Number(to), bytes);
  const start = Number(from);
  const end = to === '' ? Infinity : Number(to);
  if (end < start) return WHOLE;
  if (start >= bytes) return { kind: 'unsatisfiable' };
  return { kind: 'part', range: { start, end: Math.min(end, bytes - 1) } };
}

function suffix(length: number, bytes: number): RangeWish {
  if (length === 0) return { kind: 'unsatisfiable' };
  if (bytes === 0) return WHOLE;
  return { kind: 'part', range: { start: Math.max(0, bytes - length), end: bytes - 1 } };
}

/** Whether an If-None-Match header names this entity tag, or any. */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((item) => item.trim().replace(/^W\//, '') === etag);
}
