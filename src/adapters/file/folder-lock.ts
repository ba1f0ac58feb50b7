import { GatewayError } from '../../errors.ts';
import { realDisk, systemCode, type Disk } from './disk.ts';
import { StateLock } from './state-lock.ts';
import { isPassing } from './store-error.ts';

/**
 * The lock on a folder, which a full or read-only disk does not keep a gateway from running without: then it goes on
 * with what it can read, and nothing in the folder is changed before the lock is had.
 */
export class FolderLock {
  readonly #folder: string;
  #lock: StateLock | null = null;
  #taking: Promise<void> | null = null;
  /** Why the lock could not be had when it was first tried; null when it was had. */
  readonly problem: GatewayError | null;
  /** The disk for everything in the folder. */
  readonly disk: Disk;
  /** Told when another process turns out to have the folder, which a disk that took no lock had hidden. */
  onHeldByOther: (error: GatewayError) => void = () => undefined;

  private constructor(folder: string, lock: StateLock | null, problem: GatewayError | null) {
    this.#folder = folder;
    this.#lock = lock;
    this.problem = problem;
    this.disk = lock === null ? lockedDisk(realDisk, () => this.#take()) : realDisk;
  }

  /**
   * @param folder made when it is missing
   * @throws GatewayError `state-locked`; `store-unavailable` when the folder cannot be made or used at all
   */
  static async take(folder: string): Promise<FolderLock> {
    try {
      return new FolderLock(folder, await StateLock.acquire(folder), null);
    } catch (error) {
      if (!(error instanceof GatewayError) || !isPassing(error)) throw error;
      await StateLock.assertFree(folder);
      return new FolderLock(folder, null, error);
    }
  }

  async release(): Promise<void> {
    await this.#lock?.release();
  }

  async #take(): Promise<void> {
    if (this.#lock !== null) return;
    this.#taking ??= StateLock.acquire(this.#folder)
      .then((lock) => {
        this.#lock = lock;
      })
      .finally(() => {
        this.#taking = null;
      });
    try {
      await this.#taking;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // What the disk said, so that the store that wants to write is named and not the lock.
      if (error.code !== 'state-locked') throw systemCode(error.cause) === undefined ? error : error.cause;
      this.onHeldByOther(error);
      // To whoever writes it is a store that cannot be used, and one that may be used again.
      throw new GatewayError('store-unavailable', error.message, { facts: error.facts, cause: error });
    }
  }
}

/** A disk on which nothing is changed before `take` resolved. */
function lockedDisk(disk: Disk, take: () => Promise<void>): Disk {
  const locked =
    <A extends readonly unknown[], R>(change: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await take();
      return change(...args);
    };
  return {
    read: (path) => disk.read(path),
    syncFolder: (path) => disk.syncFolder(path),
    create: locked((path) => disk.create(path)),
    append: locked((path) => disk.append(path)),
    rename: locked((from, to) => disk.rename(from, to)),
    unlink: locked((path) => disk.unlink(path)),
    makeFolder: locked((path) => disk.makeFolder(path)),
    removeFolder: locked((path) => disk.removeFolder(path)),
  };
}
