import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { withChanges, type Change, type Content, type DiskModel, type Entry } from './disk-model.ts';

/**
 * What of the bytes that were written and not made durable is there after a crash: none, all, all but the last, the first
 * half, or all of their length with zeros in their place.
 */
const SURVIVALS = ['absent', 'present', 'cut', 'torn', 'zeros'] as const;
type Survival = (typeof SURVIVALS)[number];

/** A disk as it may be found: paths below the root, in the order in which they are made. */
export interface Image {
  /** Says what was assumed, for whoever has to find out why it fails. */
  readonly about: string;
  /** The same for the same disk. */
  readonly digest: string;
  writeTo(folder: string): void;
}

/**
 * Which of the names that were changed and not made durable are there after a crash:
 * - `each`: for each folder on its own those up to any moment, in all combinations.
 * - `few`: all, none, and all but those of one folder, for each folder. For many folders, where all combinations are
 *   too many.
 */
export type NameChoice = 'each' | 'few';

/**
 * Every disk that a crash at this moment may leave: the unsynced bytes in each of the ways above, and of the names those
 * of the choice. A rename never loses both names.
 */
export function* imagesOf(model: DiskModel, choice: NameChoice): Generator<Image> {
  for (const tables of tablesOf(model, choice)) {
    for (const survival of SURVIVALS) {
      const image = imageOf(model, tables, survival);
      yield image;
      // With nothing unsynced below these names all of them are one.
      if (!image.isUncertain) break;
    }
  }
}

interface Tables {
  readonly about: string;
  readonly names: ReadonlyMap<string, ReadonlyMap<string, Entry>>;
}

function* tablesOf(model: DiskModel, choice: NameChoice): Generator<Tables> {
  const dirty = [...model.folders].filter(([, names]) => names.changes.length > 0);
  const most = dirty.map(([, { changes }]) => changes.length);
  for (const kept of choice === 'each' ? counters(most) : fewOf(most)) {
    const gone = new Set<Change>();
    dirty.forEach(([, { changes }], i) => {
      for (const change of changes.slice(kept[i])) gone.add(change);
    });
    const names = new Map<string, ReadonlyMap<string, Entry>>();
    for (const [folder, { durable, changes }] of model.folders) {
      const survived = changes.filter(
        (change) => !gone.has(change) && (change.movedTo === null || !gone.has(change.movedTo)),
      );
      names.set(folder, withChanges(durable, survived));
    }
    yield { about: dirty.map(([folder], i) => `${relative(model.root, folder)}+${kept[i]!}`).join(' '), names };
  }
}

/** Every combination of numbers from 0 up to those given. */
function* counters(most: readonly number[]): Generator<readonly number[]> {
  const digits = most.map(() => 0);
  for (;;) {
    yield [...digits];
    let digit = 0;
    while (digit < digits.length && digits[digit] === most[digit]) digits[digit++] = 0;
    if (digit === digits.length) return;
    digits[digit] = digits[digit]! + 1;
  }
}

function fewOf(most: readonly number[]): readonly (readonly number[])[] {
  const none = most.map(() => 0);
  const allButOne = most.map((_, one) => most.map((count, i) => (i === one ? 0 : count)));
  return most.length === 0 ? [none] : most.length === 1 ? [none, most] : [none, most, ...allButOne];
}

function imageOf(model: DiskModel, tables: Tables, survival: Survival): Image & { readonly isUncertain: boolean } {
  const folders: string[] = [];
  const files: { path: string; bytes: Buffer }[] = [];
  let isUncertain = false;
  const walk = (folder: string, below: string): void => {
    for (const [name, entry] of [...(tables.names.get(folder) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const path = join(below, name);
      if (entry === 'folder') {
        folders.push(path);
        walk(join(folder, name), path);
        continue;
      }
      const content = model.files.get(entry)!;
      isUncertain ||= content.data !== content.durable;
      files.push({ path, bytes: survivingOf(content, survival) });
    }
  };
  walk(model.root, '');
  return {
    isUncertain,
    about: `${survival} ${tables.about}`,
    digest: digestOf(folders, files),
    writeTo(target) {
      for (const path of folders) mkdirSync(join(target, path));
      for (const { path, bytes } of files) writeFileSync(join(target, path), bytes);
    },
  };
}

function survivingOf({ data, durable }: Content, survival: Survival): Buffer {
  if (data === durable) return data;
  switch (survival) {
    case 'absent':
      return durable;
    case 'present':
      return data;
    case 'cut':
      return data.subarray(0, Math.max(sameBytes(data, durable), data.length - 1));
    case 'torn': {
      const same = sameBytes(data, durable);
      return data.subarray(0, same + Math.ceil((data.length - same) / 2));
    }
    case 'zeros': {
      const same = sameBytes(data, durable);
      return Buffer.concat([data.subarray(0, same), Buffer.alloc(data.length - same)]);
    }
  }
}

/** How long the two are alike from their beginning. */
function sameBytes(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length);
  if (a.subarray(0, most).equals(b.subarray(0, most))) return most;
  let same = 0;
  while (a[same] === b[same]) same += 1;
  return same;
}

function digestOf(folders: readonly string[], files: readonly { path: string; bytes: Buffer }[]): string {
  const hash = createHash('sha1');
  for (const path of folders) hash.update(`${path}/\n`);
  for (const { path, bytes } of files) hash.update(`${path} ${bytes.length}\n`).update(bytes);
  return hash.digest('hex');
}
