import { createHash } from 'node:crypto';

/** The longest name of a file or folder that we make of a text; file systems take 255 bytes. */
export const LONGEST_SEGMENT = 200;
const DIGEST_CHARS = 64;
const PREFIX_CHARS = LONGEST_SEGMENT - DIGEST_CHARS - 1;

/**
 * The name of the folder for a text that anybody may have chosen. The only such function: whatever reaches the disk
 * as a name passes here.
 *
 * Everything but A-Z a-z 0-9 . _ - is percent-encoded byte for byte, and so is a dot at the beginning: no name can be
 * `.` or `..`, have a slash, or look like one of our own (those begin with a dot). A name that would be longer than
 * 200 characters is cut and ends in `~` and the SHA-256 of the text; `~` occurs in no other name, so that different
 * texts always have different names.
 *
 * @param text well-formed Unicode; lone surrogates have no bytes of their own and are refused before
 */
export function pathSegment(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) encoded += encodeByte(byte, encoded === '');
  if (encoded.length <= LONGEST_SEGMENT) return encoded;
  const prefix = encoded.slice(0, PREFIX_CHARS).replace(/%.?$/, '');
  return `${prefix}~${createHash('sha256').update(text, 'utf8').digest('hex')}`;
}

/** The text that a folder's name was made of; null when it was cut, or when the name was not made here. */
export function textOfSegment(segment: string): string | null {
  if (segment.includes('~')) return null;
  try {
    const text = decodeURIComponent(segment);
    return text !== '' && pathSegment(text) === segment ? text : null;
  } catch {
    return null;
  }
}

function encodeByte(byte: number, isFirst: boolean): string {
  const char = String.fromCharCode(byte);
  if (/[A-Za-z0-9_-]/.test(char) || (char === '.' && !isFirst)) return char;
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
