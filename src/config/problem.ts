/** Where a key was given: a line of a file, the environment, the command line. The lower the rank, the stronger. */
export interface Place {
  readonly rank: number;
  /** The file's path as the operator wrote it, `environment` or `--set`. */
  readonly name: string;
  /** From 1; null where there are no lines. */
  readonly line: number | null;
}

/** The order of the sources, strongest first (interface §2). */
export const RANK = { set: 0, environment: 1, dotenv: 2, file: 3, appConfig: 4, nowhere: 5 } as const;

/** One key with its value, as one source gives it. */
export interface Given {
  /** The option's key, or what stands in its place when there is no such option. */
  readonly key: string;
  /** How the operator wrote the key: with its prefix, or as a variable of the environment. */
  readonly written: string;
  readonly value: string;
  readonly place: Place;
}

/** Something to be said of one place in the configuration: a problem, a warning or a notice. */
export interface Remark {
  readonly place: Place;
  /** The key as it was written; null when the place has no key. */
  readonly key: string | null;
  /** What is wrong and what would be right. Never holds a secret's value. */
  readonly message: string;
}

/** The most remarks that are printed: a file that is something else altogether must not fill the log. */
const REMARKS_MAX = 200;

export function remark(given: Given, message: string): Remark {
  return { place: given.place, key: given.written, message };
}

export function placeText(place: Place): string {
  return place.line === null ? place.name : `${place.name}:${place.line}`;
}

/** `FILE:LINE: key: message`. */
export function remarkLine({ place, key, message }: Remark): string {
  if (key === null) return `${placeText(place)}: ${message}`;
  const shown = key.length > 200 ? `${key.slice(0, 200).toWellFormed()}…` : key;
  return `${placeText(place)}: ${shown}: ${message}`;
}

/** One line a remark, in the order of the sources and their lines, at most {@link REMARKS_MAX} and a line that counts the rest. */
export function remarkLines(remarks: readonly Remark[]): string[] {
  const sorted = [...remarks].sort((a, b) => a.place.rank - b.place.rank || (a.place.line ?? 0) - (b.place.line ?? 0));
  const lines = [...new Set(sorted.map(remarkLine))];
  const rest = lines.length - REMARKS_MAX;
  return rest > 0 ? [...lines.slice(0, REMARKS_MAX), `… and ${rest} more of the kind`] : lines;
}

/** A value as a message shows it: quoted, and cut where it is long. */
export function quoted(value: string): string {
  const cut = value.length > 80 ? `${value.slice(0, 77).toWellFormed()}…` : value;
  return JSON.stringify(cut);
}
