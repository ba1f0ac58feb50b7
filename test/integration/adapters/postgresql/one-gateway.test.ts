import { expect } from 'chai';
import { GatewayError } from '../../../../src/errors.ts';
import type { SnapshotStore } from '../../../../src/ports/snapshot-store.ts';
import {
  chunked,
  contentOf,
  KEY,
  placesOf,
  put,
  refusal,
  request,
  someBytes,
} from '../../../contract/snapshot-content.ts';
import { databaseServer } from '../../../support/postgres-server.ts';
import { openStore, TABLE } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

describe('The PostgreSQL store belongs to one gateway', () => {
  let database: TestDatabase;
  let stores: SnapshotStore[];

  before(async function () {
    this.timeout(60_000);
    await databaseServer();
  });
  beforeEach(async () => {
    database = await (await databaseServer()).createDatabase();
    stores = [];
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await database.drop();
  });

  const open = async (applicationName: string): Promise<SnapshotStore> => {
    const store = await openStore(database.url, { applicationName });
    stores.push(store);
    return store;
  };
  /** Ends the connections of a gateway that hold the lock, or the others, as the server's administrator could. */
  const terminate = (applicationName: string, which: 'with the lock' | 'without it'): Promise<unknown> =>
    database.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity a WHERE application_name = $1
       AND ${which === 'without it' ? 'NOT' : ''} EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'advisory')`,
      [applicationName],
    );
  const messageOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'it was taken',
      (error: unknown) => (error instanceof GatewayError ? `${error.code}: ${error.message}` : String(error)),
    );

  it('and a second one is told who has it, and knows nothing', async () => {
    const first = await open('crossdc-gateway dc1');
    await put(first, 1, 'one');
    const second = await open('crossdc-gateway dc9');
    expect(second.isKnown).to.equal(false);
    expect(second.rows()).to.deep.equal([]);
    expect(await messageOf(put(second, 2, 'two')))
      .to.match(/^store-unavailable: /)
      .and.contain('"crossdc-gateway dc1" from 127.0.0.1, since 2')
      .and.contain('dataSnapshotTableName');
    await put(first, 2, 'two');
    expect(placesOf(first)).to.deep.equal(['2 live', '1 live']);
  });

  it('but two tables of one database to two', async () => {
    const first = await open('crossdc-gateway dc1');
    const second = await openStore(database.url, { table: { schema: null, name: 'another' } });
    stores.push(second);
    await put(first, 1, 'one');
    await put(second, 1, 'another one');
    expect((await contentOf(second, KEY, 1)).toString()).to.equal('another one');
  });

  it('and the next one has it as soon as the first is closed', async () => {
    const first = await open('crossdc-gateway dc1');
    await put(first, 1, 'one');
    await first.close();
    const second = await open('crossdc-gateway dc1');
    expect(second.isKnown).to.equal(true);
    expect(placesOf(second)).to.deep.equal(['1 live']);
  });

  it('also when a restarted one comes before the server has noticed that the first is gone', async () => {
    const first = await open('crossdc-gateway dc1');
    await put(first, 1, 'one');
    const opening = open('crossdc-gateway dc1 again');
    await terminate('crossdc-gateway dc1', 'with the lock');
    const second = await opening;
    expect(second.isKnown).to.equal(true);
    expect(placesOf(second)).to.deep.equal(['1 live']);
  });

  it('and one that lost its lock to another writes nothing any more, small or large', async () => {
    const first = await open('first');
    await put(first, 1, 'one');
    for (const content of [someBytes(10), someBytes(2_500_000)]) {
      // As after a takeover that the first has not noticed: its connections are there, its number is an old one.
      await database.query(`UPDATE public.${TABLE}_meta SET value = (value::bigint + 1)::text WHERE name = 'holder'`);
      expect(await messageOf(put(first, 2, content))).to.contain('another gateway has taken the tables over');
      expect(await database.query(`SELECT version::int FROM public.${TABLE}`)).to.deep.equal([{ version: 1 }]);
      expect(await database.query(`SELECT count(*)::int AS n FROM public.${TABLE}_chunk`)).to.deep.equal([{ n: 1 }]);
      // The lock is still its own, so it may begin again.
      await put(first, 2, content);
      await first.remove(KEY, 2);
    }
  });

  it('and nothing that was begun under a lost lock is committed under a new one', async () => {
    const first = await open('first');
    let isHalfWay: () => void = () => undefined;
    const halfWay = new Promise<void>((resolve) => (isHalfWay = resolve));
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    async function* content(): AsyncGenerator<Uint8Array> {
      yield* chunked(someBytes(3_000_000));
      isHalfWay();
      await gate;
      yield* chunked(someBytes(100));
    }
    const putting = messageOf(first.put(request(5), content(), new AbortController().signal));
    await halfWay;
    await terminate('first', 'with the lock');
    const second = await open('second');
    await put(second, 9, 'newer');
    goOn();
    expect(await putting).to.match(/^store-unavailable: /);
    expect(placesOf(second)).to.deep.equal(['9 live']);
    expect(await refusal(put(first, 10, 'ten'))).to.equal('store-unavailable');
    await second.close();
    expect(await database.query(`SELECT version::int FROM public.${TABLE}`)).to.deep.equal([{ version: 9 }]);
  });

  it('and one that lost its lock condemns nothing that the other has removed', async () => {
    const first = await open('first');
    await put(first, 1, 'one');
    await database.query(`UPDATE public.${TABLE}_meta SET value = (value::bigint + 1)::text WHERE name = 'holder'`);
    await database.query(`DELETE FROM public.${TABLE}`);
    expect(await messageOf(first.open(KEY, 1))).to.contain('another gateway has taken the tables over');
    expect(placesOf(first)).to.deep.equal(['1 live']);
    expect(await refusal(first.open(KEY, 1))).to.equal('not-found');
  });

  it('and one that lost its connection, and nobody else came, goes on by itself with what is there now', async () => {
    const first = await open('first');
    await put(first, 1, 'one');
    const { generation } = first;
    await terminate('first', 'with the lock');
    await database.query(`DELETE FROM public.${TABLE}`);
    expect(first.isKnown).to.equal(true);
    expect(placesOf(first)).to.deep.equal(['1 live']);
    await first.probe();
    expect(first.rows()).to.deep.equal([]);
    expect(first.generation).to.be.greaterThan(generation);
  });
});
