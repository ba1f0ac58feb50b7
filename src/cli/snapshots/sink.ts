import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { CliError, EXIT } from '../exit-status.ts';
import { fileProblem } from '../file-problem.ts';
import { write, type OutputStream } from '../io.ts';
import { PartFile } from './part-file.ts';

/** Where downloaded bytes go. */
export interface Sink {
  /**
   * Goes on with what an earlier download left of the snapshot with this digest. @returns how many bytes there are, which
   * were given to `take`
   */
  adopt(sha256: string, take: (chunk: Uint8Array) => void): Promise<number>;
  /** @throws CliError */
  write(chunk: Uint8Array): Promise<void>;
  /** Takes back everything that was written; false when that cannot be. */
  restart(): Promise<boolean>;
  /** Makes what was written durable and visible, in one step. */
  commit(): Promise<void>;
  /**
   * Ends it; unless it was committed there is no result. Idempotent.
   *
   * @returns whether what was written is kept for the next download of the same snapshot
   */
  discard(): Promise<boolean>;
}

/** A stream: what is written is gone. */
export function streamSink(stream: OutputStream): Sink {
  let isEmpty = true;
  return {
    adopt: () => Promise.resolve(0),
    async write(chunk) {
      isEmpty = false;
      await write(stream, chunk);
    },
    restart: () => Promise.resolve(isEmpty),
    commit: () => Promise.resolve(),
    discard: () => Promise.resolve(false),
  };
}

/**
 * A file that appears whole or not at all: a part beside it, fsync, rename, fsync of the folder. What is left of an earlier
 * download of the same snapshot is gone on with.
 *
 * @throws CliError before anything is asked of the gateway, when FILE cannot be written
 */
export async function fileSink(path: string): Promise<Sink> {
  const target = await resolveFile(path);
  const part = await PartFile.create(target).catch(failed(path));
  let isOpen = true;
  let mayKeep = true;
  const writing = async (work: Promise<void>): Promise<void> => {
    await work.catch((error: unknown) => {
      // On a disk that is full a part that is kept would be what fills it.
      mayKeep = false;
      return failed(path)(error);
    });
  };
  return {
    adopt: (sha256, take) => part.adopt(sha256, take).catch(failed(path)),
    write: (chunk) => writing(part.write(chunk)),
    async restart() {
      await writing(part.empty());
      return true;
    },
    async commit() {
      await writing(part.commit());
      isOpen = false;
    },
    async discard() {
      if (!isOpen) return false;
      isOpen = false;
      return part.end(mayKeep);
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

function failed(path: string): (error: unknown) => never {
  return (error) => {
    throw new CliError(EXIT.failed, `${path} cannot be written: ${fileProblem(error)}`, error);
  };
}
