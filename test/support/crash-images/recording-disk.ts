import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realDisk, type Disk, type DiskFile, type DiskReader } from '../../../src/adapters/file/disk.ts';
import { DiskModel, type Operation } from './disk-model.ts';
import { imagesOf, type Image, type NameChoice } from './images.ts';

/** Images are small and many: where there is a file system in memory, they go there. */
const FASTEST = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** The real disk without its fsyncs, which take time and prove nothing while the machine runs. */
export const unsyncedDisk: Disk = {
  ...realDisk,
  create: async (path) => unsynced(await realDisk.create(path)),
  append: async (path) => unsynced(await realDisk.append(path)),
  syncFolder: () => Promise.resolve(),
};

function unsynced(file: DiskFile): DiskFile {
  return {
    write: (pieces) => file.write(pieces),
    truncate: (bytes) => file.truncate(bytes),
    sync: () => Promise.resolve(),
    close: () => file.close(),
  };
}

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

/** A crash image, and how far the recording had come when the power went off. */
export interface Crash {
  readonly image: Image;
  /** How many operations were carried out before. */
  readonly operations: number;
}

/**
 * The real disk, with a record of every operation. `crashes` replays each prefix of them and says what may be found after
 * a crash there; so one run of a story stands for a crash before and after each of its steps.
 */
export class RecordingDisk implements Disk {
  readonly #root: string;
  /** As the process sees it now. */
  readonly #now: DiskModel;
  /** As it was at the beginning; replayed by `crashes`. */
  readonly #before: DiskModel;
  readonly #operations: Operation[] = [];

  /** @param model what is durable of what is in the root; everything, unless it is given */
  constructor(root: string, model: DiskModel = new DiskModel(root)) {
    this.#root = root;
    this.#now = model.copy(root);
    this.#before = model.copy(root);
  }

  /** How many operations there were so far: a promise that resolved now holds after every crash from here on. */
  get length(): number {
    return this.#operations.length;
  }

  async create(path: string): Promise<DiskFile> {
    const file = await realDisk.create(path);
    const number = this.#now.newFile();
    this.#record({ kind: 'create', path, file: number });
    return this.#file(file, number);
  }

  async append(path: string): Promise<DiskFile> {
    const file = await realDisk.append(path);
    const number = this.#now.fileAt(path);
    if (number === undefined) throw new Error(`${path} is not known`);
    return this.#file(file, number);
  }

  read(path: string): Promise<DiskReader> {
    return realDisk.read(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await realDisk.rename(from, to);
    this.#record({ kind: 'rename', from, to });
  }

  async unlink(path: string): Promise<void> {
    await realDisk.unlink(path);
    this.#record({ kind: 'unlink', path });
  }

  async makeFolder(path: string): Promise<void> {
    await realDisk.makeFolder(path);
    this.#record({ kind: 'makeFolder', path });
  }

  async removeFolder(path: string): Promise<void> {
    await realDisk.removeFolder(path);
    this.#record({ kind: 'removeFolder', path });
  }

  syncFolder(path: string): Promise<void> {
    // Above the root nothing is ours, and nothing there is looked at after a crash.
    if (path.startsWith(this.#root)) this.#record({ kind: 'syncFolder', path });
    return Promise.resolve();
  }

  /**
   * Every crash image of every prefix of what was recorded. A disk that was found before is not given again, unless more
   * was promised since; it is counted all the same, because it is another crash.
   */
  *crashes(count: ImageCount, how: { promises?: readonly number[]; names?: NameChoice } = {}): Generator<Crash> {
    const { promises = [], names = 'each' } = how;
    const seen = new Set<string>();
    for (let operations = 0; operations <= this.#operations.length; operations += 1) {
      const operation = this.#operations[operations - 1];
      if (operation !== undefined) this.#before.apply(operation);
      const promised = promises.filter((at) => at <= operations).length;
      for (const image of imagesOf(this.#before, names)) {
        count.crashes += 1;
        const known = `${image.digest} ${promised}`;
        if (seen.has(known)) continue;
        seen.add(known);
        yield { image, operations };
      }
    }
  }

  /**
   * The disk after each operation as the next run finds it when the process alone was killed there: all that was written
   * is visible, and no more durable than it was.
   */
  *kills(): Generator<{ readonly operations: number; readonly goOn: (root: string) => RecordingDisk }> {
    const model = this.#before.copy(this.#root);
    for (let operations = 0; operations <= this.#operations.length; operations += 1) {
      const operation = this.#operations[operations - 1];
      if (operation !== undefined) model.apply(operation);
      const goOn = (root: string): RecordingDisk => {
        const copy = model.copy(root);
        copy.makeVisible();
        return new RecordingDisk(root, copy);
      };
      yield { operations, goOn };
    }
  }

  #record(operation: Operation): void {
    this.#now.apply(operation);
    this.#operations.push(operation);
  }

  #file(file: DiskFile, number: number): DiskFile {
    return {
      write: async (pieces) => {
        await file.write(pieces);
        this.#record({ kind: 'write', file: number, bytes: Buffer.concat(pieces) });
      },
      sync: () => {
        this.#record({ kind: 'sync', file: number });
        return Promise.resolve();
      },
      truncate: async (bytes) => {
        await file.truncate(bytes);
        this.#record({ kind: 'truncate', file: number, bytes });
      },
      close: () => file.close(),
    };
  }
}

/** Counts the images, for the suite's report and its own assertion. */
export class ImageCount {
  /** Moments and ways of a crash. */
  crashes = 0;
  /** The different disks that they leave: each was started from. */
  started = 0;

  get text(): string {
    return `crash images: ${this.crashes}, ${this.started} of them different,`;
  }

  /** Lets somebody start from the image, in a folder of its own that is gone afterwards. */
  start(image: Image, from: (root: string) => Promise<void>): Promise<void> {
    this.started += 1;
    return inFolder(async (root) => {
      image.writeTo(root);
      await from(root);
    });
  }
}

/** A folder for so long. */
export async function inFolder(work: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(FASTEST, 'crossdc-image-'));
  try {
    await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
