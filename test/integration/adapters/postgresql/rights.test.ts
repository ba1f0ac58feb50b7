import { expect } from 'chai';
import { checkDatabase } from '../../../../src/adapters/postgresql/check.ts';
import type { PostgresSnapshotStoreOptions } from '../../../../src/adapters/postgresql/snapshot-store.ts';
import { GatewayError } from '../../../../src/errors.ts';
import { Secret } from '../../../../src/secret.ts';
import { contentOf, KEY, put, someBytes } from '../../../contract/snapshot-content.ts';
import { databaseServer } from '../../../support/postgres-server.ts';
import { connectionOf, openStore, storeOptions, TABLE } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

describe('The PostgreSQL store and the rights of its user', () => {
  let database: TestDatabase;
  let role: string;

  before(async function () {
    this.timeout(60_000);
    await databaseServer();
  });
  beforeEach(async () => {
    database = await (await databaseServer()).createDatabase();
    role = `${database.name}_user`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret-of-the-role'`);
    await database.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  });
  afterEach(async () => {
    await database.query(`DROP OWNED BY ${role}`);
    await database.drop();
    await (await databaseServer()).createDatabase().then(async (other) => {
      await other.query(`DROP ROLE ${role}`);
      await other.drop();
    });
  });

  const asRole = (password: string | null = 'secret-of-the-role'): Partial<PostgresSnapshotStoreOptions> => ({
    connection: {
      ...connectionOf(database.url),
      user: role,
      password: password === null ? null : new Secret(password),
    },
  });
  const makeTables = async (): Promise<void> => {
    await (await openStore(database.url)).close();
    await database.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON public.${TABLE}, public.${TABLE}_chunk, public.${TABLE}_meta TO ${role}`,
    );
    await database.query(`GRANT USAGE ON SEQUENCE public.${TABLE}_id_seq TO ${role}`);
  };
  const checked = (change: Partial<PostgresSnapshotStoreOptions>): Promise<string> =>
    checkDatabase(storeOptions(database.url, change)).then(
      () => 'good',
      (error: unknown) => (error instanceof GatewayError ? `${error.code}: ${error.message}` : String(error)),
    );

  it('needs none to make tables where somebody else has made them', async () => {
    await makeTables();
    expect(await checked(asRole())).to.equal('good');
    const store = await openStore(database.url, asRole());
    await put(store, 1, 'one');
    await put(store, 2, someBytes(2_500_000));
    await store.move(KEY, 1, { place: 'set-aside', reason: null });
    await store.markDelivered(KEY, 1, 'd');
    await store.probe();
    expect((await contentOf(store, KEY, 2)).byteLength).to.equal(2_500_000);
    await store.remove(KEY, 1);
    expect(await store.damaged()).to.deep.equal([]);
    await store.close();
  });

  it('says what to do where it may not make them, and does it when it may', async () => {
    const store = await openStore(database.url, asRole());
    expect(store.isKnown).to.equal(false);
    expect(await checked(asRole()))
      .to.match(/^store-unavailable: /)
      .and.contain('Grant CREATE on the schema, or let an administrator run what is in sql/');
    await database.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
    expect(await checked(asRole())).to.equal('good');
    await store.close();
    const again = await openStore(database.url, asRole());
    expect(again.isKnown).to.equal(true);
    await again.close();
  });

  it('is told by the check which one is missing', async () => {
    await makeTables();
    for (const [revoke, told] of [
      [`INSERT ON public.${TABLE}`, `permission denied for table ${TABLE}`],
      [`UPDATE ON public.${TABLE}`, `permission denied for table ${TABLE}`],
      [`DELETE ON public.${TABLE}_chunk`, `permission denied for table ${TABLE}_chunk`],
      [`UPDATE ON public.${TABLE}_meta`, `permission denied for table ${TABLE}_meta`],
      [`SELECT ON public.${TABLE}_meta`, `permission denied for table ${TABLE}_meta`],
      [`USAGE ON SEQUENCE public.${TABLE}_id_seq`, `may not use the sequence public.${TABLE}_id_seq`],
    ] as const) {
      await database.query(`REVOKE ${revoke} FROM ${role}`);
      expect(await checked(asRole()), revoke)
        .to.contain('store-unavailable')
        .and.contain(told);
      await database.query(`GRANT ${revoke} TO ${role}`);
    }
    expect(await checked(asRole())).to.equal('good');
  });

  it('says what the server says of a wrong user, password or database, and no password', async () => {
    const connection = { ...connectionOf(database.url), user: role };
    for (const [change, told] of [
      [{ password: new Secret('wrong-secret') }, 'password authentication failed'],
      [{ password: null }, 'wants a password, and none is configured'],
      [{ password: new Secret('secret-of-the-role'), database: 'not_there' }, 'database "not_there" does not exist'],
      [
        { user: 'nobody_there', password: new Secret('wrong-secret') },
        'password authentication failed for user "nobody_there"',
      ],
    ] as const) {
      const said = await checked({ connection: { ...connection, ...change } });
      expect(said)
        .to.match(/^store-unavailable: /)
        .and.contain(told);
      expect(said).not.to.contain('secret');
    }
  });
});
