import { createHash } from 'node:crypto';

/**
 * The structure of a schema as a text that is equal for equal schemas: kinds, entries and every bound, in the order of
 * their names. What a schema says to people (messages) is left out: it may be improved without a new version.
 */
export function shapeOf(schema: object): string {
  return JSON.stringify(plain(schema));
}

/** The first 16 hexadecimal digits of the SHA-256 of a shape: enough to notice a change, short enough to be pinned by hand. */
export function shapeHash(shape: string): string {
  return createHash('sha256').update(shape).digest('hex').slice(0, 16);
}

const LEFT_OUT = new Set(['message', 'reference', '~standard', '~run', 'async', 'expects', 'kind']);

function plain(value: unknown): unknown {
  if (value instanceof RegExp) return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  // A map of fields is no part of a schema's own: a field may well be called `message` or `kind`.
  const isPart = '~run' in value;
  const isPiped = isPart && 'pipe' in value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !(isPart && LEFT_OUT.has(name)) && !(isPiped && name !== 'pipe'))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, plain(inner)]),
  );
}
