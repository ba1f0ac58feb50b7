import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { realDisk, type Disk, type DiskFile, type DiskReader } from '../../../../src/adapters/file/disk.ts';

/** Not a system error and none of the catalogue: nothing may catch it and go on. */
export class Crash extends Error {
  constructor() {
    super('the power went off');
  }
}

/**
 * What a disk may look like after a crash:
 * - `all`: the process was killed; the system wrote everything later.
 * - `synced`: the power went off; only what was made durable is there.
 * - `names`: the power went off after names were written and before contents were.
 * - `ordered`: the power went off; a journal had the names up to some moment after the last that was made durable.
 */
export const SURVIVALS = ['all', 'synced', 'names', 'ordered'] as const;
export type Survival = (typeof SURVIVALS)[number];

interface Inode {
  data: Buffer;
  durable: Buffer;
}
type Entry = Inode | 'folder';
interface Names {
  now: Map<string, Entry>;
  durable: Map<string, Entry>;
}
type Change = readonly [folder: string, name: string, entry: Entry | null];

/** The real disk without its fsyncs, which take time and prove nothing while the machine runs. */
export const unsyncedDisk: Disk = {
  ...realDisk,
  create: async (path) => unsynced(await realDisk.create(path)),
  append: async (path) => unsynced(await realDisk.append(path)),
  syncFolder: () => Promise.resolve(),
};

/** Whichever disk is the current one at each operation: a store opened over one goes on over another. */
export function switchedDisk(current: () => Disk): Disk {
  return {
    create: (path) => current().create(path),
    append: (path) => current().append(path),
    read: (path) => current().read(path),
    rename: (from, to) => current().rename(from, to),
    unlink: (path) => current().unlink(path),
    makeFolder: (path) => current().makeFolder(path),
    removeFolder: (path) => current().removeFolder(path),
    syncFolder: (path) => current().syncFolder(path),
  };
}

function unsynced(file: DiskFile): DiskFile {
  return {
    write: (pieces) => file.write(pieces),
    truncate: (bytes) => file.truncate(bytes),
    sync: () => Promise.resolve(),
    close: () => file.close(),
  };
}

/**
 * The real disk, with a record of what has been made durable, that stops the world before its k-th operation. From
 * then on nothing reaches the disk. `survive` makes a folder as it may be found after the restart.
 */
export class CrashDisk implements Disk {
  readonly #root: string;
  readonly #crashAt: number;
  readonly #folders = new Map<string, Names>();
  /** The names at the beginning, and every change of them since, in order. */
  readonly #initial = new Map<string, Map<string, Entry>>();
  readonly #journal: (readonly Change[])[] = [];
  #journaled = 0;
  #count = 0;
  #isDown = false;

