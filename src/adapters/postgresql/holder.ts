import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import type { TableNames } from './table-names.ts';

/**
 * How long a lock is tried for that somebody holds: after a crash the server may not have noticed yet that our own
 * connection of before is gone.
 */
const LOCK_PATIENCE_MS = 3000;
const LOCK_POLL_MS = 100;

/** The lock's name: 64 bits of a digest, one for each table of a database. PostgreSQL keeps databases apart itself. */
function lockKey(names: TableNames): bigint {
  const digest = createHash('sha256').update(`crossdc-gateway\0${names.schema}\0${names.snapshot}`).digest();
  return digest.readBigInt64BE(0);
}

/**
 * Takes the lock of the tables for this connection; the server frees it when the connection ends.
 *
 * @throws GatewayError `store-unavailable`, naming who has it
 */
export async function lockTables(connection: Connection, names: TableNames, isPatient: boolean): Promise<void> {
  const key = lockKey(names);
  for (let waited = 0; ; waited += LOCK_POLL_MS) {
    const { rows } = await connection.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1::bigint) AS locked', [
      key.toString(),
    ]);
    if (rows[0]?.locked === true) return;
    if (!isPatient || waited >= LOCK_PATIENCE_MS) throw heldBy(await holderOf(connection, key), names);
    await sleep(LOCK_POLL_MS);
  }
}

interface Holder {
  readonly application: string | null;
  readonly address: string | null;
  readonly since: string | null;
  readonly pid: number;
}

async function holderOf(connection: Connection, key: bigint): Promise<Holder | undefined> {
  const { rows } = await connection.query<Holder>(
    `SELECT a.application_name AS application, host(a.client_addr) AS address, a.pid,
            to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.classid = $1::oid AND l.objid = $2::oid`,
    [(BigInt.asUintN(64, key) >> 32n).toString(), BigInt.asUintN(32, key).toString()],
  );
  return rows[0];
}

function heldBy(holder: Holder | undefined, names: TableNames): GatewayError {
  // Another user's session shows neither name nor address, only that it is there.
  const name = holder?.application == null || holder.application === '' ? 'another session' : `"${holder.application}"`;
  const address = holder?.address == null ? '' : ` from ${holder.address}`;
  const since = holder?.since == null ? '' : `, since ${holder.since}`;
  const process = holder === undefined ? '' : ` (process ${holder.pid} of the database server)`;
  return new GatewayError(
    'store-unavailable',
    `The tables of "${names.schema}"."${names.snapshot}" are in use by ${name}${address}${since}${process}. ` +
      'Only one gateway may use them: stop that one, or give this one its own dataSnapshotTableName.',
    { facts: { ...holder, heldByOther: true } },
  );
}

/**
 * Makes this the one gateway whose writes count: raises the number that every writing transaction checks. It waits for
 * those transactions of the one before that have checked already, so that what is read next has them.
 */
export async function takeOver(connection: Connection, names: TableNames): Promise<string> {
  const { rows } = await connection.query<{ value: string }>(
    `UPDATE ${names.sql.meta} SET value = GREATEST(value::bigint + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)::text WHERE name = 'holder' RETURNING value`,
  );
  const value = rows[0]?.value;
  if (value !== undefined) return value;
  throw new GatewayError(
    'store-foreign',
    `The table "${names.schema}"."${names.meta}" has no row "holder": somebody changed it. Insert it, with the value 1.`,
  );
}

/**
 * Within a transaction, just before its last statements: whether the number is still ours. Until the transaction ends no
 * other gateway can take over.
 */
export async function isStillHolder(connection: Connection, names: TableNames, token: string): Promise<boolean> {
  const { rowCount } = await connection.query(
    `SELECT 1 FROM ${names.sql.meta} WHERE name = 'holder' AND value = $1 FOR SHARE`,
    [token],
  );
  return rowCount === 1;
}
