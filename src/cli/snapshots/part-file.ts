import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MIB } from '../../units.ts';

/** Less is fetched again sooner than it is looked for. Lowered: an interrupted download of little leaves a file behind. */
export const KEPT_FROM_BYTES = MIB;

/** `.crossdc-TARGET-SNAPSHOT-PID-RANDOM.part`; of the target's name and the digest as much as tells them apart. */
const NAME = /^\.crossdc-([0-9a-f]{8})-([0-9a-f]{16})-([0-9]+)-[0-9a-f]{8}\.part$/;

interface Found {
  readonly path: string;
  readonly digest: string;
}

/**
 * The part of a download that has come, beside the file that it will be. A process that is killed leaves it there; the
 * next download of the same snapshot to the same file goes on with it, and one of another snapshot removes it.
 *
 * What it has is not trusted: the whole is held against its digest before the file appears.
 */
export class PartFile {
  readonly #target: string;
  /** What processes that are no more left of downloads to this target. */
  #left: readonly Found[];
  #path: string;
  /** Under way beside the download; whatever touches the file waits for it. */
  #renaming: Promise<void> = Promise.resolve();
  #file: FileHandle;
  #position = 0;

  private constructor(target: string, own: { path: string; file: FileHandle }, left: readonly Found[]) {
    this.#target = target;
    this.#path = own.path;
    this.#file = own.file;
    this.#left = left;
  }

  /** @throws the system's error when nothing can be written beside the target */
  static async create(target: string): Promise<PartFile> {
    const path = nameOf(target, '0'.repeat(16));
    const left = await findLeft(target);
    return new PartFile(target, { path, file: await open(path, 'wx') }, left);
  }

  /**
   * Goes on with what an earlier process left of this snapshot, all of which is given to `take`. Where there is nothing it
   * waits for no disk: the snapshot's first bytes are on their way.
   *
   * @returns its length
   */
  async adopt(sha256: string, take: (chunk: Uint8Array) => void): Promise<number> {
    await this.#renaming;
    const digest = sha256.slice(0, 16);
    const mine = nameOf(this.#target, digest);
    const left = this.#left;
    this.#left = [];
    if (!left.some((part) => part.digest === digest)) {
      // From now on it says of which snapshot it is: should we be killed, the next process finds it.
      this.#renaming = rename(this.#path, mine).then(() => remove(left.map(({ path }) => path)));
      this.#renaming.catch(() => undefined);
      this.#path = mine;
      return 0;
    }
    const [largest, ...others] = await bySize(left.filter((part) => part.digest === digest));
    await remove([...others, ...left.filter((part) => part.digest !== digest).map(({ path }) => path)]);
    if (largest === undefined) return 0;
    const found = await claim(largest, mine);
    if (found === undefined) return 0;
    await this.#file.close();
    await rm(this.#path, { force: true });
    this.#path = mine;
    this.#file = found;
    let bytes = 0;
    const block = Buffer.allocUnsafe(MIB);
    for (;;) {
      const { bytesRead } = await found.read(block, 0, block.length, bytes);
      if (bytesRead === 0) break;
      take(block.subarray(0, bytesRead));
      bytes += bytesRead;
    }
    this.#position = bytes;
    return bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#renaming;
    for (let rest = chunk; rest.length > 0;) {
      const { bytesWritten } = await this.#file.write(rest, 0, rest.length, this.#position);
      this.#position += bytesWritten;
      rest = rest.subarray(bytesWritten);
    }
  }

  async empty(): Promise<void> {
    await this.#file.truncate(0);
    this.#position = 0;
  }

  /** Becomes the target, durably. */
  async commit(): Promise<void> {
    await this.#renaming;
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#path, this.#target);
    const folder = await open(dirname(this.#target), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** Ends it without a target. @returns whether it was kept, because there is enough in it to go on with */
  async end(mayKeep: boolean): Promise<boolean> {
    const keep = mayKeep && this.#position >= KEPT_FROM_BYTES;
    await this.#renaming.catch(() => undefined);
    await this.#file.close().catch(() => undefined);
    if (!keep) await rm(this.#path, { force: true });
    return keep;
  }
}

async function findLeft(target: string): Promise<Found[]> {
  const folder = dirname(target);
  const found: Found[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const [, tag, digest = '', pid] = NAME.exec(name) ?? [];
    if (tag === tagOf(target) && !isAlive(Number(pid))) found.push({ path: join(folder, name), digest });
  }
  return found;
}

async function remove(paths: readonly string[]): Promise<void> {
  // One that cannot be removed is somebody else's, and in nobody's way.
  for (const path of paths) await rm(path, { force: true }).catch(() => undefined);
}

/** Whoever renames it has it: two that begin at the same time do not write into one file. @returns undefined without it */
async function claim(path: string, mine: string): Promise<FileHandle | undefined> {
  try {
    await rename(path, mine);
    return await open(mine, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch {
    // Somebody else's, or no file of ours: everything is fetched then.
    await remove([mine]);
    return undefined;
  }
}

function nameOf(target: string, digest: string): string {
  const random = randomBytes(4).toString('hex');
  return join(dirname(target), `.crossdc-${tagOf(target)}-${digest}-${process.pid}-${random}.part`);
}

/** Short, whatever the target's name: a name may have no more than 255 bytes. */
function tagOf(target: string): string {
  return createHash('sha256').update(basename(target)).digest('hex').slice(0, 8);
}

function isAlive(pid: number): boolean {
  // Several downloads in one process: none takes another's part.
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** The paths, the largest first; those that went meanwhile are left out. */
async function bySize(parts: readonly Found[]): Promise<string[]> {
  const sized: { path: string; size: number }[] = [];
  for (const { path } of parts) {
    const size = await stat(path).then(
      (found) => found.size,
      () => -1,
    );
    if (size >= 0) sized.push({ path, size });
  }
  return sized.sort((a, b) => b.size - a.size).map(({ path }) => path);
}
