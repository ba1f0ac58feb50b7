import { createReadStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSnapshotStore } from '../src/adapters/file/snapshot-store.ts';
import { PostgresSnapshotStore } from '../src/adapters/postgresql/snapshot-store.ts';
import { Keyring, NO_KEYS } from '../src/adapters/storage/keyring.ts';
import type { SnapshotStore } from '../src/ports/snapshot-store.ts';
import { keyringOf } from '../test/support/encryption-keys.ts';
import { PostgresServer } from '../test/support/postgres-server.ts';
import { storeOptions } from '../test/support/postgres-store.ts';
import { recordingLog } from '../test/unit/adapters/file/folder.ts';
import { blocks, MIB } from './support/content.ts';
import { withFolder } from './support/gateway.ts';
import { measured } from './support/memory.ts';
import { median, row, type Row } from './support/report.ts';

const BYTES = 256 * MIB;
const RUNS = 5;
/** The peak above what the process had before may not grow with the content. */
const MEMORY_MOST = 128 * MIB;

/** Of one run with one store and one keyring. */
interface Run {
  readonly writeSeconds: number;
  readonly readSeconds: number;
  readonly memory: number;
}

type Kind = 'file' | 'postgresql';
const FORMS: readonly (readonly ['plain' | 'encrypted', Keyring])[] = [
  ['plain', NO_KEYS],
  ['encrypted', keyringOf('0badcafe')],
];

/** What encryption at rest costs: the same bytes through the same store with and without it, in turn. */
export async function encryption(): Promise<Row[]> {
  const server = await PostgresServer.start({ durable: true });
  try {
    return await withFolder(async (folder) => {
      const source = join(folder, 'source');
      await writeFile(source, blocks(BYTES));
      const runs = new Map<string, Run[]>();
      const note = (kind: Kind, form: string, run: Run): void => {
        runs.set(`${kind} ${form}`, [...(runs.get(`${kind} ${form}`) ?? []), run]);
      };
      for (let run = 0; run < RUNS; run += 1) {
        for (const [form, keyring] of FORMS) {
          note('file', form, await inFiles(join(folder, `${run}-${form}`), source, keyring));
          note('postgresql', form, await inPostgres(server, source, keyring));
        }
      }
      return rowsOf((kind, form) => runs.get(`${kind} ${form}`) ?? []);
    });
  } finally {
    await server.dispose();
  }
}

async function inFiles(root: string, source: string, keyring: Keyring): Promise<Run> {
  await mkdir(root);
  const store = await FileSnapshotStore.open({ root, name: 'held', log: recordingLog(), wallMs: Date.now, keyring });
  const run = await through(store, source);
  await rm(root, { recursive: true });
  return run;
}

async function inPostgres(server: PostgresServer, source: string, keyring: Keyring): Promise<Run> {
  const database = await server.createDatabase();
  const store = await PostgresSnapshotStore.open(storeOptions(database.url, { keyring }));
  await server.query('CHECKPOINT');
  const run = await through(store, source);
  await database.drop();
  return run;
}

async function through(store: SnapshotStore, source: string): Promise<Run> {
  const key = { dataCenter: 'dc1', workload: 'dc1', origin: 'large' };
  const request = {
    key,
    version: () => 1,
    takenAt: () => new Date().toISOString(),
    position: null,
    labels: {},
    incarnation: 1,
    maxBytes: BYTES,
    expect: { bytes: null, sha256: null },
  };
  try {
    const write = await measured(async () => {
      const content: AsyncIterable<Buffer> = createReadStream(source, { highWaterMark: MIB });
      await store.put(request, content, new AbortController().signal);
    });
    const read = await measured(async () => {
      const reader = await store.open(key, 1);
      let bytes = 0;
      for await (const chunk of reader.stream()) bytes += chunk.byteLength;
      if (bytes !== BYTES) throw new Error(`${bytes} bytes were read`);
    });
    const memory = Math.max(write.aboveBytes, read.aboveBytes);
    return { writeSeconds: write.seconds, readSeconds: read.seconds, memory };
  } finally {
    await store.close();
  }
}

function rowsOf(runsOf: (kind: Kind, form: 'plain' | 'encrypted') => readonly Run[]): Row[] {
  const rate = (value: number): string => `${(BYTES / 1e6 / value).toFixed(0)} MB/s`;
  const STORES: readonly (readonly [Kind, string])[] = [
    ['file', 'file store'],
    ['postgresql', 'PostgreSQL store'],
  ];
  return STORES.flatMap(([kind, name]) => {
    const at = (form: 'plain' | 'encrypted', what: keyof Run): number =>
      median(runsOf(kind, form).map((run) => run[what]));
    const memory = Math.max(...runsOf(kind, 'encrypted').map((run) => run.memory));
    const rows = (
      [
        ['writeSeconds', 'writes'],
        ['readSeconds', 'verifies and reads'],
      ] as const
    ).map(([what, verb]) =>
      row(`${name}, encrypted, ${verb} 256 MiB, median of ${RUNS}`, {
        figure: rate(at('encrypted', what)),
        baseline: `not encrypted ${rate(at('plain', what))}`,
        ratio: (at('plain', what) / at('encrypted', what)).toFixed(2),
      }),
    );
    const plain = Math.max(...runsOf(kind, 'plain').map((run) => run.memory));
    return [
      ...rows,
      row(`${name}, encrypted, memory for 256 MiB, most of ${RUNS}`, {
        figure: `${(memory / MIB).toFixed(0)} MiB`,
        baseline: `not encrypted ${(plain / MIB).toFixed(0)} MiB`,
        ratio: (memory / Math.max(1, plain)).toFixed(2),
        demand: `at most ${MEMORY_MOST / MIB} MiB`,
        holds: memory <= MEMORY_MOST,
      }),
    ];
  });
}
