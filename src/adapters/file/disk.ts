import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';

/** Only our own user reads what we store. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** A file that is being written, from its beginning or at its end. */
export interface DiskFile {
  /** Appends all of it, also where the system writes less at once than it was given. */
  write(pieces: readonly Uint8Array[]): Promise<void>;
  /** Resolves when everything written so far is durable. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** A file that is being read. */
export interface DiskReader {
  size(): Promise<number>;
  /** @returns how many bytes were read into the target; 0 at the end */
  read(target: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * What the file adapters do to the disk: few enough calls that a test can stop the world after each one. Errors are
 * those of Node.js, with their `code`; `storeError` makes errors of the catalogue of them, once, at the port.
 */
export interface Disk {
  /** A new file; fails where there is one. */
  create(path: string): Promise<DiskFile>;
  /** An existing file, to be written at its end. */
  append(path: string): Promise<DiskFile>;
  /** An existing file, never through a symbolic link. */
  read(path: string): Promise<DiskReader>;
  rename(from: string, to: string): Promise<void>;
  /** Idempotent. */
  unlink(path: string): Promise<void>;
  /** Idempotent; the parent must be there. */
  makeFolder(path: string): Promise<void>;
  /** Idempotent; leaves a folder that is not empty. */
  removeFolder(path: string): Promise<void>;
  /** Makes names durable: what was created, renamed or removed in the folder. */
  syncFolder(path: string): Promise<void>;
}

/** The `code` of a system error; undefined when it is none. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

class RealFile implements DiskFile {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  async write(pieces: readonly Uint8Array[]): Promise<void> {
    let rest = pieces.filter((piece) => piece.byteLength > 0);
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest);
      rest = withoutFirst(rest, bytesWritten);
    }
  }

  sync(): Promise<void> {
    // The length of a new file is part of what fdatasync makes durable; its times need not be.
    return this.#handle.datasync();
  }

  truncate(bytes: number): Promise<void> {
    return this.#handle.truncate(bytes);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** What is left of the pieces after the system took that many bytes: a nearly full disk takes less than all. */
export function withoutFirst(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const piece of pieces) {
    if (skip >= piece.byteLength) {
      skip -= piece.byteLength;
      continue;
    }
    rest.push(skip === 0 ? piece : piece.subarray(skip));
    skip = 0;
  }
  return rest;
}

class RealReader implements DiskReader {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(target, 0, target.byteLength, position)).bytesRead;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Carries out the work; an error with this code is what was wanted already. */
async function unless(code: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (systemCode(error) !== code) throw error;
  }
}

export const realDisk: Disk = {
  create: async (path) => new RealFile(await fs.open(path, 'wx', FILE_MODE)),
  append: async (path) =>
    new RealFile(await fs.open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW)),
  read: async (path) => new RealReader(await fs.open(path, constants.O_RDONLY | constants.O_NOFOLLOW)),
  rename: (from, to) => fs.rename(from, to),
  unlink: (path) => unless('ENOENT', fs.unlink(path)),
  makeFolder: (path) => unless('EEXIST', fs.mkdir(path, { mode: FOLDER_MODE })),
  removeFolder: (path) => unless('ENOTEMPTY', unless('ENOENT', fs.rmdir(path))),
  syncFolder: async (path) => {
    const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
