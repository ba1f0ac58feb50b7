import type { SnapshotKey, StoredSnapshot } from '../../core/snapshot.ts';
import { GatewayError } from '../../errors.ts';
import type { Received } from './receive.ts';
import { Rows } from './rows.ts';
import type { Session } from './session.ts';

/** What changes the tables, each in one transaction of the session: done whole when it resolves, or not at all. */

/** A version with its content, and what it sets aside. @throws GatewayError, DatabaseError, ConnectionLost */
export async function writeVersion(
  session: Session,
  rows: { readonly row: StoredSnapshot; readonly beaten: readonly StoredSnapshot[] },
  received: Received,
): Promise<void> {
  const statements = new Rows(session.names);
  const { upload } = received;
  const last: Parameters<Session['transaction']>[0] = async (connection) => {
    const id = await statements.insert(connection, rows.row, upload?.id ?? null);
    if (id === null) throw surprised(session);
    if (upload === null && received.small.byteLength > 0) {
      await statements.insertChunk(connection, id, received.small);
    }
    if (!(await statements.update(connection, rows.beaten))) throw surprised(session);
  };
  await (upload === null ? session.transaction(last) : upload.commit(last));
}

export async function writeChanged(session: Session, rows: readonly StoredSnapshot[]): Promise<void> {
  await session.transaction(async (connection) => {
    if (!(await new Rows(session.names).update(connection, rows))) throw surprised(session);
  });
}

/** The row that was, kept with its pieces, and the one that says that the version is lost. */
export async function writeLost(session: Session, was: StoredSnapshot, lost: StoredSnapshot): Promise<void> {
  const rows = new Rows(session.names);
  await session.transaction(async (connection) => {
    await rows.setDamaged(connection, was, { reason: lost.reason ?? '', at: lost.placedAt });
    await rows.insert(connection, lost, null);
  });
}

export function writeRemoved(session: Session, key: SnapshotKey, version: number): Promise<void> {
  const rows = new Rows(session.names);
  return removeRow(session, (connection) => rows.idOf(connection, key, version));
}

/** @param id of a damaged row; any other is left alone */
export function writeDiscarded(session: Session, id: bigint): Promise<void> {
  const rows = new Rows(session.names);
  return removeRow(session, async (connection) => ((await rows.isDamaged(connection, id)) ? id : null));
}

/** The pieces first, some at a time, because a gigabyte of them takes longer than one statement may. */
async function removeRow(
  session: Session,
  find: (connection: Parameters<Rows['idOf']>[0]) => Promise<bigint | null>,
): Promise<void> {
  const rows = new Rows(session.names);
  let id: bigint | null = null;
  await session.transaction(
    async (connection) => {
      if (id !== null) await rows.deleteRow(connection, id);
    },
    async (connection) => {
      id = await find(connection);
      if (id !== null) await rows.deleteChunks(connection, id);
    },
  );
}

/** What is in the table is not what was read: somebody else changed it. The rows are read again before anything else. */
function surprised(session: Session): GatewayError {
  session.break();
  return new GatewayError(
    'store-unavailable',
    'The store cannot be used: rows of its table were changed by somebody else; they are read again.',
  );
}
