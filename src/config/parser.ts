import type { Place, Remark } from './problem.ts';

/** The most that a configuration file may have. A thousand times what a real one has, and it bounds all later work. */
export const FILE_MAX_BYTES = 1024 * 1024;

/** Also bounds what one file can say wrong; a file that is not a configuration at all is not read to its end. */
const LINE_PROBLEMS_MAX = 200;

// A tab is a blank. Anything else below a space would be printed to a terminal and a log, or cut a path short (NUL).
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;

export interface Line {
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

export interface ParsedFile {
  readonly lines: readonly Line[];
  readonly problems: readonly Remark[];
}

/** Whether a text holds a control character other than a tab. */
export function hasControl(text: string): boolean {
  return CONTROL.test(text);
}

/**
 * Reads `key=value` lines. `#` at a line's start, blanks before it allowed, makes a comment; the value is everything
 * after the first `=`, trimmed. A byte order mark and CRLF are tolerated. Knows nothing of which keys there are, and
 * never throws, whatever the text. What a faulty line says is not repeated in its problem: it may be a secret.
 *
 * @param file name and rank of the places that the lines get
 */
export function parseLines(text: string, file: Pick<Place, 'name' | 'rank'>): ParsedFile {
  const lines: Line[] = [];
  const problems: Remark[] = [];
  if (text.length > FILE_MAX_BYTES) {
    const message = `has more than ${FILE_MAX_BYTES} bytes; a configuration file is a few KiB of key=value lines`;
    return { lines, problems: [{ place: { ...file, line: null }, key: null, message }] };
  }
  const rows = text.replace(/^\uFEFF/, '').split('\n');
  for (const [index, raw] of rows.entries()) {
    const place: Place = { ...file, line: index + 1 };
    const row = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const problem = rowProblem(row);
    if (problem !== null) {
      problems.push({ place, key: null, message: problem });
      if (problems.length >= LINE_PROBLEMS_MAX) break;
      continue;
    }
    const trimmed = row.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const equals = row.indexOf('=');
    lines.push({ key: row.slice(0, equals).trim(), value: row.slice(equals + 1).trim(), place });
  }
  return { lines, problems };
}

function rowProblem(row: string): string | null {
  if (hasControl(row)) return 'has a control character (a NUL, an escape or a lone carriage return); remove it';
  const trimmed = row.trim();
  if (trimmed === '' || trimmed.startsWith('#')) return null;
  const equals = trimmed.indexOf('=');
  if (equals < 0) return 'is no key=value; a comment begins with #';
  return equals === 0 ? 'has no key before its =' : null;
}
