import { expect } from 'chai';
import { checkDatabase } from '../../../../src/adapters/postgresql/check.ts';
import { GatewayError } from '../../../../src/errors.ts';
import { put } from '../../../contract/snapshot-content.ts';
import { databaseServer } from '../../../support/postgres-server.ts';
import { openStore, storeOptions, TABLE } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

describe('The PostgreSQL store, where its tables should be', () => {
  let database: TestDatabase;

  before(async function () {
    this.timeout(60_000);
    await databaseServer();
  });
  beforeEach(async () => {
    database = await (await databaseServer()).createDatabase();
  });
  afterEach(() => database.drop());

  /** Both the store and the check refuse it alike, and nothing in the database is another afterwards. */
  async function foreign(change: Parameters<typeof openStore>[1] = {}): Promise<string> {
    const state = (): Promise<unknown> =>
      database.query(`SELECT c.oid, c.relname, c.relkind, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                      WHERE c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%') ORDER BY 1, 4`);
    const before = await state();
    const details = await Promise.all(
      [openStore(database.url, change), checkDatabase(storeOptions(database.url, change))].map(async (work) => {
        const error: unknown = await work.then(
          () => new Error('it was taken'),
          (reason: unknown) => reason,
        );
        if (!(error instanceof GatewayError)) throw error;
        expect(error.code).to.equal('store-foreign');
        return error.message;
      }),
    );
    expect(await state()).to.deep.equal(before);
    expect(details[0]).to.equal(details[1]);
    return details[0] ?? '';
  }

  for (const columns of [
    'id, replicationTime, snapshot',
    '"ID", "REPLICATIONTIME", "SNAPSHOT"',
    '"Id", "replicationTime", "Snapshot"',
  ]) {
    it(`refuses a table of the IBM toolkit with the columns ${columns}, says what to do and leaves it alone`, async () => {
      const [id, time, bytes] = columns.split(', ');
      await database.query(
        `CREATE TABLE public.${TABLE} (${id} varchar(100) PRIMARY KEY, ${time} timestamp, ${bytes} bytea)`,
      );
      await database.query(`INSERT INTO public.${TABLE} VALUES ('dc2', now(), 'x')`);
      expect(await foreign())
        .to.contain('toolkit')
        .and.contain(`"public"."${TABLE}"`)
        .and.contain('Give dataSnapshotTableName another name');
      expect(await database.query(`SELECT count(*)::int AS n FROM public.${TABLE}`)).to.deep.equal([{ n: 1 }]);
    });
  }

  it('refuses any other table, and a view', async () => {
    await database.query(`CREATE TABLE public.${TABLE} (a int, b int)`);
    expect(await foreign()).to.contain('its columns: a, b');
    await database.query(`DROP TABLE public.${TABLE}`);
    await database.query(`CREATE VIEW public.${TABLE} AS SELECT 1 AS one`);
    expect(await foreign()).to.contain('its columns: one');
  });

  it("refuses somebody else's table under one of the names that it derives", async () => {
    await database.query(`CREATE TABLE public.${TABLE}_meta (name text, value text)`);
    await database.query(`GRANT SELECT ON public.${TABLE}_meta TO PUBLIC`);
    expect(await foreign()).to.contain(`${TABLE}_meta`);
    await database.query(`DROP TABLE public.${TABLE}_meta`);
    await database.query(`CREATE TABLE public.${TABLE}_chunk (name text)`);
    expect(await foreign()).to.contain(`${TABLE}_chunk`);
  });

  it('refuses tables of a newer version of this program by name', async () => {
    await (await openStore(database.url)).close();
    await database.query(`UPDATE public.${TABLE}_meta SET value = '7' WHERE name = 'schema'`);
    await database.query(`ALTER TABLE public.${TABLE} RENAME COLUMN reason TO cause`);
    expect(await foreign())
      .to.contain('form 7')
      .and.contain('this program knows 2')
      .and.contain('newer version');
  });

  it('refuses tables of which one, or a column, is missing', async () => {
    await (await openStore(database.url)).close();
    await database.query(`ALTER TABLE public.${TABLE} DROP COLUMN seal`);
    expect(await foreign()).to.contain('no column "seal"');
    await database.query(`DROP TABLE public.${TABLE}_chunk`);
    expect(await foreign()).to.contain(`"${TABLE}_chunk" is missing`);
  });

  it('says which key column the table was made with', async () => {
    await (await openStore(database.url, { keyColumn: 'Key' })).close();
    expect(await foreign())
      .to.contain('no column "id"')
      .and.contain('probably "Key"');
  });

  it('refuses a database in another encoding', async () => {
    await database.drop();
    database = await (await databaseServer()).createDatabase({ encoding: 'LATIN1' });
    expect(await foreign())
      .to.contain('LATIN1')
      .and.contain("ENCODING 'UTF8'");
  });

  it('refuses names that cannot be', async () => {
    expect(await foreign({ table: { schema: null, name: 'x'.repeat(58) } })).to.contain('1 to 57 bytes');
    expect(await foreign({ table: { schema: null, name: '' } })).to.contain('this one has 0');
    expect(await foreign({ keyColumn: 'version' })).to.contain('for something else');
  });

  it('makes what is missing, and finds it again', async () => {
    const first = await openStore(database.url);
    await put(first, 1, 'one');
    await first.close();
    const second = await openStore(database.url);
    expect(second.rows().map((row) => row.version)).to.deep.equal([1]);
    await second.close();
  });

  it('is checked without a trace, before its tables are there and while a gateway uses them', async () => {
    await checkDatabase(storeOptions(database.url));
    expect(await database.query(`SELECT relname FROM pg_class WHERE relname LIKE '${TABLE}%'`)).to.deep.equal([]);
    const store = await openStore(database.url);
    await put(store, 1, 'one');
    await checkDatabase(storeOptions(database.url));
    await put(store, 2, 'two');
    await store.close();
    const left = await database.query(
      `SELECT (SELECT count(*)::int FROM public.${TABLE}) AS rows, (SELECT count(*)::int FROM public.${TABLE}_chunk) AS chunks`,
    );
    expect(left).to.deep.equal([{ rows: 2, chunks: 2 }]);
  });
});
