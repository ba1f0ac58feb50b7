import { GatewayError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { databaseError } from './database-error.ts';
import { logInToWritable } from './login.ts';
import { probeTables } from './probe.ts';
import { dueMigrations, lookAtTables, migrate } from './schema.ts';
import { rollBack, schemaOf } from './session.ts';
import { assertNames, tableNames, type TableChoice, type TableNames } from './table-names.ts';
import type { DatabaseConnection } from './target.ts';

export interface DatabaseCheck extends TableChoice {
  readonly connection: DatabaseConnection;
  /** The name of the store, for errors. */
  readonly name: string;
  readonly applicationName: string;
}

/**
 * Whether a gateway with this configuration could use the database: server, login, encoding, tables, rights, room. What it
 * makes and writes is rolled back, and a gateway that is running goes on meanwhile.
 *
 * @throws GatewayError `store-foreign`, `store-full`, `store-unavailable`
 */
export async function checkDatabase(check: DatabaseCheck): Promise<void> {
  assertNames(check);
  const { connection: target, applicationName } = check;
  try {
    const { connection, facts } = await logInToWritable({ connection: target, applicationName });
    try {
      await tryOut(connection, tableNames(schemaOf(check, facts), check));
      await rollBack(connection);
      await connection.end();
    } catch (error) {
      await rollBack(connection);
      await connection.end();
      throw error;
    }
  } catch (error) {
    throw databaseError(error, check.name);
  }
}

async function tryOut(connection: Connection, names: TableNames): Promise<void> {
  await connection.query('BEGIN');
  const due = dueMigrations(await lookAtTables(connection, names));
  if (due.length > 0) await migrate(connection, names, due);
  const { snapshot, meta, key } = names.sql;
  // Nothing is locked that a running gateway would have to wait for, and no number of the sequence is used up.
  await connection.query(`SELECT 1 FROM ${meta} WHERE name = 'holder' FOR SHARE`);
  await connection.query(`UPDATE ${snapshot} SET damaged = NULL WHERE false`);
  await connection.query(`DELETE FROM ${snapshot} WHERE false`);
  await connection.query(`UPDATE ${meta} SET value = value WHERE false`);
  await connection.query(
    `INSERT INTO ${snapshot} (${key}, data_center, workload, origin, version, bytes, sha256, taken_at, labels, withdrawn,
       place, incarnation, stored_at, placed_at, seal, damaged)
     VALUES (-1, '', '', '', 0, 0, '', '', '{}', true, '', 0, '', '', '', 'tried out')`,
  );
  await assertSequence(connection, names);
  await probeTables(connection, names);
}

/** A large content gets its number before its row, straight from the sequence; trying that out would use one up. */
async function assertSequence(connection: Connection, names: TableNames): Promise<void> {
  const { rows } = await connection.query<{ sequence: string; allowed: boolean }>(
    `SELECT s.name AS sequence, has_sequence_privilege(s.name, 'USAGE') AS allowed
     FROM (SELECT pg_get_serial_sequence($1, $2) AS name) s`,
    [names.sql.snapshot, names.keyColumn],
  );
  const found = rows[0];
  if (found?.allowed === true) return;
  throw new GatewayError(
    'store-unavailable',
    `The user of the database may not use the sequence ${found?.sequence ?? 'of the key column'}: grant USAGE on it.`,
  );
}
