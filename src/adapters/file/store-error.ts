import { GatewayError } from '../../errors.ts';
import { systemCode } from './disk.ts';

/** No room: the disk, the user's quota, or the process's limit of file size. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A disk that takes nothing now and may take something again. Anything else, such as a missing right, needs a person. */
const PASSING = new Set([...FULL, 'EROFS', 'EIO']);

/** Whether a file operation failed, or a store said that it did, because of a disk that may take something again. */
export function isPassing(error: unknown): boolean {
  const code = error instanceof GatewayError ? error.facts['code'] : systemCode(error);
  return typeof code === 'string' && PASSING.has(code);
}

/** What lies there cannot be read by anybody: bad sectors, a damaged file system, a folder in the place of a file. */
const UNREADABLE = new Set(['EIO', 'EISDIR', 'EUCLEAN', 'EBADMSG']);

/** Whether one file is at fault, which is damage, and not the right to read it or the process's limits. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.has(systemCode(error) ?? '');
}

/** Takes the failure of a disk that may take something again as done. */
export function unlessPassing(error: unknown): void {
  if (!isPassing(error)) throw error;
}

/**
 * The catalogue's error for whatever a file operation threw. The one place where system errors are judged; snapshots,
 * records and event log use it alike.
 *
 * What is no system error is passed on as it is: a GatewayError was judged before, anything else is a defect. Paths
 * stay in the facts, which do not leave the process.
 *
 * @param store the name of the store, as an operator knows it
 */
export function storeError(error: unknown, store: string, facts: Readonly<Record<string, unknown>> = {}): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const about = { ...facts, store, code, problem: error instanceof Error ? error.message : code };
  if (FULL.has(code)) {
    return new GatewayError('store-full', `There is no room in the store "${store}" (${code}${meaningOf(code)}).`, {
      facts: about,
      cause: error,
    });
  }
  return new GatewayError('store-unavailable', `The store "${store}" cannot be used (${code}${meaningOf(code)}).`, {
    facts: about,
    cause: error,
  });
}

/** What the codes say that an operator meets, in words. */
const MEANINGS: Readonly<Record<string, string | undefined>> = {
  EACCES: 'this user may not use the folder',
  EDQUOT: "the user's quota is used up",
  EFBIG: 'a limit on the size of files is reached',
  EIO: 'the disk fails to read or write',
  EMFILE: 'this process has too many open files',
  ENFILE: 'this machine has too many open files',
  ENOENT: 'the folder is gone; is its disk mounted?',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'something that is no folder is in its place',
  EPERM: 'this user may not use the folder',
  EROFS: 'the disk may only be read',
};

function meaningOf(code: string): string {
  const meaning = MEANINGS[code];
  return meaning === undefined ? '' : `: ${meaning}`;
}

/** Carries out the work; a system error is thrown as the catalogue's. */
export async function withStoreErrors<T>(store: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, store);
  }
}