  /** What is in the root now counts as durable. */
  constructor(root: string, crashAt: number) {
    this.#root = root;
    this.#crashAt = crashAt;
    this.#load(root);
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Ends everything, also when the k-th operation did not come. */
  powerOff(): void {
    this.#isDown = true;
  }

  async create(path: string): Promise<DiskFile> {
    this.#step();
    const file = await realDisk.create(path);
    const inode: Inode = { data: Buffer.alloc(0), durable: Buffer.alloc(0) };
    this.#change([dirname(path), basename(path), inode]);
    return this.#file(file, inode);
  }

  async append(path: string): Promise<DiskFile> {
    this.#step();
    const file = await realDisk.append(path);
    const entry = this.#names(dirname(path)).now.get(basename(path));
    if (entry === undefined || entry === 'folder') throw new Error(`${path} is not known`);
    return this.#file(file, entry);
  }

  async read(path: string): Promise<DiskReader> {
    if (this.#isDown) throw new Crash();
    return realDisk.read(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    await realDisk.rename(from, to);
    const entry = this.#names(dirname(from)).now.get(basename(from));
    if (entry === undefined) throw new Error(`${from} is not known`);
    this.#change([dirname(from), basename(from), null], [dirname(to), basename(to), entry]);
  }

  async unlink(path: string): Promise<void> {
    this.#step();
    await realDisk.unlink(path);
    this.#change([dirname(path), basename(path), null]);
  }

  async makeFolder(path: string): Promise<void> {
    this.#step();
    await realDisk.makeFolder(path);
    if (this.#folders.has(path)) return;
    this.#change([dirname(path), basename(path), 'folder']);
    this.#folders.set(path, { now: new Map(), durable: new Map() });
  }

  async removeFolder(path: string): Promise<void> {
    this.#step();
    await realDisk.removeFolder(path);
    if (this.#names(path).now.size === 0) this.#change([dirname(path), basename(path), null]);
  }

  async syncFolder(path: string): Promise<void> {
    this.#step();
    await Promise.resolve();
    const names = this.#names(path);
    names.durable = new Map(names.now);
    this.#journaled = this.#journal.length;
  }

  /** Writes the root, as it may have survived, into a folder that is empty. */
  survive(survival: Survival, target: string, random: () => number = Math.random): void {
    const tables =
      survival === 'ordered'
        ? this.#replayed(random)
        : new Map([...this.#folders].map(([path, names]) => [path, survival === 'synced' ? names.durable : names.now]));
    this.#write(this.#root, target, { survival, tables });
  }

  /** The names after some number of changes, at least those that a journal had when something was made durable last. */
  #replayed(random: () => number): Map<string, Map<string, Entry>> {
    const tables = new Map([...this.#initial].map(([path, names]) => [path, new Map(names)]));
    const end = this.#journaled + Math.floor(random() * (this.#journal.length - this.#journaled + 1));
    for (const [folder, name, entry] of this.#journal.slice(0, end).flat()) {
      const names = tables.get(folder) ?? new Map<string, Entry>();
      tables.set(folder, names);
      if (entry === null) names.delete(name);
      else names.set(name, entry);
    }
    return tables;
  }

  #change(...changes: readonly Change[]): void {
    this.#journal.push(changes);
    for (const [folder, name, entry] of changes) {
      if (entry === null) this.#folders.get(folder)?.now.delete(name);
      else this.#names(folder).now.set(name, entry);
    }
  }

  #write(folder: string, target: string, how: { survival: Survival; tables: Map<string, Map<string, Entry>> }): void {
    for (const [name, entry] of how.tables.get(folder) ?? []) {
      if (entry === 'folder') {
        mkdirSync(join(target, name));
        this.#write(join(folder, name), join(target, name), how);
      } else {
        writeFileSync(join(target, name), how.survival === 'all' ? entry.data : entry.durable);
      }
    }
  }

  #file(file: DiskFile, inode: Inode): DiskFile {
    return {
      write: async (pieces) => {
        this.#step();
        await file.write(pieces);
        inode.data = Buffer.concat([inode.data, ...pieces]);
      },
      sync: async () => {
        this.#step();
        await Promise.resolve();
        inode.durable = inode.data;
      },
      truncate: async (bytes) => {
        this.#step();
        await file.truncate(bytes);
        inode.data = inode.data.subarray(0, bytes);
      },
      close: () => file.close(),
    };
  }

  #load(folder: string): void {
    const now = new Map<string, Entry>();
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (lstatSync(path).isDirectory()) {
        now.set(name, 'folder');
        this.#load(path);
      } else {
        const data = readFileSync(path);
        now.set(name, { data, durable: data });
      }
    }
    this.#folders.set(folder, { now, durable: new Map(now) });
    this.#initial.set(folder, new Map(now));
  }

  #names(folder: string): Names {
    const names = this.#folders.get(folder);
    if (names === undefined) throw Object.assign(new Error(`ENOENT: ${folder}`), { code: 'ENOENT', syscall: 'test' });
    return names;
  }

  #step(): void {
    this.#count += 1;
    if (this.#count >= this.#crashAt) this.#isDown = true;
    if (this.#isDown) throw new Crash();
  }
}
