import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { CliError, EXIT } from '../exit-status.ts';
import { fileProblem } from '../file-problem.ts';
import { write, type OutputStream } from '../io.ts';

/** Where downloaded bytes go. */
export interface Sink {
  /** @throws CliError */
  write(chunk: Uint8Array): Promise<void>;
  /** Takes back everything that was written; false when that cannot be. */
  restart(): Promise<boolean>;
  /** Makes what was written durable and visible, in one step. */
  commit(): Promise<void>;
  /** Leaves nothing behind unless it was committed. Idempotent. */
  discard(): Promise<void>;
}

/** A stream: what is written is gone. */
export function streamSink(stream: OutputStream): Sink {
  let isEmpty = true;
  return {
    async write(chunk) {
      isEmpty = false;
      await write(stream, chunk);
    },
    restart: () => Promise.resolve(isEmpty),
    commit: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

/**
 * A file that appears whole or not at all: a temporary one beside it, fsync, rename, fsync of the folder.
 *
 * @throws CliError before anything is asked of the gateway, when FILE cannot be written
 */
export async function fileSink(path: string): Promise<Sink> {
  const target = await resolveFile(path);
  const folder = dirname(target);
  // No longer than a name may be, whatever the target's.
  const temporary = join(folder, `.crossdc-${randomBytes(8).toString('hex')}.part`);
  let file: FileHandle | undefined = await open(temporary, 'wx').catch(failed(path));
  return {
    async write(chunk) {
      await file?.writeFile(chunk).catch(failed(path));
    },
    async restart() {
      await file?.close();
      file = await open(temporary, 'w').catch(failed(path));
      return true;
    },
    async commit() {
      await file?.sync().catch(failed(path));
      await file?.close();
      await rename(temporary, target).catch(failed(path));
      file = undefined;
      await syncFolder(folder).catch(failed(path));
    },
    async discard() {
      if (file === undefined) return;
      await file.close().catch(() => undefined);
      file = undefined;
      await rm(temporary, { force: true });
    },
  };
}

/** A link is followed, so that it stays one; a folder, a device or a pipe is not replaced by a file. */
async function resolveFile(path: string): Promise<string> {
  if (path === '' || path.endsWith(sep)) throw new CliError(EXIT.failed, `"${path}" is not the name of a file`);
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    return failed(path)(error);
  });
  if (found === undefined) return join(await realpath(dirname(path)).catch(failed(path)), basename(path));
  if (!found.isFile()) throw new CliError(EXIT.failed, `${path} is not an ordinary file; it is left as it is`);
  return realpath(path).catch(failed(path));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function failed(path: string): (error: unknown) => never {
  return (error) => {
    throw new CliError(EXIT.failed, `${path} cannot be written: ${fileProblem(error)}`, error);
  };
}
