import { randomBytes } from 'node:crypto';
import { KIB } from '../../units.ts';
import type { Connection } from './connection.ts';
import type { TableNames } from './table-names.ts';

/** Enough that the server needs room for it, and little enough that nobody notices. */
const PROBE_BYTES = 16 * KIB;

/** Writes a piece that belongs to nothing, and deletes it, within the caller's transaction. */
export async function probeTables(connection: Connection, names: TableNames): Promise<void> {
  // Numbers of rows begin at 1, and two probes must not meet.
  const id = -1 - Math.floor(Math.random() * 2 ** 47);
  const { chunk } = names.sql;
  await connection.query(`INSERT INTO ${chunk} (snapshot, number, bytes) VALUES ($1, 0, $2)`, [
    id,
    randomBytes(PROBE_BYTES),
  ]);
  await connection.query(`DELETE FROM ${chunk} WHERE snapshot = $1`, [id]);
}
