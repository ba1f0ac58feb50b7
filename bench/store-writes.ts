import { createReadStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSnapshotStore } from '../src/adapters/file/snapshot-store.ts';
import { PostgresSnapshotStore } from '../src/adapters/postgresql/snapshot-store.ts';
import type { SnapshotStore } from '../src/ports/snapshot-store.ts';
import { PostgresServer } from '../test/support/postgres-server.ts';
import { storeOptions } from '../test/support/postgres-store.ts';
import { recordingLog } from '../test/unit/adapters/file/folder.ts';
import { blocks, MIB, writeCopyFile } from './support/content.ts';
import { withFolder } from './support/gateway.ts';
import { createPlainTable, PLAIN_TABLE, psqlSeconds } from './support/psql.ts';
import { median, ms, row, type Row } from './support/report.ts';

const LARGE_BYTES = 256 * MIB;
const SMALL_BYTES = 4096;
const SMALL_COUNT = 200;
const RUNS = 3;

/** Seconds of one run. */
interface Run {
  readonly large: number;
  readonly read: number;
  readonly small: number;
}

/** What the stores are given: the same bytes in the form that each of them reads. */
interface Material {
  readonly folder: string;
  readonly large: string;
  readonly largeCopy: string;
  readonly small: readonly Buffer[];
  /** A script for psql: a COPY with a commit of its own for each of the small ones. */
  readonly smallScript: string;
}

/** The stores' speed beside psql's, which copies the same bytes with as many commits, all durable, in turn. */
export async function storeWrites(): Promise<Row[]> {
  const server = await PostgresServer.start({ durable: true });
  try {
    return await withFolder(async (folder) => {
      const material = await prepare(folder);
      const runs: Record<'psql' | 'postgresql' | 'file', Run>[] = [];
      for (let run = 0; run < RUNS; run += 1) {
        runs.push({
          psql: await onPlainTable(server, material),
          postgresql: await inPostgres(server, material),
          file: await inFiles(join(folder, `store-${run}`), material),
        });
      }
      return rowsOf(runs);
    });
  } finally {
    await server.dispose();
  }
}

async function prepare(folder: string): Promise<Material> {
  const large = join(folder, 'large');
  await writeFile(large, blocks(LARGE_BYTES));
  const largeCopy = join(folder, 'large.copy');
  await writeCopyFile(largeCopy, blocks(LARGE_BYTES));
  const small = Array.from({ length: SMALL_COUNT }, () => Buffer.concat([...blocks(SMALL_BYTES)]));
  const script: string[] = [];
  for (const [index, content] of small.entries()) {
    const file = join(folder, `small-${index}.copy`);
    await writeCopyFile(file, [content], BigInt(index + 2));
    script.push(`\\copy ${PLAIN_TABLE} from '${file}' with (format binary)\n`);
  }
  const smallScript = join(folder, 'small.sql');
  await writeFile(smallScript, script.join(''));
  return { folder, large, largeCopy, small, smallScript };
}

async function onPlainTable(server: PostgresServer, { largeCopy, smallScript }: Material): Promise<Run> {
  const database = await server.createDatabase();
  await createPlainTable(database);
  await server.query('CHECKPOINT');
  const { url } = database;
  const large = await psqlSeconds(url, ['-c', `\\copy ${PLAIN_TABLE} from '${largeCopy}' with (format binary)`]);
  const read = await psqlSeconds(url, ['-c', `\\copy ${PLAIN_TABLE} to '/dev/null' with (format binary)`]);
  const small = await psqlSeconds(url, ['-f', smallScript]);
  await database.drop();
  return { large, read, small };
}

async function inPostgres(server: PostgresServer, material: Material): Promise<Run> {
  const database = await server.createDatabase();
  const store = await PostgresSnapshotStore.open(storeOptions(database.url));
  await server.query('CHECKPOINT');
  const run = await through(store, material);
  await database.drop();
  return run;
}

async function inFiles(root: string, material: Material): Promise<Run> {
  await mkdir(root);
  const store = await FileSnapshotStore.open({ root, name: 'held', log: recordingLog(), wallMs: Date.now });
  const run = await through(store, material);
  await rm(root, { recursive: true });
  return run;
}

async function through(store: SnapshotStore, { large, small }: Material): Promise<Run> {
  const key = { dataCenter: 'dc1', workload: 'dc1', origin: 'large' };
  const put = async (origin: string, content: AsyncIterable<Uint8Array>): Promise<number> => {
    const { version } = await store.put(
      {
        key: { ...key, origin },
        version: () => 1,
        takenAt: () => new Date().toISOString(),
        position: null,
        labels: {},
        incarnation: 1,
        maxBytes: LARGE_BYTES,
        expect: { bytes: null, sha256: null },
      },
      content,
      new AbortController().signal,
    );
    return version;
  };
  try {
    return {
      large: await seconds(() => put('large', createReadStream(large, { highWaterMark: MIB }))),
      read: await seconds(async () => {
        const reader = await store.open(key, 1);
        let bytes = 0;
        for await (const chunk of reader.stream()) bytes += chunk.byteLength;
        if (bytes !== LARGE_BYTES) throw new Error(`${bytes} bytes were read`);
      }),
      small: await seconds(async () => {
        for (const [index, content] of small.entries()) await put(`small-${index}`, once(content));
      }),
    };
  } finally {
    await store.close();
  }
}

async function* once(content: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(content);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return (performance.now() - before) / 1000;
}

function rowsOf(runs: readonly Record<'psql' | 'postgresql' | 'file', Run>[]): Row[] {
  const at = (store: 'psql' | 'postgresql' | 'file', what: keyof Run): number =>
    median(runs.map((run) => run[store][what]));
  const rate = (value: number): string => `${(LARGE_BYTES / 1e6 / value).toFixed(0)} MB/s`;
  const each = (value: number): string => ms((value * 1000) / SMALL_COUNT);
  const STORES = [
    ['postgresql', 'PostgreSQL store'],
    ['file', 'file store'],
  ] as const;
  return STORES.flatMap(([store, name]) =>
    (
      [
        ['large', `writes 256 MiB, median of ${RUNS}`, rate],
        ['read', `verifies and reads 256 MiB, median of ${RUNS}`, rate],
        ['small', `writes 4 KiB, mean of ${SMALL_COUNT}, median of ${RUNS}`, each],
      ] as const
    ).map(([what, title, text]) =>
      row(`${name} ${title}`, {
        figure: text(at(store, what)),
        baseline: `psql COPY ${text(at('psql', what))}`,
        ratio: (at('psql', what) / at(store, what)).toFixed(2),
      }),
    ),
  );
}
