const NEWLINE = 0x0a;
/** What every line of ours begins with; the id can be read without reading the rest. */
const ID_FIRST = /^\{"id":(\d{1,16}),/;

/** What a journal is made of. */
export interface JournalEntry {
  /** Greater than that of the entry before. */
  readonly id: number;
  readonly at: string;
}

/** One entry, one line; the id first. */
export function printEntry(entry: JournalEntry): string {
  const { id, at, ...body } = entry;
  return `${JSON.stringify({ id, at, ...body })}\n`;
}

/** Takes untrusted text; null for what is no entry with these fields too, each of which is a text. */
export function parseEntry(line: string, texts: readonly string[]): JournalEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return isEntry(value, texts) ? value : null;
}

function isEntry(value: unknown, texts: readonly string[]): value is JournalEntry {
  if (typeof value !== 'object' || value === null || !('id' in value)) return false;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  if (['at', ...texts].some((name) => typeof fields[name] !== 'string')) return false;
  return Number.isSafeInteger(value.id) && Number(value.id) > 0;
}

/** The id of a line without parsing the rest; null when it does not begin as ours do. */
export function idOfLine(line: string): number | null {
  const match = ID_FIRST.exec(line);
  return match === null ? null : Number(match[1]);
}

export interface Line {
  readonly text: string;
  /** Where the next line begins. */
  readonly end: number;
}

/** The complete lines of a buffer; what follows the last line feed is none. */
export function* linesOf(bytes: Buffer): Generator<Line> {
  for (let start = 0; ;) {
    const newline = bytes.indexOf(NEWLINE, start);
    if (newline < 0) return;
    yield { text: bytes.toString('utf8', start, newline), end: newline + 1 };
    start = newline + 1;
  }
}
