/** What JSON of others may make us build in memory before any of it is believed. */
export interface JsonBounds {
  /** Arrays and objects within each other. What walks over a value calls itself once a level, and the stack ends. */
  readonly depth: number;
  /** Keys, elements, arrays and objects in all. */
  readonly values: number;
}

/** Of a request: far more than any that we know, far less than what hurts. */
export const REQUEST_JSON: JsonBounds = { depth: 32, values: 4096 };
/** Of an inventory: 100,000 rows of up to 20 fields. Nobody is asked for one who is not known as a peer. */
export const INVENTORY_JSON: JsonBounds = { depth: 32, values: 4_000_000 };

export type BoundedJson =
  | { readonly ok: true; readonly value: unknown }
  /** `problem` continues a sentence about the body, and has nothing of it in it but what the parser quotes. */
  | { readonly ok: false; readonly problem: string };

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The value of a JSON text. Its bounds are looked at before it is parsed, as afterwards they would protect nobody.
 *
 * A key `__proto__` or `constructor` comes out as a property like any other: nothing is inherited from it, and a schema
 * that does not name it leaves it out.
 */
export function parseBoundedJson(bytes: Uint8Array, bounds: JsonBounds = REQUEST_JSON): BoundedJson {
  const problem = boundsProblem(bytes, bounds);
  if (problem !== null) return { ok: false, problem };
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    return { ok: false, problem: 'is no UTF-8' };
  }
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, problem: `is no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * One walk over the bytes: no byte of a longer UTF-8 sequence looks like one of these characters. What is no JSON is
 * counted as well as it goes, and is refused by the parser.
 */
function boundsProblem(bytes: Uint8Array, { depth, values }: JsonBounds): string | null {
  let level = 0;
  let seen = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        level += 1;
        seen += 1;
        if (level > depth) return `is nested more than ${String(depth)} levels deep`;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        level -= 1;
        break;
      case COMMA:
      case COLON:
        seen += 1;
        break;
      default:
        break;
    }
    if (seen > values) return `has more than ${String(values)} keys and values`;
  }
  return null;
}

/** Where the string that begins at `start` ends: at its closing quote, or with the text. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
