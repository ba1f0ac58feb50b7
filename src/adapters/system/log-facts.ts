/**
 * Facts as a log line may hold them. Whatever is handed to the log comes out as plain, bounded JSON: no getter, cycle or
 * huge value can make logging throw, and no object is walked into that did not offer itself, so that a box around a
 * secret stays closed.
 */
const DEEPEST = 6;
const LONGEST_TEXT = 8192;
const MOST_ITEMS = 100;

/** The log's own fields; a fact of that name would make a second field of the same name in one line. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

export function plainFacts(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    entriesOf(facts).map(([key, value]) => [OWN_FIELDS.has(key) ? `${key}_` : key, plain(value, 1)]),
  );
}

function plain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return bounded(value);
    case 'number':
      // JSON would make null of these, which means something else.
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'function':
      return '[function]';
    case 'object':
      return value === null ? null : plainObject(value, depth);
  }
}

function plainObject(value: object, depth: number): unknown {
  if (depth > DEEPEST) return '[…]';
  try {
    if (value instanceof Error) return plainError(value, depth);
    if (value instanceof Uint8Array) return `[${String(value.length)} bytes]`;
    if (Array.isArray(value)) return plainArray(value, depth);
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      return plain(Reflect.apply(value.toJSON, value, []), depth + 1);
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`;
    return Object.fromEntries(entriesOf(value).map(([key, item]) => [key, plain(item, depth + 1)]));
  } catch {
    return '[unreadable]';
  }
}

function plainArray(values: readonly unknown[], depth: number): unknown[] {
  const items = values.slice(0, MOST_ITEMS).map((item) => plain(item, depth + 1));
  return values.length > MOST_ITEMS ? [...items, `[${String(values.length - MOST_ITEMS)} more]`] : items;
}

/** An error with what caused it, all the way down: the reason of a failed connection is two causes deep. */
function plainError(error: Error, depth: number): Record<string, unknown> {
  const fields: Record<string, unknown> = { type: error.name, message: bounded(error.message) };
  if ('code' in error && error.code !== undefined) fields.code = plain(error.code, depth + 1);
  if ('facts' in error) fields.facts = plain(error.facts, depth + 1);
  if (error.stack !== undefined) fields.stack = bounded(error.stack);
  if (error.cause !== undefined) fields.cause = plain(error.cause, depth + 1);
  if (error instanceof AggregateError) fields.errors = plain(error.errors, depth + 1);
  return fields;
}

function entriesOf(value: object): [string, unknown][] {
  const entries: [string, unknown][] = [];
  for (const key of Object.keys(value).slice(0, MOST_ITEMS)) {
    try {
      entries.push([key, (value as Record<string, unknown>)[key]]);
    } catch {
      entries.push([key, '[unreadable]']);
    }
  }
  return entries;
}

function bounded(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}… (${String(text.length)} characters)`;
}
