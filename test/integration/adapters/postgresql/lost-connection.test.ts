import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { PostgresSnapshotStore } from '../../../../src/adapters/postgresql/snapshot-store.ts';
import { GatewayError } from '../../../../src/errors.ts';
import {
  chunked,
  contentOf,
  KEY,
  keyOf,
  placesOf,
  put,
  refusal,
  request,
  someBytes,
} from '../../../contract/snapshot-content.ts';
import { PostgresServer } from '../../../support/postgres-server.ts';
import { connectionOf, openStore, TABLE } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

const LARGE = someBytes(8_500_000, 3);

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it was taken',
    (error: unknown) => (error instanceof GatewayError ? `${error.code}: ${error.message}` : String(error)),
  );

describe('The PostgreSQL store and a database that goes away', function () {
  this.timeout(90_000);
  let server: PostgresServer;
  let folder: string;
  let database: TestDatabase;
  let store: PostgresSnapshotStore;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-pg-data-'));
    server = await PostgresServer.start({ folder });
  });
  after(async () => {
    await server.dispose();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    database = await server.createDatabase();
    store = await openStore(database.url, { applicationName: 'the gateway' });
    await put(store, 1, LARGE);
  });
  afterEach(async () => {
    await server.resume();
    await server.start();
    await server.configure({ synchronous_standby_names: '', default_transaction_read_only: 'off' });
    await store.close();
    await database.drop();
  });

  /** Ends the connections whose last statement is such a one, once there is one. @returns how many */
  const terminate = async (statement: string, condition = 'true'): Promise<number> => {
    for (;;) {
      const ended = await database.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE application_name = 'the gateway' AND query LIKE $1 AND ${condition}`,
        [statement],
      );
      if (ended.length > 0) return ended.length;
    }
  };
  const rowsInTable = (): Promise<unknown[]> =>
    database.query(`SELECT version::int AS version FROM public.${TABLE} WHERE damaged IS NULL ORDER BY 1`);

  it('in the middle of an upload: nothing is left, and the next one is taken', async () => {
    let isHalfWay: () => void = () => undefined;
    const halfWay = new Promise<void>((resolve) => (isHalfWay = resolve));
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    async function* content(): AsyncGenerator<Uint8Array> {
      yield* chunked(LARGE.subarray(0, 5_000_000));
      isHalfWay();
      await gate;
      yield* chunked(LARGE.subarray(5_000_000));
    }
    const putting = messageOf(store.put(request(2), content(), new AbortController().signal));
    await halfWay;
    expect(await terminate('INSERT INTO %_chunk"%')).to.equal(1);
    goOn();
    expect(await putting).to.match(/^store-unavailable: .*(shutting down|terminated|lost|ECONNRESET|EPIPE)/);
    expect(await database.query(`SELECT DISTINCT snapshot::int AS id FROM public.${TABLE}_chunk`)).to.deep.equal([
      { id: 1 },
    ]);
    await put(store, 2, LARGE);
    expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
  });

  it('in the middle of a read: the reader is told, and what is read again is whole', async () => {
    const reader = await store.open(KEY, 1);
    const reading = (async () => {
      let bytes = 0;
      for await (const chunk of reader.stream()) {
        if (bytes === 0) await terminate('COPY%TO STDOUT%');
        bytes += chunk.byteLength;
      }
      return bytes;
    })();
    expect(await messageOf(reading)).to.match(/^store-unavailable: /);
    await reader.close();
    expect((await contentOf(store, KEY, 1)).equals(LARGE)).to.equal(true);
    expect(placesOf(store)).to.deep.equal(['1 live']);
  });

  for (const size of [10, 2_500_000]) {
    it(`while ${size} bytes are being committed, which then is done or not: the store looks before it goes on`, async () => {
      // A COMMIT that waits for a replica is durable here, and its answer never comes.
      await server.configure({ synchronous_standby_names: 'nobody' });
      const putting = messageOf(put(store, 2, someBytes(size)));
      await terminate('COMMIT', "state = 'active' AND wait_event = 'SyncRep'");
      expect(await putting).to.match(/^store-unavailable: /);
      await server.configure({ synchronous_standby_names: '' });
      expect(await rowsInTable()).to.deep.equal([{ version: 1 }, { version: 2 }]);
      expect(placesOf(store)).to.deep.equal(['1 live']);
      expect(await refusal(put(store, 2, 'other'))).to.equal('version-conflict');
      expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      expect((await contentOf(store, KEY, 2)).equals(someBytes(size))).to.equal(true);
    });
  }

  for (const how of ['stop', 'immediate', 'kill'] as const) {
    it(`after "${how}" of the server: rows stay known, work is refused at once, and goes on without a restart`, async () => {
      await server[how]();
      expect(store.isKnown).to.equal(true);
      expect(placesOf(store)).to.deep.equal(['1 live']);
      for (const work of [
        () => put(store, 2, 'two'),
        () => put(store, 2, LARGE),
        () => store.open(KEY, 1),
        () => store.move(KEY, 1, { place: 'set-aside', reason: null }),
        () => store.damaged(),
        () => store.probe(),
      ]) {
        expect(await refusal(work())).to.equal('store-unavailable');
      }
      expect(placesOf(store)).to.deep.equal(['1 live']);
      await server.start();
      await recovered();
      expect((await contentOf(store, KEY, 1)).equals(LARGE)).to.equal(true);
      await put(store, 2, LARGE);
      expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
    });
  }

  it('before the store is opened: it opens, knows nothing, and learns it when the database is there', async () => {
    await store.close();
    await server.stop();
    store = await openStore(database.url);
    expect(store.isKnown).to.equal(false);
    expect(store.rows()).to.deep.equal([]);
    expect(await refusal(put(store, 2, 'two'))).to.equal('store-unavailable');
    await server.start();
    await recovered();
    expect(store.isKnown).to.equal(true);
    expect(placesOf(store)).to.deep.equal(['1 live']);
  });

  it('by standing still: every use ends, and when it goes on so does the store', async () => {
    await store.close();
    const patience = { connectMs: 1000, statementMs: 2000 };
    store = await openStore(database.url, { applicationName: 'the gateway', patience });
    const reader = await store.open(KEY, 1);
    await server.pause();
    const began = performance.now();
    const read = (async () => {
      for await (const _ of reader.stream());
    })();
    const said = await Promise.all(
      [read, put(store, 2, 'two'), put(store, 2, LARGE), store.open(KEY, 1), store.probe()].map(messageOf),
    );
    for (const one of said) expect(one).to.match(/^store-unavailable: /);
    expect(await refusal(store.probe())).to.equal('store-unavailable');
    expect(performance.now() - began).to.be.lessThan(15_000);
    await server.resume();
    await recovered();
    expect(placesOf(store)).to.deep.equal(['1 live']);
    await put(store, 2, LARGE);
  });

  it('by taking no writes any more, and says so; a second server that does is used instead', async () => {
    await server.configure({ default_transaction_read_only: 'on' });
    await database.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'the gateway'`,
    );
    expect(await messageOf(put(store, 2, 'two'))).to.match(/^store-unavailable: .*takes no writes/);
    expect(placesOf(store)).to.deep.equal(['1 live']);
    const other = await PostgresServer.start();
    try {
      const [first, second] = [connectionOf(database.url), connectionOf(other.url())];
      const both = await openStore(database.url, {
        connection: { ...first, hosts: [...first.hosts, ...second.hosts], database: 'postgres' },
        table: { schema: 'held', name: TABLE },
      }).catch((error: unknown) => error);
      expect(both).to.have.property('isKnown', false);
      await other.query('GRANT CREATE ON DATABASE postgres TO crossdc');
      await (both as PostgresSnapshotStore).close();
      const again = await openStore(database.url, {
        connection: { ...first, hosts: [...first.hosts, ...second.hosts], database: 'postgres' },
        table: { schema: 'held', name: TABLE },
      });
      expect(again.isKnown).to.equal(true);
      await put(again, 1, 'on the second');
      await again.close();
    } finally {
      await other.dispose();
    }
  });

  it('by having no connection left for a part of the work: it makes do with those it has', async () => {
    await database.query(`ALTER DATABASE ${database.name} CONNECTION LIMIT 3`);
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        put(store, 1, someBytes(i % 3 === 0 ? 2_500_000 : 100, i), { key: keyOf(`o${i}`) }),
      ),
    );
    expect(store.rows().length).to.equal(13);
    await database.query(`ALTER DATABASE ${database.name} CONNECTION LIMIT 0`);
    await database.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'the gateway'`,
    );
    expect(await messageOf(store.probe())).to.match(/^store-unavailable: .*no free connection/);
    await database.query(`ALTER DATABASE ${database.name} CONNECTION LIMIT -1`);
    await recovered();
  });

  it('but a page that its disk has spoilt costs that version alone', async () => {
    await put(store, 2, 'two');
    const [file] = await database.query<{ path: string }>(
      `SELECT pg_relation_filepath(reltoastrelid) AS path FROM pg_class WHERE oid = 'public.${TABLE}_chunk'::regclass`,
    );
    await server.stop();
    const path = join(folder, 'data', file!.path);
    const bytes = readFileSync(path);
    bytes.fill(0xff, 8192 * 20, 8192 * 20 + 64);
    writeFileSync(path, bytes);
    await server.start();
    await recovered();
    expect(await refusal(store.open(KEY, 1))).to.equal('snapshot-damaged');
    expect(placesOf(store)).to.deep.equal(['2 live', '1 lost']);
    expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
    await put(store, 3, LARGE);
  });

  /** The store works again; a login that failed a moment ago is not tried at once. */
  async function recovered(): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const said = await messageOf(store.probe());
      if (said === 'it was taken') return;
      if (performance.now() > deadline) throw new Error(`the store did not recover: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
