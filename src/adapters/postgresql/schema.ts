import { DatabaseError } from 'pg';
import { GatewayError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { loadMigrations, migrationSql, type Migration } from './migrations.ts';
import { ownColumns, type TableNames } from './table-names.ts';

/** What stands where our tables should be. */
export type Found = { readonly kind: 'nothing' } | { readonly kind: 'ours'; readonly schemaNumber: number };

interface Relation {
  readonly name: string;
  readonly columns: readonly string[];
}

const RELATIONS = `
  SELECT c.relname::text AS name,
         array_remove(array_agg(a.attname::text ORDER BY a.attnum), NULL) AS columns
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE n.nspname = $1 AND c.relname = ANY($2::text[])
  GROUP BY c.oid, c.relname`;

/**
 * Looks without changing anything.
 *
 * @throws GatewayError `store-foreign` when what is there is not ours, or is a newer form than this program knows
 */
export async function lookAtTables(connection: Connection, names: TableNames): Promise<Found> {
  const wanted = [names.snapshot, names.chunk, names.meta];
  const { rows } = await connection.query<Relation>(RELATIONS, [names.schema, wanted]);
  if (rows.length === 0) return { kind: 'nothing' };
  const columnsOf = new Map(rows.map(({ name, columns }) => [name, columns]));
  const meta = columnsOf.get(names.meta);
  const facts = meta?.join() === 'name,value' ? await readMeta(connection, names) : new Map<string, string>();
  if (facts.get('program') !== 'crossdc-gateway') throw foreign(names, columnsOf);
  const schemaNumber = Number(facts.get('schema'));
  if (!Number.isSafeInteger(schemaNumber)) throw incomplete(names, `"${names.meta}" has no row "schema"`);
  assertKnown(schemaNumber, names);
  for (const name of wanted) if (!columnsOf.has(name)) throw incomplete(names, `the table "${name}" is missing`);
  // An older form is about to be changed into the one that has all of them.
  if (schemaNumber < newestKnown()) return { kind: 'ours', schemaNumber };
  const columns = columnsOf.get(names.snapshot) ?? [];
  const missing = ownColumns(names).filter((name) => !columns.includes(name));
  if (missing[0] === names.keyColumn) throw otherKeyColumn(names, columns[0] ?? '');
  if (missing.length > 0) throw incomplete(names, `the table has no column "${missing.join('", "')}"`);
  return { kind: 'ours', schemaNumber };
}

/** What still has to run, in order. */
export function dueMigrations(found: Found): readonly Migration[] {
  const done = found.kind === 'ours' ? found.schemaNumber : 0;
  return loadMigrations().filter(({ number }) => number > done);
}

function newestKnown(): number {
  return loadMigrations().at(-1)?.number ?? 0;
}

/** Makes or changes the tables, within the transaction that the caller has begun. */
export async function migrate(connection: Connection, names: TableNames, due: readonly Migration[]): Promise<void> {
  try {
    const { rows } = await connection.query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [names.schema]);
    // Asked before: with IF NOT EXISTS alone, a schema that is there would need the right to make one.
    if (rows.length === 0) await connection.query(`CREATE SCHEMA IF NOT EXISTS ${quotedSchema(names)}`);
    for (const migration of due) await connection.query(migrationSql(migration, names));
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== '42501') throw error;
    throw new GatewayError(
      'store-unavailable',
      `The tables of "${names.schema}"."${names.snapshot}" are not there or not up to date, and the user of the database may ` +
        `not make them (${error.message}). Grant CREATE on the schema, or let an administrator run what is in sql/.`,
      { cause: error },
    );
  }
}

function quotedSchema(names: TableNames): string {
  return migrationSql({ number: 0, text: ':"schema"' }, names);
}

async function readMeta(connection: Connection, names: TableNames): Promise<Map<string, string>> {
  const { rows } = await connection.query<{ name: string; value: string }>(
    `SELECT name, value FROM ${names.sql.meta} WHERE name IN ('program', 'schema')`,
  );
  return new Map(rows.map(({ name, value }) => [name, value]));
}

function assertKnown(schemaNumber: number, names: TableNames): void {
  const newest = newestKnown();
  if (schemaNumber >= 1 && schemaNumber <= newest) return;
  throw new GatewayError(
    'store-foreign',
    `The tables of "${names.schema}"."${names.snapshot}" have form ${schemaNumber}, and this program knows ${newest}: ` +
      'a newer version of it made them. Start that version, or give dataSnapshotTableName another name.',
    { facts: { schemaNumber, newest } },
  );
}

/** Of a table of the IBM Streams crossdc-failover toolkit, whose names the database may have folded to another case. */
const TOOLKIT_COLUMNS = ['replicationtime', 'snapshot'];

function foreign(names: TableNames, columnsOf: ReadonlyMap<string, readonly string[]>): GatewayError {
  const [name = '', columns = []] =
    [...columnsOf].find(([found]) => found === names.snapshot) ?? [...columnsOf][0] ?? [];
  const lower = columns.map((column) => column.toLowerCase());
  const isToolkit = TOOLKIT_COLUMNS.every((column) => lower.includes(column));
  const table = `"${names.schema}"."${name}"`;
  const found = isToolkit
    ? `The table ${table} was made for the IBM Streams crossdc-failover toolkit. Its rows are not read, and nothing in it was changed.`
    : `${table} is not a table of this program (its columns: ${columns.slice(0, 10).join(', ') || 'none'}). Nothing in it was changed.`;
  return new GatewayError('store-foreign', `${found} Give dataSnapshotTableName another name.`, {
    facts: { schema: names.schema, table: name, columns: columns.slice(0, 50) },
  });
}

function otherKeyColumn(names: TableNames, has: string): GatewayError {
  return new GatewayError(
    'store-foreign',
    `The table "${names.schema}"."${names.snapshot}" has no column "${names.keyColumn}": it was made with another ` +
      `dataSnapshotPrimaryKeyColumnName, probably "${has}". Set that, or give dataSnapshotTableName another name.`,
  );
}

function incomplete(names: TableNames, problem: string): GatewayError {
  return new GatewayError(
    'store-foreign',
    `The tables of "${names.schema}"."${names.snapshot}" are not complete: ${problem}. Restore them, or give dataSnapshotTableName another name.`,
  );
}
