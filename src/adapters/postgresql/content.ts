import type { StoredSnapshot } from '../../core/snapshot.ts';
import type { SnapshotReader } from '../../ports/snapshot-store.ts';
import { contentBlocks, storedBytesOf, type StoredBlocks } from '../storage/encryption.ts';
import type { Keyring } from '../storage/keyring.ts';
import { ContentReader, PostgresSnapshotReader, type Pace } from './content-reader.ts';
import type { Connection } from './connection.ts';
import { databaseError, isUnreadable, reasonOf, type ConnectionLost } from './database-error.ts';
import { CHUNK_BYTES, Rows } from './rows.ts';
import { rollBack, type Session } from './session.ts';

export type Verified =
  | { readonly kind: 'good'; readonly reader: SnapshotReader }
  | { readonly kind: 'bad'; readonly row: StoredSnapshot; readonly problem: string };

/** A connection to read with, and the place among the readers. */
export interface Lease {
  readonly session: Session;
  readonly connection: Connection;
  /** The name of the store, for errors. */
  readonly store: string;
  readonly giveBack: () => void;
}

export interface HowToRead {
  readonly keyring: Keyring;
  /** When it is given, the content is only verified, in no transaction: it may take long, and nobody waits for it. */
  readonly pace: Pace | undefined;
  /** Whether the store works otherwise. @throws when it does not */
  readonly probe: () => Promise<void>;
}

/**
 * Reads a version whole and compares it with its row. A good one is handed out: from memory when it is small, else from
 * the very state of the database in which it was verified, whatever becomes of it meanwhile. Then the reader gives the
 * lease back, when it ends; with a bad one, and with an error, the lease stays the caller's.
 */
export async function readVerified(row: StoredSnapshot, lease: Lease, how: HowToRead): Promise<Verified> {
  const { connection, session } = lease;
  const isSmall = storedBytesOf(row) <= CHUNK_BYTES;
  const isHeld = !isSmall && how.pace === undefined;
  const end = async (): Promise<void> => {
    if (isHeld) await rollBack(connection);
    session.release(connection);
    lease.giveBack();
  };
  try {
    if (isHeld) await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const id = await new Rows(session.names).idOf(connection, row.key, row.version);
    const pieces: Buffer[] = [];
    const reader = id === null ? null : new ContentReader(connection, session.names, { id, row });
    const problem =
      reader === null
        ? 'its row is missing in the table'
        : await reader.problem({ ...how, keep: (piece) => (isSmall ? pieces.push(piece) : 0) });
    if (problem !== null || reader === null) {
      if (isHeld) await rollBack(connection);
      return { kind: 'bad', row, problem: problem ?? '' };
    }
    if (!isHeld) {
      const kept = Buffer.concat(pieces);
      await end();
      return { kind: 'good', reader: inMemory(row, how.keyring, kept) };
    }
    const stored = (start: number, stop: number): AsyncIterable<Uint8Array> =>
      withStoreErrors(reader.blocks(start, stop), lease.store);
    const blocks: StoredBlocks = (start, stop) => contentBlocks(row, how.keyring, stored, { start, end: stop });
    return { kind: 'good', reader: new PostgresSnapshotReader(row, blocks, end) };
  } catch (error) {
    if (isHeld) await rollBack(connection);
    if (!isUnreadable(error)) throw error;
    // With a disk that is failing as a whole, every version would look lost.
    await how.probe();
    return { kind: 'bad', row, problem: reasonOf(error as ConnectionLost) };
  }
}

function inMemory(row: StoredSnapshot, keyring: Keyring, bytes: Buffer): SnapshotReader {
  async function* stored(start: number, end: number): AsyncGenerator<Uint8Array> {
    if (end > start) yield await Promise.resolve(bytes.subarray(start, end));
  }
  const blocks: StoredBlocks = (start, end) => contentBlocks(row, keyring, stored, { start, end });
  return new PostgresSnapshotReader(row, blocks, () => Promise.resolve());
}

async function* withStoreErrors(blocks: AsyncIterable<Uint8Array>, store: string): AsyncGenerator<Uint8Array> {
  try {
    yield* blocks;
  } catch (error) {
    throw databaseError(error, store);
  }
}
