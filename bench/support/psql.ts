import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTool } from '../../test/support/tools.ts';
import type { TestDatabase } from '../../test/support/test-database.ts';

/** Where plain contents lie that are compared with ours: the table that somebody would make who has no gateway. */
export const PLAIN_TABLE = 'plain';

export async function createPlainTable(database: TestDatabase, name = PLAIN_TABLE): Promise<void> {
  await database.query(
    `CREATE TABLE ${name} (snapshot bigint, number integer, bytes bytea, PRIMARY KEY (snapshot, number));
     ALTER TABLE ${name} ALTER COLUMN bytes SET STORAGE EXTERNAL;
     ALTER TABLE ${name} OWNER TO ${new URL(database.url).username}`,
  );
}

/** The baseline: psql, by the arguments that say what it does. @returns seconds, its start included */
export async function psqlSeconds(url: string, what: readonly string[]): Promise<number> {
  const psql = findTool('psql');
  if (psql === null) throw new Error('the baseline is psql, which is not installed here');
  const before = performance.now();
  await promisify(execFile)(psql, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...what, url]);
  return (performance.now() - before) / 1000;
}
