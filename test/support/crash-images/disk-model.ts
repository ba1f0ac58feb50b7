import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

/** What a file has, and what of it is durable. Never changed: every operation makes another. */
export interface Content {
  readonly data: Buffer;
  readonly durable: Buffer;
}

/** A name in a folder: a file by its number, as several names may be one file, or a folder. */
export type Entry = number | 'folder';

/** A name that was made or taken away and is not durable yet. */
export interface Change {
  readonly name: string;
  readonly entry: Entry | null;
  /** Of a name that a rename took away: the new one. No file system loses both. */
  readonly movedTo: Change | null;
}

interface Names {
  durable: Map<string, Entry>;
  changes: Change[];
}

/** One call that changed the disk, or made something durable. Paths are absolute. */
export type Operation =
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | { readonly kind: 'write'; readonly file: number; readonly bytes: Buffer }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'truncate'; readonly file: number; readonly bytes: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink' | 'makeFolder' | 'removeFolder' | 'syncFolder'; readonly path: string };

/** What is on a disk, what of it would outlive a power failure, and what might. */
export class DiskModel {
  readonly root: string;
  readonly files = new Map<number, Content>();
  readonly folders = new Map<string, Names>();
  #lastFile = 0;

  /** What is in the root now counts as durable. */
  constructor(root: string) {
    this.root = root;
    this.#load(root);
  }

  /** The same disk in another folder, where nothing is written yet. */
  copy(root: string): DiskModel {
    const copy = new DiskModel(root);
    copy.folders.clear();
    for (const [file, content] of this.files) copy.files.set(file, content);
    for (const [folder, { durable, changes }] of this.folders)
      copy.folders.set(join(root, relative(this.root, folder)), { durable: new Map(durable), changes: [...changes] });
    copy.#lastFile = this.#lastFile;
    return copy;
  }

  /** Makes real in the root what a process would see that runs on after a kill of another: everything, durable or not. */
  makeVisible(folder = this.root): void {
    for (const [name, entry] of this.namesNow(folder)) {
      if (entry === 'folder') {
        mkdirSync(join(folder, name));
        this.makeVisible(join(folder, name));
      } else writeFileSync(join(folder, name), this.#content(entry).data);
    }
  }

  newFile(): number {
    this.#lastFile += 1;
    return this.#lastFile;
  }

  /** The file of this name, as a running process sees it. */
  fileAt(path: string): number | undefined {
    const entry = this.namesNow(dirname(path)).get(basename(path));
    return typeof entry === 'number' ? entry : undefined;
  }

  /** The names of a folder, as a running process sees them. */
  namesNow(folder: string): Map<string, Entry> {
    const names = this.#names(folder);
    return withChanges(names.durable, names.changes);
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'create':
        this.#lastFile = Math.max(this.#lastFile, operation.file);
        this.files.set(operation.file, { data: Buffer.alloc(0), durable: Buffer.alloc(0) });
        this.#change(operation.path, operation.file);
        return;
      case 'write': {
        const { data, durable } = this.#content(operation.file);
        this.files.set(operation.file, { data: Buffer.concat([data, operation.bytes]), durable });
        return;
      }
      case 'sync': {
        const { data } = this.#content(operation.file);
        this.files.set(operation.file, { data, durable: data });
        return;
      }
      case 'truncate': {
        const { data, durable } = this.#content(operation.file);
        this.files.set(operation.file, { data: data.subarray(0, operation.bytes), durable });
        return;
      }
      case 'rename': {
        const entry = this.namesNow(dirname(operation.from)).get(basename(operation.from));
        if (entry === undefined) throw new Error(`${operation.from} is not known`);
        const movedTo = this.#change(operation.to, entry);
        this.#change(operation.from, null, movedTo);
        return;
      }
      case 'unlink':
        if (this.#isThere(operation.path)) this.#change(operation.path, null);
        this.#forgetPassing(operation.path);
        return;
      case 'makeFolder':
        if (this.#isThere(operation.path)) return;
        this.#change(operation.path, 'folder');
        this.folders.set(operation.path, { durable: new Map(), changes: [] });
        return;
      case 'removeFolder':
        if (this.folders.has(operation.path) && this.namesNow(operation.path).size === 0)
          this.#change(operation.path, null);
        return;
      case 'syncFolder': {
        const names = this.#names(operation.path);
        const made = new Set(names.changes);
        names.durable = withChanges(names.durable, names.changes);
        names.changes = [];
        // A rename is one entry of the journal: where the new name is durable, the old one is durably gone.
        for (const other of this.folders.values())
          settle(other, (change) => change.movedTo !== null && made.has(change.movedTo));
      }
    }
  }

  #change(path: string, entry: Entry | null, movedTo: Change | null = null): Change {
    const change = { name: basename(path), entry, movedTo };
    this.#names(dirname(path)).changes.push(change);
    return change;
  }

  /** A name that was made and taken away since its folder was synced is nothing any more: what it left was tried before. */
  #forgetPassing(path: string): void {
    const names = this.folders.get(dirname(path));
    if (names === undefined || names.durable.has(basename(path))) return;
    names.changes = names.changes.filter(({ name }) => name !== basename(path));
  }

  #isThere(path: string): boolean {
    return this.folders.has(dirname(path)) && this.namesNow(dirname(path)).has(basename(path));
  }

  #content(file: number): Content {
    const content = this.files.get(file);
    if (content === undefined) throw new Error(`there is no file ${file}`);
    return content;
  }

  #names(folder: string): Names {
    const names = this.folders.get(folder);
    // Somebody asks for what was never made, as the system would say.
    if (names === undefined) throw Object.assign(new Error(`ENOENT: ${folder}`), { code: 'ENOENT', syscall: 'test' });
    return names;
  }

  #load(folder: string): void {
    const durable = new Map<string, Entry>();
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (lstatSync(path).isDirectory()) {
        durable.set(name, 'folder');
        this.#load(path);
      } else {
        const data = readFileSync(path);
        const file = this.newFile();
        this.files.set(file, { data, durable: data });
        durable.set(name, file);
      }
    }
    this.folders.set(folder, { durable, changes: [] });
  }
}

/** Makes those changes of a folder durable, with whatever came before them to the same names. */
function settle(names: Names, isDurable: (change: Change) => boolean): void {
  const settled = new Set(names.changes.filter(isDurable).map(({ name }) => name));
  if (settled.size === 0) return;
  names.durable = withChanges(
    names.durable,
    names.changes.filter(({ name }) => settled.has(name)),
  );
  names.changes = names.changes.filter(({ name }) => !settled.has(name));
}

export function withChanges(durable: ReadonlyMap<string, Entry>, changes: readonly Change[]): Map<string, Entry> {
  const names = new Map(durable);
  for (const { name, entry } of changes) {
    if (entry === null) names.delete(name);
    else names.set(name, entry);
  }
  return names;
}
