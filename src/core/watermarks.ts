import { KIB } from '../units.ts';

/** How far an application has got: its last published output, its last read input (interface §3). */
export interface Watermark {
  readonly seq?: number;
  readonly position?: string;
}

export type Watermarks = Readonly<Record<string, Watermark>>;

/** What a peer last said of its watermarks, and in which of its runs. */
export interface KnownWatermarks {
  readonly incarnation: number;
  readonly watermarks: Watermarks;
}

/** They travel in every heartbeat, which must stay small whatever an application does. */
export const WATERMARKS_MOST = 64;
export const WATERMARKS_MOST_BYTES = 4 * KIB;

const utf8 = new TextEncoder();

/**
 * How large they are together: the UTF-8 bytes of every name and every position, and for every `seq` the digits of its
 * decimal text. What JSON adds around them is not counted, so that nobody has to know it to stay within the bound.
 */
export function watermarksBytes(watermarks: Watermarks): number {
  return Object.entries(watermarks).reduce(
    (sum, [name, { seq, position }]) =>
      sum +
      utf8.encode(name).length +
      (seq === undefined ? 0 : String(seq).length) +
      (position === undefined ? 0 : utf8.encode(position).length),
    0,
  );
}

export type PutWatermark =
  | { readonly kind: 'put'; readonly watermarks: Watermarks }
  | { readonly kind: 'too-many' }
  /** `bytes`: how many there would have been. */
  | { readonly kind: 'too-large'; readonly bytes: number };

/**
 * Replaces one watermark whole: what had a position and is put with a `seq` alone has no position any more. One with
 * neither removes the name, which always fits. A `seq` may go down: it is the application's own word, and only the
 * application knows whether it began anew.
 */
export function putWatermark(all: Watermarks, name: string, watermark: Watermark): PutWatermark {
  const others = Object.entries(all).filter(([other]) => other !== name);
  if (isNothing(watermark)) return { kind: 'put', watermarks: Object.fromEntries(others) };
  const watermarks = Object.fromEntries([...others, [name, watermark] as const]);
  if (others.length >= WATERMARKS_MOST) return { kind: 'too-many' };
  const bytes = watermarksBytes(watermarks);
  return bytes > WATERMARKS_MOST_BYTES ? { kind: 'too-large', bytes } : { kind: 'put', watermarks };
}

/**
 * What is known of a peer's watermarks after one more of its messages; the same object when it changes nothing. The
 * messages come in their order: a late one was refused before it got here.
 *
 * An earlier run never overwrites a later one. Within one run each message replaces the whole. A new run that has said
 * none yet, because its application has not put any or its records were lost, leaves those of the run before: how far
 * that one had got is what is asked when its snapshots are taken over.
 */
export function hearWatermarks(known: KnownWatermarks | null, said: KnownWatermarks): KnownWatermarks | null {
  const saysNone = Object.keys(said.watermarks).length === 0;
  if (known === null) return saysNone ? null : said;
  if (said.incarnation < known.incarnation) return known;
  if (said.incarnation > known.incarnation) return saysNone ? known : said;
  return isSame(known.watermarks, said.watermarks) ? known : said;
}

function isNothing({ seq, position }: Watermark): boolean {
  return seq === undefined && position === undefined;
}

function isSame(a: Watermarks, b: Watermarks): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) => Object.hasOwn(b, name) && a[name]?.seq === b[name]?.seq && a[name]?.position === b[name]?.position,
    )
  );
}
