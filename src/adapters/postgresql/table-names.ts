import { escapeIdentifier } from 'pg';
import { GatewayError } from '../../errors.ts';

/** PostgreSQL cuts longer names off silently, and two tables could become one. */
const NAME_MAX_BYTES = 63;
const LONGEST_SUFFIX = '_chunk';
/** The most bytes that `dataSnapshotTableName` may have, without its schema. */
const TABLE_NAME_MAX_BYTES = NAME_MAX_BYTES - LONGEST_SUFFIX.length;

/** Our own columns of the table: the key column of the configuration can have none of these names. */
const OWN_COLUMNS: readonly string[] = [
  'data_center',
  'workload',
  'origin',
  'version',
  'bytes',
  'sha256',
  'taken_at',
  'position',
  'labels',
  'withdrawn',
  'place',
  'delivered_by',
  'incarnation',
  'stored_at',
  'placed_at',
  'reason',
  'seal',
  'damaged',
  'damaged_at',
  'encryption_key',
  'stored_bytes',
];

/** What the three tables are called, as PostgreSQL has the names and, in `sql`, as a statement has them. */
export interface TableNames {
  readonly schema: string;
  readonly snapshot: string;
  readonly chunk: string;
  readonly meta: string;
  readonly keyColumn: string;
  /** Quoted, and the tables with their schema: whatever is in a name, it stays a name. */
  readonly sql: { readonly snapshot: string; readonly chunk: string; readonly meta: string; readonly key: string };
}

export interface TableChoice {
  readonly table: { readonly schema: string | null; readonly name: string };
  readonly keyColumn: string;
}

/** @param schema where the tables are: the configured one, or that in which the user's new tables would be */
export function tableNames(schema: string, choice: TableChoice): TableNames {
  const { name } = choice.table;
  const names = { snapshot: name, chunk: `${name}_chunk`, meta: `${name}_meta` };
  const qualified = (table: string): string => `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
  return {
    schema,
    ...names,
    keyColumn: choice.keyColumn,
    sql: {
      snapshot: qualified(names.snapshot),
      chunk: qualified(names.chunk),
      meta: qualified(names.meta),
      key: escapeIdentifier(choice.keyColumn),
    },
  };
}

/** Columns that the table has in the form that this program knows. */
export function ownColumns(names: TableNames): readonly string[] {
  return [names.keyColumn, ...OWN_COLUMNS];
}

/**
 * The configuration refuses such names with file and line; this is the last line of defence.
 * @throws GatewayError `store-foreign`
 */
export function assertNames({ table, keyColumn }: TableChoice): void {
  assertName('dataSnapshotTableName', table.name, TABLE_NAME_MAX_BYTES);
  if (table.schema !== null) assertName('dataSnapshotTableName (the schema)', table.schema, NAME_MAX_BYTES);
  assertName('dataSnapshotPrimaryKeyColumnName', keyColumn, NAME_MAX_BYTES);
  if (OWN_COLUMNS.includes(keyColumn)) {
    throw new GatewayError(
      'store-foreign',
      `dataSnapshotPrimaryKeyColumnName: the table has a column "${keyColumn}" for something else; choose another name.`,
    );
  }
}

function assertName(option: string, name: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(name);
  if (bytes >= 1 && bytes <= maxBytes && !name.includes('\0') && name.isWellFormed()) return;
  throw new GatewayError(
    'store-foreign',
    `${option}: a name of 1 to ${maxBytes} bytes is needed, and this one has ${bytes}.`,
  );
}
