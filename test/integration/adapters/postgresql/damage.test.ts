import { expect } from 'chai';
import type { SnapshotKey } from '../../../../src/core/snapshot.ts';
import type { PostgresSnapshotStore } from '../../../../src/adapters/postgresql/snapshot-store.ts';
import { contentOf, KEY, placesOf, put, refusal, someBytes } from '../../../contract/snapshot-content.ts';
import { databaseServer } from '../../../support/postgres-server.ts';
import { openStore, TABLE } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

const ROWS = `public.${TABLE}`;
const CHUNKS = `public.${TABLE}_chunk`;
const LARGE = someBytes(3_500_000, 7);

describe('The PostgreSQL store notices what was changed behind its back', () => {
  let database: TestDatabase;
  let store: PostgresSnapshotStore;
  let found: { key: SnapshotKey; version: number; reason: string }[];

  const reopen = async (): Promise<void> => {
    store = await openStore(database.url, { onDamage: (damage) => found.push(damage) });
  };
  before(async function () {
    this.timeout(60_000);
    await databaseServer();
  });
  beforeEach(async () => {
    database = await (await databaseServer()).createDatabase();
    found = [];
    await reopen();
    await put(store, 1, 'one');
    await put(store, 2, LARGE, { labels: { a: 'b' }, position: 'p' });
  });
  afterEach(async () => {
    await store.close();
    await database.drop();
  });

  const OF_TWO = `snapshot = (SELECT id FROM ${ROWS} WHERE version = 2)`;
  const WITHOUT_KEY = `ALTER TABLE ${CHUNKS} DROP CONSTRAINT ${TABLE}_chunk_pkey`;
  const CONTENT: readonly (readonly [string, readonly string[]])[] = [
    ['a piece is gone', [`DELETE FROM ${CHUNKS} WHERE number = 1 AND ${OF_TWO}`]],
    ['the last piece is gone', [`DELETE FROM ${CHUNKS} WHERE number = 3 AND ${OF_TWO}`]],
    ['every piece is gone', [`DELETE FROM ${CHUNKS} WHERE ${OF_TWO}`]],
    [
      'a byte is another',
      [`UPDATE ${CHUNKS} SET bytes = set_byte(bytes, 9, get_byte(bytes, 9) # 4) WHERE number = 2 AND ${OF_TWO}`],
    ],
    ['a piece is shorter', [`UPDATE ${CHUNKS} SET bytes = substr(bytes, 2) WHERE number = 2 AND ${OF_TWO}`]],
    ['a piece is longer', [`UPDATE ${CHUNKS} SET bytes = bytes || '\\x00' WHERE number = 3 AND ${OF_TWO}`]],
    ['a piece is empty', [`UPDATE ${CHUNKS} SET bytes = '' WHERE number = 0 AND ${OF_TWO}`]],
    [
      'a piece is of a size that would fill the memory',
      [`UPDATE ${CHUNKS} SET bytes = decode(repeat('00', 100000000), 'hex') WHERE number = 0 AND ${OF_TWO}`],
    ],
    [
      'two pieces have changed places',
      [WITHOUT_KEY, `UPDATE ${CHUNKS} SET number = 3 - number WHERE number IN (1, 2) AND ${OF_TWO}`],
    ],
    [
      'a piece is there twice',
      [WITHOUT_KEY, `INSERT INTO ${CHUNKS} SELECT * FROM ${CHUNKS} WHERE number = 1 AND ${OF_TWO}`],
    ],
    [
      'a piece comes after the last',
      [`INSERT INTO ${CHUNKS} SELECT snapshot, 4, '\\x00' FROM ${CHUNKS} WHERE number = 1 AND ${OF_TWO}`],
    ],
    [
      'a piece comes before the first',
      [`INSERT INTO ${CHUNKS} SELECT snapshot, -1, '\\x00' FROM ${CHUNKS} WHERE number = 1 AND ${OF_TWO}`],
    ],
    ['the row is gone', [`DELETE FROM ${ROWS} WHERE version = 2`]],
  ];
  for (const [what, statements] of CONTENT) {
    it(`when ${what}: the version is lost, kept, and can be filled again`, async () => {
      for (const statement of statements) await database.query(statement);
      expect(await refusal(store.open(KEY, 2))).to.equal('snapshot-damaged');
      expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
      await store.close();
      await reopen();
      expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
      expect((await contentOf(store, KEY, 1)).toString()).to.equal('one');
      const kept = await store.damaged();
      expect(kept.length).to.equal(what === 'the row is gone' ? 0 : 1);
      await put(store, 2, LARGE);
      expect((await contentOf(store, KEY, 2)).equals(LARGE)).to.equal(true);
      for (const { id } of kept) await store.discardDamaged(id);
      const rest = await database.query(`SELECT number FROM ${CHUNKS} WHERE NOT ${OF_TWO}`);
      expect(rest).to.deep.equal([{ number: 0 }]);
      expect(found).to.deep.equal([]);
    });
  }

  it('when the background reading finds it first', async () => {
    await database.query(`DELETE FROM ${CHUNKS} WHERE number = 3 AND ${OF_TWO}`);
    let bytes = 0;
    const pace = async (read: number): Promise<void> => {
      bytes += read;
      await Promise.resolve();
    };
    expect(await refusal(store.verify(KEY, 2, pace))).to.equal('snapshot-damaged');
    expect(bytes).to.equal(3 << 20);
    expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
  });

  const ALTERED: readonly (readonly [string, string])[] = [
    ['version', 'version = 3'],
    ['digest', `sha256 = repeat('0', 64)`],
    ['length', 'bytes = 7'],
    ['origin', `origin = 'another'`],
    ['data centre', `data_center = 'dc9'`],
    ['place', `place = 'quarantined'`],
    ['place, to one that is none', `place = 'somewhere'`],
    ['labels', `labels = '{"a":"c"}'`],
    ['labels, to no JSON', `labels = 'nonsense'`],
    ['position', 'position = NULL'],
    ['delivery', `delivered_by = 'd9'`],
    ['seal', `seal = ''`],
  ];
  for (const [what, change] of ALTERED) {
    it(`when a row's ${what} is another: it is not offered, it is told and kept, and the version can come again`, async () => {
      await store.close();
      await database.query(`UPDATE ${ROWS} SET ${change} WHERE version = 2`);
      await reopen();
      expect(store.isKnown).to.equal(true);
      expect(placesOf(store)).to.deep.equal(['1 live']);
      expect(store.rows().length).to.equal(1);
      expect(found.length).to.equal(1);
      expect(found[0]?.reason).to.contain('its row in the table was changed');
      const kept = await store.damaged();
      expect(kept.map(({ bytes, reason }) => [bytes, reason])).to.deep.equal([[LARGE.byteLength, found[0]?.reason]]);
      await put(store, 2, LARGE);
      await store.close();
      await reopen();
      expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      expect(found.length).to.equal(1);
    });
  }

  it('when rows were changed while it runs: it reads them again and goes on', async () => {
    await database.query(`DELETE FROM ${ROWS} WHERE version = 1`);
    expect(await refusal(store.move(KEY, 1, { place: 'set-aside', reason: null }))).to.equal('store-unavailable');
    await store.move(KEY, 1, { place: 'set-aside', reason: null });
    expect(placesOf(store)).to.deep.equal(['2 live']);
    await database.query(`INSERT INTO ${ROWS} (data_center, workload, origin, version, bytes, sha256, taken_at, labels, withdrawn,
      place, incarnation, stored_at, placed_at, seal) SELECT data_center, workload, origin, 5, bytes, sha256, taken_at, labels,
      withdrawn, place, incarnation, stored_at, placed_at, seal FROM ${ROWS}`);
    expect(await refusal(put(store, 5, 'five'))).to.equal('store-unavailable');
    await put(store, 5, 'five');
    expect(placesOf(store)).to.deep.equal(['5 live', '2 live']);
    expect(found.map(({ version }) => version)).to.deep.equal([5]);
  });

  it('but loses nothing when the tables are away as a whole', async () => {
    await database.query(`ALTER TABLE ${CHUNKS} RENAME TO elsewhere`);
    expect(await refusal(store.open(KEY, 2))).to.equal('store-unavailable');
    await database.query(`ALTER TABLE public.elsewhere RENAME TO ${TABLE}_chunk`);
    expect((await contentOf(store, KEY, 2)).equals(LARGE)).to.equal(true);
    expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
  });
});
