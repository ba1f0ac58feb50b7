/**
 * A file of keys as a text for people: each key on a line of its own, with what is said of it on the lines before. A
 * rotation changes the order of the keys and nothing of what people wrote there.
 */
export interface KeyFile {
  /** Comment lines about the whole file: those at its beginning, up to an empty line. */
  readonly header: readonly string[];
  readonly keys: readonly KeyEntry[];
  /** Comment lines behind the last key. */
  readonly footer: readonly string[];
}

export interface KeyEntry {
  /** As the gateway reads it. */
  readonly item: string;
  readonly comments: readonly string[];
  /** `next`: added, and not used yet. `old`: used no more, and not removed yet. */
  readonly mark: 'next' | 'old' | null;
}

const MARKS = {
  next: '# next: it does not sign or encrypt yet; it will after crossdc keys rotate --step use',
  old: '# old: it does not sign or encrypt any more',
} as const;

/** Takes a text apart as `parsePeerKeys` does: keys are separated by commas, blanks or lines. Every text is one. */
export function parseKeyFile(text: string): KeyFile {
  let header: readonly string[] = [];
  let comments: string[] = [];
  const keys: KeyEntry[] = [];
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    if (line.startsWith('#')) comments.push(line);
    else if (line === '') {
      if (keys.length > 0 || header.length > 0) continue;
      header = comments;
      comments = [];
    } else {
      for (const item of line.split(/[\s,]+/).filter((each) => each !== '')) {
        keys.push(entryOf(item, comments));
        comments = [];
      }
    }
  }
  return { header, keys, footer: comments };
}

function entryOf(item: string, comments: readonly string[]): KeyEntry {
  const isMark = (mark: 'next' | 'old') => (line: string) => line.startsWith(`# ${mark}:`);
  const mark = comments.some(isMark('next')) ? 'next' : comments.some(isMark('old')) ? 'old' : null;
  return { item, mark, comments: comments.filter((line) => !isMark('next')(line) && !isMark('old')(line)) };
}

export function keyFileText({ header, keys, footer }: KeyFile): string {
  const lines = keys.flatMap(({ item, comments, mark }) => [
    ...comments,
    ...(mark === null ? [] : [MARKS[mark]]),
    item,
  ]);
  return [...header, ...(header.length === 0 ? [] : ['']), ...lines, ...footer, ''].join('\n');
}

/** The steps of a rotation, in this order. Between two of them every gateway must have got the file. */
export const STEPS = ['add', 'use', 'drop'] as const;
export type Step = (typeof STEPS)[number];

/** A new key, behind all the others: it verifies, or decrypts, and does nothing else yet. */
export function addKey(keys: readonly KeyEntry[], item: string, comments: readonly string[]): readonly KeyEntry[] {
  return [...keys, { item, comments, mark: 'next' }];
}

/** The key that was added comes first, where it signs or encrypts. Without such a key nothing changes. */
export function useKey(keys: readonly KeyEntry[]): readonly KeyEntry[] {
  const next = keys.findLast(({ mark }) => mark === 'next');
  if (next === undefined) return keys;
  const others = keys.filter((key) => key !== next);
  return [{ ...next, mark: null }, ...others.map((key): KeyEntry => ({ ...key, mark: 'old' }))];
}

/** Only the first is left. */
export function dropKeys(keys: readonly KeyEntry[]): readonly KeyEntry[] {
  return keys.slice(0, 1);
}

export function hasNext(keys: readonly KeyEntry[]): boolean {
  return keys.some(({ mark }) => mark === 'next');
}
