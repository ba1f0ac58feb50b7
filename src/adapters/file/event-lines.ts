import type { GatewayEvent } from '../../core/events.ts';

const NEWLINE = 0x0a;
/** What every line of ours begins with; the id can be read without reading the event. */
const ID_FIRST = /^\{"id":(\d{1,16}),/;

/** One event, one line; the id first. */
export function printEvent(event: GatewayEvent): string {
  const { id, at, ...body } = event;
  return `${JSON.stringify({ id, at, ...body })}\n`;
}

/** Takes untrusted text; null for what is no event. One of a type that only a newer version knows is handed on as it is. */
export function parseEvent(line: string): GatewayEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return isEvent(value) ? value : null;
}

function isEvent(value: unknown): value is GatewayEvent {
  if (typeof value !== 'object' || value === null) return false;
  if (!('id' in value) || !('at' in value) || !('type' in value)) return false;
  if (typeof value.at !== 'string' || typeof value.type !== 'string') return false;
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
