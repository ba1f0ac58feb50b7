import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SnapshotKey, StoredSnapshot } from '../../core/snapshot.ts';
import type { DamagedContent } from '../../ports/snapshot-store.ts';
import { MIB } from '../../units.ts';
import type { Connection } from './connection.ts';
import { isUnreadable } from './database-error.ts';
import { parseTableRow, ROW_COLUMNS, valuesOf, type TableRow } from './stored-row.ts';
import type { TableNames } from './table-names.ts';

/** Bytes of a piece of content. Raised: more memory for each transfer; lowered: more rows. Changing it needs a migration. */
export const CHUNK_BYTES = MIB;
/** Rows read at once when a session begins: about a megabyte, and a few milliseconds of work. */
const LOAD_ROWS = 500;
/** Pieces deleted by one statement: a gigabyte in one could take longer than a statement may. */
const DELETE_CHUNKS = 64;
/** The most that `damaged` lists: an operator, or the housekeeping, deletes some and asks again. */
const DAMAGED_LISTED = 10_000;
/** No snapshot is larger: dataSnapshotMaxBytes ends there. */
const MOST_BYTES = 2 ** 40;

const COLUMNS = ROW_COLUMNS.join(', ');
const PLACEHOLDERS = ROW_COLUMNS.map((_, i) => `$${i + 1}`).join(', ');
const THE_VERSION = 'data_center = $1 AND workload = $2 AND origin = $3 AND version = $4 AND damaged IS NULL';

/** A row of which nothing can be believed, and which is kept for a person. */
export interface UnbelievableRow {
  readonly row: TableRow;
  readonly problem: string;
}

/** Every row that speaks of a version, some at a time; other work gets its turn between. */
export async function* loadRows(
  connection: Connection,
  names: TableNames,
): AsyncGenerator<{ readonly good: readonly StoredSnapshot[]; readonly bad: readonly UnbelievableRow[] }> {
  const { snapshot, key } = names.sql;
  // A cursor, because pages of an order would be sorted one by one where the server knows little of the table yet.
  await connection.query('BEGIN READ ONLY');
  await connection.query(
    `DECLARE rows NO SCROLL CURSOR FOR SELECT ${key}::text AS id, ${COLUMNS} FROM ${snapshot} WHERE damaged IS NULL`,
  );
  for (;;) {
    const { rows } = await connection.query<TableRow>(`FETCH ${LOAD_ROWS} FROM rows`);
    if (rows.length === 0) break;
    const good: StoredSnapshot[] = [];
    const bad: UnbelievableRow[] = [];
    for (const row of rows) {
      const parsed = parseTableRow(row);
      if (parsed.kind === 'row') good.push(parsed.row);
      else bad.push({ row, problem: parsed.problem });
    }
    yield { good, bad };
    await nextTurn();
  }
  await connection.query('COMMIT');
}

/** Statements about rows, each a part of a transaction of the caller's. */
export class Rows {
  readonly #names: TableNames;

  constructor(names: TableNames) {
    this.#names = names;
  }

  /**
   * Adds a version, in place of a lost one if there is one.
   *
   * @param id the number that its pieces have already; null for a new one
   * @returns the number; null when there is a version of which we know nothing
   */
  async insert(connection: Connection, row: StoredSnapshot, id: bigint | null): Promise<bigint | null> {
    const { snapshot, key } = this.#names.sql;
    const values = [...valuesOf(row)];
    const [columns, placeholders] =
      id === null ? [COLUMNS, PLACEHOLDERS] : [`${COLUMNS}, ${key}`, `${PLACEHOLDERS}, $${values.length + 1}`];
    if (id !== null) values.push(id.toString());
    const set = [key, ...ROW_COLUMNS].map((column) => `${column} = EXCLUDED.${column}`).join(', ');
    const { rows } = await connection.query<{ id: string }>(
      `INSERT INTO ${snapshot} AS s (${columns}) VALUES (${placeholders})
       ON CONFLICT (data_center, workload, origin, version) WHERE damaged IS NULL
       DO UPDATE SET ${set} WHERE s.place = 'lost'
       RETURNING ${key}::text AS id`,
      values,
    );
    return rows[0] === undefined ? null : BigInt(rows[0].id);
  }

  async insertChunk(connection: Connection, id: bigint, bytes: Buffer): Promise<void> {
    await connection.query(`INSERT INTO ${this.#names.sql.chunk} (snapshot, number, bytes) VALUES ($1, 0, $2)`, [
      id.toString(),
      bytes,
    ]);
  }

