import { expect } from 'chai';
import { contentOf, KEY, put, someBytes } from '../../../contract/snapshot-content.ts';
import { databaseServer } from '../../../support/postgres-server.ts';
import { openStore } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

describe('The PostgreSQL store honours the names of the configuration', () => {
  let database: TestDatabase;

  before(async function () {
    this.timeout(60_000);
    database = await (await databaseServer()).createDatabase();
    await database.query('CREATE TABLE public.victim (x int)');
  });
  after(() => database.drop());

  const CHOICES = [
    { schema: null, name: 'plain', keyColumn: 'id' },
    { schema: 'public', name: 'MixedCase', keyColumn: 'KeyColumn' },
    { schema: 'made by us', name: 'with space', keyColumn: 'the key' },
    { schema: 'dotted.schema', name: 'dotted.table', keyColumn: 'dotted.key' },
    { schema: 'quo"ted', name: 'ta"ble', keyColumn: 'k"ey' },
    { schema: null, name: 'x"; DROP TABLE public.victim; --', keyColumn: 'y"); DROP TABLE public.victim; --' },
    { schema: null, name: 'select', keyColumn: 'table' },
    { schema: "single'quoted", name: "it's", keyColumn: "o'key" },
    { schema: 'b\\s', name: 'E\\047', keyColumn: '$1' },
    { schema: 'Ümläut', name: '名前', keyColumn: 'ключ' },
    { schema: 's'.repeat(63), name: 'n'.repeat(57), keyColumn: 'k'.repeat(63) },
    { schema: null, name: ':"snapshot"', keyColumn: ':"id"' },
  ];
  for (const { schema, name, keyColumn } of CHOICES) {
    it(`such as ${schema ?? '(none)'} . ${name} with ${keyColumn}`, async () => {
      const bytes = someBytes(2_500_000);
      const open = (): ReturnType<typeof openStore> => openStore(database.url, { table: { schema, name }, keyColumn });
      const store = await open();
      expect(store.isKnown).to.equal(true);
      await put(store, 1, 'one');
      await put(store, 2, bytes);
      await store.move(KEY, 1, { place: 'set-aside', reason: 'a "reason"; with\0 everything' });
      await store.probe();
      await store.close();
      const again = await open();
      expect(again.rowsOf(KEY).map((row) => [row.version, row.reason])).to.deep.equal([
        [2, null],
        [1, 'a "reason"; with\ufffd everything'],
      ]);
      expect((await contentOf(again, KEY, 2)).equals(bytes)).to.equal(true);
      await again.remove(KEY, 2);
      await again.close();
      const found = await database.query(
        `SELECT n.nspname AS schema, c.relname AS name, a.attname AS key FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
         WHERE c.relname = $1 AND c.relkind = 'r'`,
        [name],
      );
      expect(found).to.deep.equal([{ schema: schema ?? 'public', name, key: keyColumn }]);
      expect(await database.query('SELECT * FROM public.victim')).to.deep.equal([]);
    });
  }
});
