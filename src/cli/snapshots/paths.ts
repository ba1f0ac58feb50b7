import { usageError } from '../exit-status.ts';

/** Which snapshots, as the query of a path says it; parameters without a value are left out. */
export function withQuery(path: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value.toWellFormed())}`],
  );
  return given.length === 0 ? path : `${path}?${given.join('&')}`;
}

/**
 * A name as one segment of a path.
 *
 * @throws CliError (usage) for what would make another path of it; everything else the gateway judges
 */
export function segment(name: string, what: string): string {
  if (name === '' || name === '.' || name === '..') throw usageError(`${what} may not be "${name}"`);
  if (!name.isWellFormed()) throw usageError(`${what} must be well-formed Unicode`);
  return encodeURIComponent(name);
}

/** Where the bytes of our own snapshot are read and written. */
export function outgoingPath(origin: string, parameters: Readonly<Record<string, string | undefined>>): string {
  return withQuery(`/v1/snapshots/${segment(origin, 'ORIGIN')}`, parameters);
}

/** @throws CliError (usage) */
export function parseVersion(text: string | undefined): string | undefined {
  if (text === undefined || /^[1-9]\d{0,15}$/.test(text)) return text;
  throw usageError(`--version takes a positive integer, not "${text}"`);
}
