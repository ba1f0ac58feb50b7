import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Disk } from './disk.ts';
import { ignore } from '../storage/lanes.ts';

/** Makes the root of a store, once at its start, and makes its name durable with all that were missing above it. */
export async function makeRoot(disk: Disk, root: string): Promise<void> {
  const path = resolve(root);
  const firstMade = await mkdir(path, { recursive: true, mode: 0o700 });
  const highest = dirname(firstMade ?? path);
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    const synced = disk.syncFolder(parent);
    // A parent that was there before may be one that we must not read; then it is not ours to look after.
    await (firstMade === undefined ? synced.catch(ignore) : synced);
    if (parent === highest) return;
  }
}

/**
 * Folders below a root, made when they are needed and durable before anything in them is relied on.
 *
 * The root itself is never made here: a root that went away is a disk that is not mounted, and what was written to the
 * empty mount point would be lost when the disk is back.
 */
export class Folders {
  readonly #disk: Disk;
  readonly #root: string;
  /** Relative paths that are known to be durable. */
  readonly #made = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #queued = new Map<string, Promise<void>>();

  constructor(disk: Disk, root: string) {
    this.#disk = disk;
    this.#root = root;
  }

  /** Makes the folder and those above it, and makes their names durable. Idempotent; costs nothing the second time. */
  async ensure(...segments: readonly string[]): Promise<void> {
    let parent = this.#root;
    for (const segment of segments) {
      const path = join(parent, segment);
      if (!this.#made.has(path)) {
        await this.#disk.makeFolder(path);
        await this.sync(parent);
        this.#made.add(path);
      }
      parent = path;
    }
  }

  /** Takes note that a folder exists durably. */
  known(path: string): void {
    this.#made.add(path);
  }

  /** The folder is gone, or may be. */
  forget(path: string): void {
    for (let gone = path; gone.length > this.#root.length; gone = dirname(gone)) this.#made.delete(gone);
  }

  /** Makes the names in the folder durable. Calls that come while it runs share the one that follows. */
  sync(path: string): Promise<void> {
    const queued = this.#queued.get(path);
    if (queued !== undefined) return queued;
    const running = this.#running.get(path);
    if (running === undefined) return this.#start(path);
    // The one that runs may have begun before this caller's change: it does not count for it.
    const next = running.then(ignore, ignore).then(() => {
      this.#queued.delete(path);
      return this.#start(path);
    });
    this.#queued.set(path, next);
    return next;
  }

  #start(path: string): Promise<void> {
    const mine = this.#disk.syncFolder(path).finally(() => this.#running.delete(path));
    this.#running.set(path, mine);
    return mine;
  }
}
