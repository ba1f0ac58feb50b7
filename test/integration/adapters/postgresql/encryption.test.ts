import { expect } from 'chai';
import { NO_KEYS } from '../../../../src/adapters/storage/keyring.ts';
import { sealedBytes } from '../../../../src/adapters/storage/sealed-chunks.ts';
import { contentOf, KEY, keyOf, placesOf, put, refusal, someBytes } from '../../../contract/snapshot-content.ts';
import { keyringOf } from '../../../support/encryption-keys.ts';
import { databaseServer } from '../../../support/postgres-server.ts';
import { openStore, TABLE } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

const MARKER = 'the balance of account 4711';
const MIB = 1 << 20;
const [OLD, NEW] = ['0badcafe', '00000001'] as const;

describe('The PostgreSQL store that encrypts', () => {
  let database: TestDatabase;

  before(async function () {
    this.timeout(60_000);
    await databaseServer();
  });
  beforeEach(async () => {
    database = await (await databaseServer()).createDatabase();
  });
  afterEach(() => database.drop());

  it('leaves nothing of the content in its tables, and says in the row what lies there', async () => {
    const store = await openStore(database.url, { keyring: keyringOf(OLD) });
    await put(store, 1, MARKER);
    const content = Buffer.from(MARKER.repeat(100_000));
    await put(store, 2, content);
    const chunks = await database.query<{ version: string; bytes: Buffer }>(
      `SELECT s.version, c.bytes FROM public.${TABLE}_chunk c JOIN public.${TABLE} s ON s.id = c.snapshot ORDER BY s.version, c.number`,
    );
    expect(chunks.map(({ version }) => version)).to.deep.equal(['1', '2', '2', '2']);
    for (const { bytes } of chunks)
      for (const word of ['balance', 'account']) expect(bytes.includes(word)).to.equal(false);
    const rows = await database.query(
      `SELECT version, bytes, encryption_key, stored_bytes FROM public.${TABLE} ORDER BY version`,
    );
    expect(rows).to.deep.equal([
      {
        version: '1',
        bytes: String(MARKER.length),
        encryption_key: OLD,
        stored_bytes: String(sealedBytes(MARKER.length)),
      },
      {
        version: '2',
        bytes: String(content.length),
        encryption_key: OLD,
        stored_bytes: String(sealedBytes(content.length)),
      },
    ]);
    await store.close();
  });

  it('takes contents whose pieces are full by what encryption adds, and hands out ranges over them', async () => {
    const store = await openStore(database.url, { keyring: keyringOf(OLD) });
    const overhead = sealedBytes(MIB) - MIB;
    const sizes = [
      MIB - overhead - 1,
      MIB - overhead,
      MIB - overhead + 1,
      MIB - 1,
      MIB,
      MIB + 1,
      2 * MIB - 300,
      3 * MIB,
    ];
    for (const [i, size] of sizes.entries()) {
      const content = someBytes(size, i + 1);
      await put(store, i + 1, content, { expect: { bytes: size, sha256: null } });
      expect((await contentOf(store, KEY, i + 1)).equals(content), `${size}`).to.equal(true);
      for (const [start, end] of [
        [0, 0],
        [65_535, 65_536],
        [size - 1, size - 1],
        [size >> 1, size - 1],
      ] as const)
        expect((await contentOf(store, KEY, i + 1, { start, end })).equals(content.subarray(start, end + 1))).to.equal(
          true,
        );
    }
    await store.close();
  });

  it('loses nothing whose key is not listed, and reads it when it is listed again', async () => {
    const large = someBytes(3_000_000);
    for (const [version, keyring] of [
      [1, NO_KEYS],
      [2, keyringOf(OLD)],
    ] as const) {
      const store = await openStore(database.url, { keyring });
      await put(store, version, large);
      await store.close();
    }
    const without = await openStore(database.url, { keyring: keyringOf(NEW) });
    for (let times = 0; times < 6; times += 1)
      expect(await refusal(without.open(KEY, 2))).to.equal('encryption-key-missing');
    expect(await refusal(without.verify(KEY, 2, () => Promise.resolve()))).to.equal('encryption-key-missing');
    expect(await refusal(without.probe())).to.equal('encryption-key-missing');
    expect(placesOf(without)).to.deep.equal(['2 live', '1 live']);
    expect((await contentOf(without, KEY, 1)).equals(large)).to.equal(true);
    expect(await without.damaged()).to.deep.equal([]);
    await put(without, 1, 'new', { key: keyOf('other') });
    await without.close();

    const healed = await openStore(database.url, { keyring: keyringOf(NEW, OLD) });
    expect((await contentOf(healed, KEY, 2)).equals(large)).to.equal(true);
    await healed.probe();
    await healed.close();
  });

  it('does not believe a row whose key or length in the table was changed', async () => {
    for (const change of [`encryption_key = '${NEW}'`, 'stored_bytes = stored_bytes + 1', 'encryption_key = NULL']) {
      const key = keyOf(change);
      const store = await openStore(database.url, { keyring: keyringOf(OLD, NEW) });
      await put(store, 1, 'content', { key });
      await store.close();
      await database.query(`UPDATE public.${TABLE} SET ${change} WHERE origin = $1`, [change]);
      const again = await openStore(database.url, { keyring: keyringOf(OLD, NEW) });
      expect(placesOf(again, key), change).to.deep.equal([]);
      await again.close();
    }
  });

  it('brings tables of a version that knew no encryption up to date, with all that is in them', async () => {
    const before = await openStore(database.url);
    await put(before, 1, 'from before', { labels: { a: 'b' } });
    await before.close();
    // As the version before left them: what the second file of sql/ adds is not there.
    await database.query(`ALTER TABLE public.${TABLE} DROP COLUMN encryption_key, DROP COLUMN stored_bytes`);
    await database.query(`UPDATE public.${TABLE}_meta SET value = '1' WHERE name = 'schema'`);

    const store = await openStore(database.url, { keyring: keyringOf(OLD) });
    expect(await database.query(`SELECT value FROM public.${TABLE}_meta WHERE name = 'schema'`)).to.deep.equal([
      { value: '2' },
    ]);
    expect((await contentOf(store, KEY, 1)).toString()).to.equal('from before');
    await put(store, 2, 'from now on');
    expect((await contentOf(store, KEY, 2)).toString()).to.equal('from now on');
    expect(store.rowsOf(KEY).map(({ encryption }) => encryption?.keyId)).to.deep.equal([OLD, undefined]);
    await store.close();
  });
});
