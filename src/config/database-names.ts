import { hasControl } from './parser.ts';

/** The table of the PostgreSQL store. */
export interface TableName {
  /** null: the schema that PostgreSQL finds first, or that of the URL's `currentSchema`. */
  readonly schema: string | null;
  readonly name: string;
}

/** PostgreSQL cuts longer names in silence. */
const NAME_BYTES_MAX = 63;
/** The names of the other tables and of the indexes are made of the table's; this leaves them room. */
const TABLE_BYTES_MAX = 50;

/** The columns of the tables in `sql/` that every table has beside its key; a test holds the two alike. */
const OWN_COLUMNS = [
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
] as const;

/** Columns that every table of PostgreSQL has by itself. */
const SYSTEM_COLUMNS = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid', 'oid'] as const;

const TAKEN: ReadonlySet<string> = new Set<string>([...OWN_COLUMNS, ...SYSTEM_COLUMNS]);

const TABLE = `NAME or SCHEMA.NAME, each 1 to ${TABLE_BYTES_MAX} bytes long`;

/** `name` or `schema.table`, taken exactly as it is written, capitals too. */
export function parseTableName(text: string): TableName | Error {
  const parts = text.split('.');
  if (parts.length > 2) return new Error(`must be ${TABLE}, with one dot at most`);
  if (!parts.every((part) => isName(part, TABLE_BYTES_MAX))) {
    return new Error(`must be ${TABLE}, without quotes and control characters`);
  }
  const [first = '', second] = parts;
  return second === undefined ? { schema: null, name: first } : { schema: first, name: second };
}

/** The column of the key, taken exactly as it is written. */
export function parseKeyColumn(text: string): string | Error {
  if (!isName(text, NAME_BYTES_MAX)) {
    return new Error(
      `must be the name of a column, 1 to ${NAME_BYTES_MAX} bytes without quotes and control characters`,
    );
  }
  // Of two columns that differ in their capitals alone an operator would take one for the other.
  const isTaken = TAKEN.has(text.toLowerCase());
  return isTaken ? new Error('must be the name of a column that the table does not have for something else') : text;
}

/** A schema that a URL names. */
export function isSchemaName(text: string): boolean {
  return isName(text, TABLE_BYTES_MAX) && !text.includes('.');
}

function isName(text: string, bytesMax: number): boolean {
  const bytes = Buffer.byteLength(text);
  const isPlain = text.isWellFormed() && text.trim() === text && !hasControl(text) && !/["\t]/.test(text);
  return bytes >= 1 && bytes <= bytesMax && isPlain;
}
