import * as v from 'valibot';
import { LARGEST_NUMBER } from '../units.ts';

/** The name of a data centre: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit. */
export const DATA_CENTER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const dataCenterName = v.pipe(
  v.string(),
  v.regex(DATA_CENTER_NAME, 'must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit'),
);

/** A version, an incarnation, a count: a positive integer below 2^53. */
export const positiveNumber = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LARGEST_NUMBER));

/** The most characters that an application's name may have. */
export const APPLICATION_NAME_MAX = 200;
/** The most UTF-8 bytes that an origin may have. */
export const ORIGIN_MAX_BYTES = 200;
/** The most bytes that a position or the value of a label may have, before percent-encoding. */
export const TEXT_MAX_BYTES = 1024;
export const LABELS_MAX = 16;
/** A label's name is part of a header's name. */
export const LABEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const utf8 = new TextEncoder();
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Why a text is no origin, or null when it is one. */
export function originProblem(origin: string): string | null {
  return nameProblem(origin, 'an origin');
}

/** A name that is one segment of a path. `what` begins the sentence. */
function nameProblem(name: string, what: string): string | null {
  if (name === '') return `${what} may not be empty`;
  if (name === '.' || name === '..') return `${what} may not be "${name}"`;
  if (!name.isWellFormed()) return `${what} must be well-formed Unicode`;
  if (CONTROL.test(name)) return `${what} may not have control characters`;
  if (utf8.encode(name).length > ORIGIN_MAX_BYTES) return `${what} may have at most ${ORIGIN_MAX_BYTES} UTF-8 bytes`;
  return null;
}

/** Why a text cannot be a position or a label's value, or null when it can. */
export function shortTextProblem(text: string): string | null {
  if (!text.isWellFormed()) return 'must be well-formed Unicode';
  if (CONTROL.test(text)) return 'may not have control characters';
  if (utf8.encode(text).length > TEXT_MAX_BYTES) return `may have at most ${TEXT_MAX_BYTES} UTF-8 bytes`;
  return null;
}

/** Names that our schema library leaves out of every object of names, because they mean something to JavaScript. */
const RESERVED_NAMES: readonly string[] = ['__proto__', 'prototype', 'constructor'];

/** Why a text is no name of a watermark, or null when it is one: what an origin may be, it may be too. */
export function watermarkNameProblem(name: string): string | null {
  // Such a name would be taken here, and then be missing in what the peer reads.
  if (RESERVED_NAMES.includes(name)) return `the name of a watermark may not be "${name}"`;
  return nameProblem(name, 'the name of a watermark');
}

/** Why a text cannot be a watermark's position, or null when it can; how long it may be depends on the others. */
export function watermarkPositionProblem(position: string): string | null {
  if (!position.isWellFormed()) return 'a position must be well-formed Unicode';
  return CONTROL.test(position) ? 'a position may not have control characters' : null;
}

/** Percent-decodes a header's value; null when it is no valid encoding. */
export function decodePercent(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
