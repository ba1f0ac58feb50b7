import type { SnapshotKey } from '../../src/core/snapshot.ts';
import { keyringOf } from '../support/encryption-keys.ts';
import { databaseServer } from '../support/postgres-server.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { openStore, versionOf } from '../support/postgres-store.ts';
import { snapshotStoreContract, type StoreHarness } from './snapshot-store.contract.ts';

/** What the server says when its disk is full, and when it cannot read or write. */
const SQLSTATE = { 'store-full': '53100', 'store-unavailable': '58030' } as const;

/**
 * Makes the server refuse the next write with an error of its own. A sequence says that it is due: a rollback does not
 * take that back.
 */
const FAULTS = (table: string): string => `
  CREATE SEQUENCE public."${table}_fault" MINVALUE 0 START 0;
  CREATE FUNCTION public."${table}_fail"() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE due bigint;
  BEGIN
    SELECT last_value INTO due FROM public."${table}_fault";
    IF due > 0 THEN
      PERFORM setval('public."${table}_fault"', 0);
      RAISE EXCEPTION 'the disk failed' USING ERRCODE = lpad(due::text, 5, '0');
    END IF;
    RETURN NULL;
  END $$;
  ALTER SEQUENCE public."${table}_fault" OWNER TO CURRENT_USER`;

describe('The snapshot store in PostgreSQL', () => {
  let database: TestDatabase;
  let tables = 0;

  before(async function () {
    this.timeout(60_000);
    database = await (await databaseServer()).createDatabase();
  });
  after(() => database.drop());

  const chunksOf = (table: string, key: SnapshotKey, version: number): [string, readonly unknown[]] => {
    const [where, values] = versionOf(key, version);
    return [`snapshot = (SELECT id FROM public.${table} WHERE ${where})`, values];
  };

  /** @param keyId with which what is stored is encrypted; null: it is stored as it comes */
  const inPostgres = (keyId: string | null): StoreHarness => {
    tables += 1;
    const table = `snapshots_${tables}`;
    let hasFaults = false;
    const keyring = keyId === null ? undefined : keyringOf(keyId);
    const at = keyId === null ? '0' : 'octet_length(bytes) - 1';
    return {
      open: (options) => openStore(database.url, { table: { schema: null, name: table }, keyring, ...options }),
      damage: async (key, version) => {
        const [where, values] = chunksOf(table, key, version);
        await database.query(
          `UPDATE public.${table}_chunk SET bytes = set_byte(bytes, ${at}, get_byte(bytes, ${at}) # 1) WHERE number = 0 AND ${where}`,
          values,
        );
      },
      lose: async (key, version) => {
        const [where, values] = chunksOf(table, key, version);
        await database.query(`DELETE FROM public.${table}_chunk WHERE ${where}`, values);
      },
      failNext: async (code) => {
        if (!hasFaults) {
          await database.query(FAULTS(table));
          await database.query(`GRANT ALL ON SEQUENCE public."${table}_fault" TO PUBLIC`);
          for (const suffix of ['', '_chunk']) {
            await database.query(
              `CREATE TRIGGER fail BEFORE INSERT OR UPDATE OR DELETE ON public."${table}${suffix}"
               FOR EACH STATEMENT EXECUTE FUNCTION public."${table}_fail"()`,
            );
          }
        }
        hasFaults = true;
        await database.query(`SELECT setval('public."${table}_fault"', ${SQLSTATE[code]})`);
      },
      leftovers: async () => {
        const rows = await database.query<{ id: string }>(
          `SELECT snapshot::text AS id FROM public.${table}_chunk WHERE snapshot NOT IN (SELECT id FROM public.${table})`,
        );
        return rows.map(({ id }) => id);
      },
    };
  };

  snapshotStoreContract('PostgreSQL', () => inPostgres(null));

  snapshotStoreContract('PostgreSQL, encrypted', () => inPostgres('0badcafe'));
});
