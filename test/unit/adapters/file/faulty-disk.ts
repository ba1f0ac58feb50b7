import type { Disk, DiskFile, DiskReader } from '../../../../src/adapters/file/disk.ts';
import { realDisk } from '../../../../src/adapters/file/disk.ts';

export type DiskOperation = keyof Disk | 'write' | 'sync' | 'truncate' | 'readAt';

/** An error as Node.js throws it for a failed call of the system. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: told to fail`), { code, syscall: 'test' });
}

/** The real disk, where a test decides before each operation whether it fails. */
export class FaultyDisk implements Disk {
  /** Called before each operation; throws to make it fail. */
  before: (operation: DiskOperation, path: string) => void = () => undefined;
  readonly operations: string[] = [];

  /** The next operations of the kind fail, this many; then the disk works again. */
  failNext(operation: DiskOperation, code: string, times = 1): void {
    let left = times;
    this.before = (which) => {
      if (which !== operation || left === 0) return;
      left -= 1;
      throw systemError(code);
    };
  }

  /** Every operation that writes fails until `heal`. */
  failWrites(code: string): void {
    this.before = (operation) => {
      if (operation === 'create' || operation === 'write' || operation === 'append') throw systemError(code);
    };
  }

  heal(): void {
    this.before = () => undefined;
  }

  async create(path: string): Promise<DiskFile> {
    this.#note('create', path);
    return this.#file(path, await realDisk.create(path));
  }

  async append(path: string): Promise<DiskFile> {
    this.#note('append', path);
    return this.#file(path, await realDisk.append(path));
  }

  async read(path: string): Promise<DiskReader> {
    this.#note('read', path);
    const reader = await realDisk.read(path);
    return {
      size: () => reader.size(),
      read: async (target, position) => {
        this.#note('readAt', path);
        return reader.read(target, position);
      },
      close: () => reader.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#note('rename', to);
    await realDisk.rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    this.#note('unlink', path);
    await realDisk.unlink(path);
  }

  async makeFolder(path: string): Promise<void> {
    this.#note('makeFolder', path);
    await realDisk.makeFolder(path);
  }

  async removeFolder(path: string): Promise<void> {
    this.#note('removeFolder', path);
    await realDisk.removeFolder(path);
  }

  async syncFolder(path: string): Promise<void> {
    this.#note('syncFolder', path);
    await realDisk.syncFolder(path);
  }

  #file(path: string, file: DiskFile): DiskFile {
    return {
      write: async (pieces) => {
        this.#note('write', path);
        await file.write(pieces);
      },
      sync: async () => {
        this.#note('sync', path);
        await file.sync();
      },
      truncate: async (bytes) => {
        this.#note('truncate', path);
        await file.truncate(bytes);
      },
      close: () => file.close(),
    };
  }

  #note(operation: DiskOperation, path: string): void {
    this.before(operation, path);
    this.operations.push(operation);
  }
}
