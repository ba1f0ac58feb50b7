import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PostgresServer } from '../test/support/postgres-server.ts';
import type { TestDatabase } from '../test/support/test-database.ts';
import { blocks, MIB, writeCopyFile } from './support/content.ts';
import { withFolder } from './support/gateway.ts';
import { WAY_NAMES, type WayResult } from './support/postgres-way.ts';
import { createPlainTable, psqlSeconds } from './support/psql.ts';
import { median, row, type Row } from './support/report.ts';

const CHILD = fileURLToPath(new URL('./support/postgres-way-child.ts', import.meta.url));
const BYTES = 256 * MIB;
const RUNS = 3;
const TABLE = 'way';

const WHAT = ['write', 'read'] as const;

interface Run {
  /** Seconds. */
  readonly plain: Readonly<Record<(typeof WHAT)[number], number>>;
  /** By way and by what it did; a text says why it could not. */
  readonly ways: ReadonlyMap<string, WayResult | string>;
}

/**
 * The ways to keep 256 MiB in PostgreSQL, each beside psql, which copies the same bytes into a table like it: on these
 * figures the store's way was chosen (docs/design/postgresql-store.md).
 */
export async function postgresWays(): Promise<Row[]> {
  const server = await PostgresServer.start({ durable: true });
  try {
    return await withFolder(async (folder) => {
      const file = join(folder, 'content');
      await writeCopyFile(file, blocks(BYTES));
      const runs: Run[] = [];
      for (let run = 0; run < RUNS; run += 1) runs.push(await oneRun(server, file));
      return WAY_NAMES.flatMap((name) => rowsOf(name, runs));
    });
  } finally {
    await server.dispose();
  }
}

/** All in turn, so that each sees the same machine. */
async function oneRun(server: PostgresServer, file: string): Promise<Run> {
  const fresh = async <T>(work: (database: TestDatabase) => Promise<T>): Promise<T> => {
    const database = await server.createDatabase();
    await createPlainTable(database, TABLE);
    await server.query('CHECKPOINT');
    try {
      return await work(database);
    } finally {
      await database.drop();
    }
  };
  const plain = await fresh(async ({ url }) => ({
    write: await psqlSeconds(url, ['-c', `\\copy ${TABLE} from '${file}' with (format binary)`]),
    read: await psqlSeconds(url, ['-c', `\\copy ${TABLE} to '/dev/null' with (format binary)`]),
  }));
  const ways = new Map<string, WayResult | string>();
  for (const name of WAY_NAMES) {
    await fresh(async ({ url }) => {
      for (const what of WHAT) ways.set(`${what} by ${name}`, await inProcess(name, what, url));
    });
  }
  return { plain, ways };
}

async function inProcess(name: string, what: string, url: string): Promise<WayResult | string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import=tsx',
      CHILD,
      name,
      what,
      url,
      String(BYTES),
    ]);
    return JSON.parse(stdout) as WayResult;
  } catch (error) {
    return /^(?:Error|error): (.*)$/m.exec((error as { stderr?: string }).stderr ?? '')?.[1] ?? String(error);
  }
}

function rowsOf(name: string, runs: readonly Run[]): Row[] {
  return WHAT.map((what) => {
    const title = `PostgreSQL, 256 MiB, ${what} by ${name}, median of ${RUNS}`;
    const plain = median(runs.map((run) => run.plain[what]));
    const results = runs.map((run) => run.ways.get(`${what} by ${name}`) ?? 'did not run');
    const problem = results.find((result) => typeof result === 'string');
    const good = results.filter((result) => typeof result !== 'string');
    const baseline = `psql ${rate(plain)}`;
    if (problem !== undefined) return row(title, { figure: `fails: ${problem}`, baseline, ratio: '' });
    const seconds = median(good.map((result) => result.seconds));
    const mib = (of: (result: WayResult) => number): string => (median(good.map(of)) / MIB).toFixed(0);
    const memory = `+${mib((result) => result.aboveBytes)} MiB, server +${mib((result) => result.serverBytes)} MiB`;
    return row(title, {
      figure: `${rate(seconds)}, ${memory}`,
      baseline,
      ratio: (plain / seconds).toFixed(2),
    });
  });
}

function rate(seconds: number): string {
  return `${(BYTES / 1e6 / seconds).toFixed(0)} MB/s`;
}
