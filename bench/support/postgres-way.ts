import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from, to } from 'pg-copy-streams';
import { blocks, COPY_HEADER, COPY_TRAILER, copyRow, MIB } from './content.ts';
import { measured, resident, type Measured } from './memory.ts';

/** One way to keep a content in PostgreSQL; each writes a whole one within a transaction, and reads it. */
interface Way {
  readonly write: (client: Client, bytes: number) => Promise<void>;
  /** @returns how many bytes there were */
  readonly read: (client: Client, bytes: number) => Promise<number>;
}

export interface WayResult extends Measured {
  /** The same of the server's process for the connection. */
  readonly serverBytes: number;
}

const INV_READ_AND_WRITE = 0x60000;
const TABLE = 'way';

const insertRow = (client: Client, number: number, bytes: Buffer): Promise<unknown> =>
  client.query({ name: 'insert', text: `INSERT INTO ${TABLE} VALUES (1, $1, $2)`, values: [number, bytes] });

const readRow = async (client: Client, number: number): Promise<number> => {
  const text = `SELECT bytes FROM ${TABLE} WHERE snapshot = 1 AND number = $1`;
  const { rows } = await client.query<{ bytes: Buffer }>({ name: 'select', text, values: [number] });
  return rows[0]?.bytes.byteLength ?? 0;
};

const openObject = async (client: Client): Promise<number> => {
  const text = `SELECT lo_open((SELECT number FROM ${TABLE}), ${INV_READ_AND_WRITE}) AS fd`;
  return (await client.query<{ fd: number }>(text)).rows[0]!.fd;
};

const copyIn = (client: Client, rows: Iterable<Buffer>): Promise<void> => {
  function* message(): Generator<Buffer> {
    yield COPY_HEADER;
    yield* rows;
    yield COPY_TRAILER;
  }
  return pipeline(message, client.query(from(`COPY ${TABLE} FROM STDIN (FORMAT binary)`)));
};

const readByCopy = async (client: Client): Promise<number> => {
  const text = `COPY (SELECT bytes FROM ${TABLE} WHERE snapshot = 1 ORDER BY number) TO STDOUT (FORMAT binary)`;
  const copy = client.query(to(text));
  let sum = 0;
  copy.on('data', (chunk: Buffer) => (sum += chunk.byteLength));
  await once(copy, 'end');
  return sum;
};

function* copyRows(bytes: number): Generator<Buffer> {
  let number = 0;
  for (const block of blocks(bytes)) yield copyRow(1n, number++, block);
}

function* groupsOf<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

const WAYS: Readonly<Record<string, Way>> = {
  'COPY of rows of 1 MiB': {
    write: (client, bytes) => copyIn(client, copyRows(bytes)),
    read: readByCopy,
  },
  'COPY of 8 rows of 1 MiB at a time': {
    write: async (client, bytes) => {
      for (const rows of groupsOf(copyRows(bytes), 8)) await copyIn(client, rows);
    },
    read: readByCopy,
  },
  'INSERT of rows of 1 MiB': {
    write: async (client, bytes) => {
      let number = 0;
      for (const block of blocks(bytes)) await insertRow(client, number++, block);
    },
    read: async (client, bytes) => {
      let sum = 0;
      for (let number = 0; number * MIB < bytes; number += 1) sum += await readRow(client, number);
      return sum;
    },
  },
  'large object, 1 MiB at a time': {
    write: async (client, bytes) => {
      await client.query(`INSERT INTO ${TABLE} VALUES (1, lo_create(0)::bigint::integer, '')`);
      const fd = await openObject(client);
      for (const block of blocks(bytes)) {
        await client.query({ name: 'write', text: 'SELECT lowrite($1, $2)', values: [fd, block] });
      }
    },
    read: async (client) => {
      const fd = await openObject(client);
      for (let sum = 0; ;) {
        const query = { name: 'read', text: `SELECT loread($1, ${MIB}) AS bytes`, values: [fd] };
        const length = (await client.query<{ bytes: Buffer }>(query)).rows[0]!.bytes.byteLength;
        if (length === 0) return sum;
        sum += length;
      }
    },
  },
  'one row': {
    write: async (client, bytes) => {
      await insertRow(client, 0, Buffer.concat([...blocks(bytes)]));
    },
    read: async (client) => readRow(client, 0),
  },
};

export const WAY_NAMES: readonly string[] = Object.keys(WAYS);

/** In one transaction, its end included. @param what write or read: what was written before, on a connection of its own */
export async function tryWay(name: string, what: string, url: string, bytes: number): Promise<WayResult> {
  const way = WAYS[name];
  if (way === undefined) throw new Error(`there is no way "${name}"`);
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const server = rows[0]!.pid;
    const idle = resident(server, 'VmRSS');
    const ours = await measured(async () => {
      await client.query('BEGIN');
      if (what === 'write') await way.write(client, bytes);
      else if ((await way.read(client, bytes)) < bytes) throw new Error(`not all of ${bytes} bytes were read`);
      await client.query('COMMIT');
    });
    return { ...ours, serverBytes: Math.max(0, resident(server, 'VmHWM') - idle) };
  });
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
