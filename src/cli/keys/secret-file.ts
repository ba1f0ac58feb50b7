import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MIB } from '../../units.ts';
import { CliError, EXIT } from '../exit-status.ts';
import { fileProblem } from '../file-problem.ts';

/** Keys are a few lines; whatever is larger is another file than was meant. */
const FILE_MAX_BYTES = MIB;
/** What a secret's file may allow at most: its owner, and a group that only reads. */
const SECRET_MODE_MAX = 0o640;
export const SECRET_MODE = 0o600;
export const PUBLIC_MODE = 0o644;

/** A file that was read. */
interface ReadFile {
  readonly text: string;
  /** The permission bits. */
  readonly mode: number;
}

/** @throws CliError that says which file and why */
export async function readKeyFile(path: string): Promise<ReadFile> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(failed(path, 'read'));
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new CliError(EXIT.failed, `${path} cannot be read: it is no ordinary file`);
    if (found.size > FILE_MAX_BYTES)
      throw new CliError(EXIT.failed, `${path} has more than ${FILE_MAX_BYTES} bytes: it is no file of keys`);
    return { text: await handle.readFile('utf8').catch(failed(path, 'read')), mode: found.mode & 0o777 };
  } finally {
    await handle.close();
  }
}

export interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * A new file, durable when this resolves.
 *
 * @param instead what somebody may do who meant the file that is there
 * @throws CliError when there is one of that name, which stays as it is, or when it cannot be written; then there is none
 */
export async function createFile({ path, text, mode }: NewFile, instead = 'take another name'): Promise<void> {
  const handle = await open(path, 'wx', mode).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw new CliError(EXIT.failed, `${path} is there already and stays as it is; remove it, or ${instead}`);
    return failed(path, 'written')(error);
  });
  try {
    await fill(handle, text);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(path, { force: true });
    failed(path, 'written')(error);
  }
}

/** Several new files, or none of them. */
export async function createFiles(files: readonly NewFile[], instead?: string): Promise<void> {
  const made: string[] = [];
  try {
    for (const file of files) {
      await createFile(file, instead);
      made.push(file.path);
    }
  } catch (error) {
    for (const path of made) await rm(path, { force: true });
    throw error;
  }
}

/**
 * Puts a text in the place of a file's, in one step: whoever reads it finds the old text or the new one, also when this
 * process is killed. The owner stays, so that a gateway of another user can still read it; others than the owner get no
 * more rights than a secret may have, unless it is none.
 *
 * @throws CliError; then the file is as it was
 */
export async function replaceFile(path: string, text: string, kind: 'secret' | 'public'): Promise<void> {
  // A link stays one: what it points at is replaced.
  const target = await realpath(path).catch(failed(path, 'written'));
  const part = join(dirname(target), `${partPrefix(target)}${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await removeLeftParts(target);
    const before = await stat(target);
    const handle = await open(part, 'wx', SECRET_MODE);
    await fill(handle, text, async () => {
      const own = await handle.stat();
      if (own.uid !== before.uid || own.gid !== before.gid) await handle.chown(before.uid, before.gid);
      const mode = before.mode & 0o777;
      await handle.chmod(kind === 'public' ? mode : (mode & SECRET_MODE_MAX) | SECRET_MODE);
    });
    await rename(part, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(part, { force: true });
    failed(path, 'written')(error);
  }
}

/** Makes the folder, for this user alone, if it is not there. @throws CliError */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch(failed(path, 'made'));
}

async function fill(handle: FileHandle, text: string, prepare?: () => Promise<void>): Promise<void> {
  try {
    await prepare?.();
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function partPrefix(target: string): string {
  return `.${basename(target)}.crossdc-`;
}

/** A process that was killed leaves its part; it has keys in it. That of a process that lives is its own. */
async function removeLeftParts(target: string): Promise<void> {
  const prefix = partPrefix(target);
  for (const name of await readdir(dirname(target))) {
    const pid = name.startsWith(prefix) ? /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(dirname(target), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function failed(path: string, what: 'read' | 'written' | 'made'): (error: unknown) => never {
  return (error) => {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT.failed, `${path} cannot be ${what}: ${fileProblem(error)}`, error);
  };
}
