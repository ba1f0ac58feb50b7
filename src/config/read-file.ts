import { closeSync, openSync, readSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { FILE_MAX_BYTES } from './parser.ts';

/** Gives a file's text. Throws what says why it cannot; a `code` of ENOENT says that there is no such file. */
export type ReadFile = (path: string) => string;

/**
 * Reads a UTF-8 file of at most {@link FILE_MAX_BYTES}. Pipes are read as well, so that a shell's `<(…)` works; that is
 * why the bound is on what was read and not on what the file system says.
 *
 * @throws what node:fs throws, and an Error when the file is too large or not UTF-8
 */
export function readTextFile(path: string): string {
  const buffer = Buffer.alloc(FILE_MAX_BYTES + 1);
  const descriptor = openSync(path, 'r');
  let length = 0;
  try {
    for (;;) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length === buffer.length) break;
    }
  } finally {
    closeSync(descriptor);
  }
  if (length > FILE_MAX_BYTES) throw new Error(`it has more than ${FILE_MAX_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
  } catch {
    throw new Error('it is not UTF-8 text');
  }
}

/** The text, or why there is none, on one line. */
type ReadOutcome = { readonly text: string } | { readonly code: string; readonly reason: string };

export function tryRead(readFile: ReadFile, path: string): ReadOutcome {
  try {
    return { text: readFile(path) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
    return { code, reason: REASONS[code] ?? messageOf(error).split('\n')[0] ?? '' };
  }
}

const REASONS: Readonly<Record<string, string | undefined>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a folder',
};
