import type { StoredSnapshot } from '../../core/snapshot.ts';
import { systemCode, type Disk, type DiskReader } from './disk.ts';
import { ignore } from '../storage/lanes.ts';
import type { Keyring } from '../storage/keyring.ts';
import type { SnapshotFiles } from './snapshot-files.ts';
import { contentProblem, FileSnapshotReader } from './snapshot-reader.ts';
import { isUnreadable } from './store-error.ts';

export type Verified =
  | { readonly kind: 'good'; readonly reader: FileSnapshotReader }
  | { readonly kind: 'bad'; readonly row: StoredSnapshot; readonly problem: string };

/** Awaited after each block that was read, with its length. */
export type Pace = (bytes: number) => Promise<void>;

interface Where {
  readonly disk: Disk;
  readonly files: SnapshotFiles;
  /** The name of the store, for errors. */
  readonly store: string;
  readonly keyring: Keyring;
  readonly pace: Pace | undefined;
}

/**
 * Reads a version whole and compares it with its row; a good one is handed out from the file that was read.
 *
 * @throws what the disk throws where that says nothing of the version; GatewayError `encryption-key-missing`
 */
export async function verify(row: StoredSnapshot, where: Where): Promise<Verified> {
  const paths = where.files.paths(row);
  let file: DiskReader;
  try {
    file = await where.disk.read(row.place === 'quarantined' ? paths.quarantined : paths.bytes);
  } catch (error) {
    return { kind: 'bad', row, problem: await readProblem(error, where.files) };
  }
  try {
    const problem = await contentProblem(file, row, where).catch((error: unknown) => readProblem(error, where.files));
    if (problem === null) return { kind: 'good', reader: new FileSnapshotReader(row, file, where) };
    await file.close().catch(ignore);
    return { kind: 'bad', row, problem };
  } catch (error) {
    await file.close().catch(ignore);
    throw error;
  }
}

/** Whether a failed read is this file's fault: it is missing, or has a bad sector on a disk that works otherwise. */
async function readProblem(error: unknown, files: SnapshotFiles): Promise<string> {
  const code = systemCode(error);
  if (code === 'ELOOP') return 'it was replaced by a link';
  if (code !== 'ENOENT' && !isUnreadable(error)) throw error;
  // On a disk that is away or failing as a whole, every version would look lost.
  await files.probe();
  return code === 'ENOENT' ? 'its bytes are missing' : `the disk cannot read it (${code ?? ''})`;
}