  /** @returns false when one of them is not in the table any more */
  async update(connection: Connection, rows: readonly StoredSnapshot[]): Promise<boolean> {
    for (const row of rows) {
      const { place, deliveredBy, placedAt, reason } = row;
      const seal = valuesOf(row).at(-1);
      const { rowCount } = await connection.query(
        `UPDATE ${this.#names.sql.snapshot}
         SET place = $5, delivered_by = $6, placed_at = $7, reason = $8, seal = $9 WHERE ${THE_VERSION}`,
        [...keyValues(row.key, row.version), place, deliveredBy, placedAt, reason, seal],
      );
      if (rowCount !== 1) return false;
    }
    return true;
  }

  /** null when the version is not in the table. */
  async idOf(connection: Connection, key: SnapshotKey, version: number): Promise<bigint | null> {
    const { sql } = this.#names;
    const { rows } = await connection.query<{ id: string }>(
      `SELECT ${sql.key}::text AS id FROM ${sql.snapshot} WHERE ${THE_VERSION}`,
      keyValues(key, version),
    );
    return rows[0] === undefined ? null : BigInt(rows[0].id);
  }

  async deleteChunks(connection: Connection, id: bigint): Promise<void> {
    for (;;) {
      const { rowCount } = await connection.query(
        `DELETE FROM ${this.#names.sql.chunk} WHERE snapshot = $1 AND number IN
           (SELECT number FROM ${this.#names.sql.chunk} WHERE snapshot = $1 ORDER BY number LIMIT ${DELETE_CHUNKS})`,
        [id.toString()],
      );
      if (rowCount < DELETE_CHUNKS) return;
    }
  }

  async deleteRow(connection: Connection, id: bigint): Promise<void> {
    const { snapshot, key } = this.#names.sql;
    await connection.query(`DELETE FROM ${snapshot} WHERE ${key} = $1`, [id.toString()]);
  }

  /** Makes of the version's row one that is kept for a person, with its pieces. */
  async setDamaged(connection: Connection, row: StoredSnapshot, why: { reason: string; at: string }): Promise<void> {
    await connection.query(
      `UPDATE ${this.#names.sql.snapshot} SET damaged = $5, damaged_at = $6 WHERE ${THE_VERSION}`,
      [...keyValues(row.key, row.version), why.reason, why.at],
    );
  }

  /** The same for a row of which nothing but its number is believed. */
  async setUnbelievable(connection: Connection, id: string, why: { reason: string; at: string }): Promise<void> {
    const { snapshot, key } = this.#names.sql;
    await connection.query(
      `UPDATE ${snapshot} SET damaged = $2, damaged_at = $3 WHERE ${key} = $1 AND damaged IS NULL`,
      [id, why.reason, why.at],
    );
  }

  async damaged(connection: Connection): Promise<DamagedContent[]> {
    const { chunk, key } = this.#names.sql;
    const pieces = `COALESCE((SELECT sum(octet_length(c.bytes)) FROM ${chunk} c WHERE c.snapshot = s.${key}), 0)`;
    try {
      return await this.#damaged(connection, pieces);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // The pieces are on a page that cannot be read, which may be why the row is here: its own word counts, within bounds,
      // because it may be what was damaged.
      return this.#damaged(connection, `GREATEST(0, LEAST(s.bytes, ${MOST_BYTES}))`);
    }
  }

  async #damaged(connection: Connection, bytes: string): Promise<DamagedContent[]> {
    const { snapshot, key } = this.#names.sql;
    const { rows } = await connection.query<{ id: string; bytes: string; at: string; reason: string }>(
      `SELECT s.${key}::text AS id, (${bytes})::text AS bytes, COALESCE(s.damaged_at, s.stored_at) AS at,
              s.damaged AS reason
       FROM ${snapshot} s WHERE s.damaged IS NOT NULL ORDER BY at, s.${key} LIMIT ${DAMAGED_LISTED}`,
    );
    return rows.map(({ id, bytes, at, reason }) => ({ id, bytes: Number(bytes), at, reason }));
  }

  async isDamaged(connection: Connection, id: bigint): Promise<boolean> {
    const { snapshot, key } = this.#names.sql;
    const { rowCount } = await connection.query(
      `SELECT 1 FROM ${snapshot} WHERE ${key} = $1 AND damaged IS NOT NULL FOR UPDATE`,
      [id.toString()],
    );
    return rowCount === 1;
  }
}

function keyValues({ dataCenter, workload, origin }: SnapshotKey, version: number): readonly unknown[] {
  return [dataCenter, workload, origin, version];
}
