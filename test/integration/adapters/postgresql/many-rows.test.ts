import { expect } from 'chai';
import type { StoredSnapshot } from '../../../../src/core/snapshot.ts';
import { ROW_COLUMNS, valuesOf } from '../../../../src/adapters/postgresql/stored-row.ts';
import { keyOf, put, refusal, sha256Of } from '../../../contract/snapshot-content.ts';
import { databaseServer } from '../../../support/postgres-server.ts';
import { openStore, TABLE } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

const ORIGINS = 50_000;
const ROWS = 2 * ORIGINS;
const AT_ONCE = 10_000;

describe('The PostgreSQL store with a hundred thousand versions', function () {
  this.timeout(120_000);
  let database: TestDatabase;

  const row = (i: number): StoredSnapshot => ({
    key: keyOf(`origin ${i % ORIGINS}`),
    version: 1 + Math.floor(i / ORIGINS),
    bytes: 0,
    sha256: sha256Of(''),
    takenAt: '2026-01-02T03:04:05.678Z',
    position: `offset ${i}`,
    labels: { shard: String(i) },
    withdrawn: false,
    place: 'live',
    deliveredBy: null,
    incarnation: 1,
    storedAt: '2026-01-02T03:04:05.678Z',
    placedAt: '2026-01-02T03:04:05.678Z',
    reason: null,
  });

  before(async () => {
    database = await (await databaseServer()).createDatabase();
    await (await openStore(database.url)).close();
    const columns = ROW_COLUMNS.join(', ');
    for (let at = 0; at < ROWS; at += AT_ONCE) {
      const documents = Array.from({ length: AT_ONCE }, (_, i) => {
        const values = valuesOf(row(at + i));
        return Object.fromEntries(ROW_COLUMNS.map((column, c) => [column, values[c]]));
      });
      await database.query(
        `INSERT INTO public.${TABLE} (${columns})
         SELECT ${columns} FROM json_populate_recordset(NULL::public.${TABLE}, $1::json)`,
        [JSON.stringify(documents)],
      );
    }
  });
  after(() => database.drop());

  it('reads them all, and lets other work have its turn meanwhile', async () => {
    let turns = 0;
    let isOpening = true;
    const turn = (): void => {
      turns += 1;
      if (isOpening) setImmediate(turn);
    };
    setImmediate(turn);
    const store = await openStore(database.url);
    // So many rows take longer than a start waits for; whoever uses the store waits for them.
    await store.probe();
    isOpening = false;
    expect(store.rows().length).to.equal(ROWS);
    expect(turns).to.be.greaterThan(100);
    expect(store.rowsOf(keyOf('origin 77')).map(({ version, position }) => [version, position])).to.deep.equal([
      [2, `offset ${ORIGINS + 77}`],
      [1, 'offset 77'],
    ]);
    await put(store, 3, 'three', { key: keyOf('origin 77') });
    expect(store.rows().length).to.equal(ROWS + 1);
    await store.remove(keyOf('origin 77'), 3);
    await store.close();
  });

  it('and takes no further origin than it may have', async () => {
    const store = await openStore(database.url, { maxOrigins: ORIGINS });
    expect(await refusal(put(store, 1, 'x', { key: keyOf('one more') }))).to.equal('store-full');
    await store.close();
  });
});
