import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Damage } from '../../../../src/adapters/file/snapshot-repair.ts';
import { FileSnapshotStore } from '../../../../src/adapters/file/snapshot-store.ts';
import { Keyring, NO_KEYS } from '../../../../src/adapters/storage/keyring.ts';
import { sealedBytes } from '../../../../src/adapters/storage/sealed-chunks.ts';
import { GatewayError } from '../../../../src/errors.ts';
import { contentOf, KEY, keyOf, placesOf, put, refusal, someBytes } from '../../../contract/snapshot-content.ts';
import { encryptionKey, keyringOf } from '../../../support/encryption-keys.ts';
import { filesBelow, newFolder, recordingLog, removeFolders } from './folder.ts';

const MARKER = 'the balance of account 4711';
const [OLD, NEW] = ['0badcafe', '00000001'] as const;

describe('A file store that encrypts', () => {
  let root: string;
  let damages: Damage[];

  beforeEach(() => {
    root = newFolder();
    damages = [];
  });
  after(removeFolders);

  const open = (keyring: Keyring): Promise<FileSnapshotStore> =>
    FileSnapshotStore.open({
      root,
      name: 'held',
      log: recordingLog(),
      wallMs: () => 0,
      keyring,
      onDamage: (damage) => damages.push(damage),
    });
  const home = (file: string): string => join(root, 'dc2', 'dc2', 'orders', file);

  /** Version 1 as it comes, 2 with the old key, 3 with the new one. */
  async function mixed(): Promise<void> {
    for (const [version, keyring] of [
      [1, NO_KEYS],
      [2, keyringOf(OLD)],
      [3, keyringOf(NEW, OLD)],
    ] as const) {
      const store = await open(keyring);
      await put(store, version, `content ${version}`);
      await store.close();
    }
  }

  async function contents(store: FileSnapshotStore): Promise<string[]> {
    const read: string[] = [];
    for (const { version } of store.rowsOf(KEY)) read.push((await contentOf(store, KEY, version)).toString());
    return read;
  }

  it('leaves nothing of the content in any of its files, small or large, also while it comes in', async () => {
    const store = await open(keyringOf(OLD));
    await put(store, 1, MARKER);
    const content = Buffer.from(MARKER.repeat(150_000));
    await put(store, 2, content);
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(content.subarray(0, 3_000_000));
      const temps = readdirSync(join(root, '.tmp'));
      expect(temps.length).to.equal(1);
      yield Buffer.from(MARKER);
    }
    const asked = { key: KEY, version: () => 3, takenAt: () => '2026-01-01T00:00:00.000Z', position: null, labels: {} };
    const more = { incarnation: 1, maxBytes: 1 << 30, expect: { bytes: null, sha256: null } };
    await store.put({ ...asked, ...more }, slow(), new AbortController().signal);
    for (const file of filesBelow(root)) {
      const bytes = readFileSync(join(root, file));
      for (const word of [MARKER, 'balance', 'account 4711']) expect(bytes.includes(word), file).to.equal(false);
    }
    expect(readFileSync(home('2.snapshot')).length).to.equal(sealedBytes(content.length));
    expect((await contentOf(store, KEY, 2)).equals(content)).to.equal(true);
  });

  it('keeps the length and digest of the content in the row, with the key and what lies on the disk', async () => {
    const store = await open(keyringOf(OLD));
    const row = await put(store, 1, MARKER);
    expect(row.bytes).to.equal(MARKER.length);
    expect(row.encryption).to.deep.equal({ keyId: OLD, storedBytes: sealedBytes(MARKER.length) });
    const document = JSON.parse(readFileSync(home('1.json'), 'utf8')) as { format: number; value: object };
    // A program that knows of no encryption leaves such a row alone: it would take the bytes for damaged.
    expect(document.format).to.equal(2);
    const plain = await open(NO_KEYS);
    await put(plain, 2, MARKER);
    const other = JSON.parse(readFileSync(home('2.json'), 'utf8')) as { format: number; value: object };
    expect(other.format).to.equal(1);
    expect(other.value).not.to.have.property('encryption');
    expect(readFileSync(home('2.snapshot'), 'utf8')).to.equal(MARKER);
  });

  it('reads what was stored before it did, and what an old key has encrypted as long as that is listed', async () => {
    await mixed();
    const store = await open(keyringOf(NEW, OLD));
    expect(store.rowsOf(KEY).map(({ encryption }) => encryption?.keyId)).to.deep.equal([NEW, OLD, undefined]);
    expect(await contents(store)).to.deep.equal(['content 3', 'content 2', 'content 1']);
    await store.probe();
    expect(damages).to.deep.equal([]);
  });

  it('loses nothing whose key is not listed: it names the key, leaves all as it is, and goes on', async () => {
    await mixed();
    const files = filesBelow(root);
    const store = await open(keyringOf(NEW));
    for (let times = 0; times < 3; times += 1) {
      expect(await refusal(store.open(KEY, 2))).to.equal('encryption-key-missing');
      expect(await refusal(store.verify(KEY, 2, () => Promise.resolve()))).to.equal('encryption-key-missing');
    }
    const error: unknown = await store.probe().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(GatewayError);
    expect((error as GatewayError).message)
      .to.contain(`${OLD} (of 1)`)
      .and.to.contain('snapshotEncryptionKeyFile');
    expect((error as GatewayError).facts).to.deep.equal({ store: 'held', missing: { [OLD]: 1 } });
    expect(placesOf(store)).to.deep.equal(['3 live', '2 live', '1 live']);
    expect(filesBelow(root)).to.deep.equal(files);
    expect(damages).to.deep.equal([]);
    expect((await contentOf(store, KEY, 3)).toString()).to.equal('content 3');
    // What needs no look at the content works.
    await store.move(KEY, 2, { place: 'quarantined', reason: 'a test' });
    await store.markDelivered(KEY, 2, 'd1');
    await put(store, 4, 'content 4');
    await store.close();

    const healed = await open(keyringOf(NEW, OLD));
    expect(placesOf(healed)).to.deep.equal(['4 live', '3 live', '2 quarantined', '1 live']);
    expect((await contentOf(healed, KEY, 2)).toString()).to.equal('content 2');
    await healed.probe();
  });

  it('loses nothing without any key either, and takes new contents as they come', async () => {
    await mixed();
    const store = await open(NO_KEYS);
    for (const version of [2, 3]) expect(await refusal(store.open(KEY, version))).to.equal('encryption-key-missing');
    expect((await contentOf(store, KEY, 1)).toString()).to.equal('content 1');
    await put(store, 4, MARKER);
    expect(readFileSync(home('4.snapshot'), 'utf8')).to.equal(MARKER);
    expect(placesOf(store)).to.deep.equal(['4 live', '3 live', '2 live', '1 live']);
  });

  it('loses nothing when another key was put under the id of one', async () => {
    await mixed();
    const store = await open(new Keyring([encryptionKey(OLD, 'another')]));
    expect(await refusal(store.open(KEY, 2))).to.equal('encryption-key-missing');
    expect(placesOf(store)).to.deep.equal(['3 live', '2 live', '1 live']);
    expect(damages).to.deep.equal([]);
  });

  it('takes a flipped bit and a cut file for damage, found at the reading and at the start', async () => {
    const large = someBytes(200_000);
    const store = await open(keyringOf(OLD));
    for (const version of [1, 2, 3]) await put(store, version, large);
    const flip = (version: number, at: number): void => {
      const bytes = readFileSync(home(`${version}.snapshot`));
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(home(`${version}.snapshot`), bytes);
    };
    flip(2, 20);
    flip(3, 100_000);
    for (const version of [2, 3]) expect(await refusal(store.open(KEY, version))).to.equal('snapshot-damaged');
    expect(store.rowsOf(KEY).map(({ reason }) => reason)).to.deep.equal([
      'its chunk 2 of 4 is not as it was encrypted (AES-256-GCM)',
      'its header is not that of an encrypted snapshot',
      null,
    ]);
    await store.close();
    // As long as the content: not as long as what must lie there.
    truncateSync(home('1.snapshot'), large.length);
    const again = await open(keyringOf(OLD));
    expect(placesOf(again)).to.deep.equal(['3 lost', '2 lost', '1 lost']);
    expect(damages.slice(2).map(({ reason }) => reason)).to.deep.equal([
      `it has 200000 of ${sealedBytes(200_000)} bytes`,
    ]);
    await put(again, 3, large);
    expect((await contentOf(again, KEY, 3)).equals(large)).to.equal(true);
  });

  it('takes the file of another origin in the place of its own for damage, also with a row to match', async () => {
    const store = await open(keyringOf(OLD));
    await put(store, 1, 'aaaa');
    await put(store, 1, 'bbbb', { key: keyOf('other') });
    await store.close();
    writeFileSync(home('1.snapshot'), readFileSync(join(root, 'dc2', 'dc2', 'other', '1.snapshot')));
    const again = await open(keyringOf(OLD));
    expect(await refusal(again.open(KEY, 1))).to.equal('snapshot-damaged');
    expect(again.rowsOf(KEY)[0]?.reason).to.contain('chunk 1 of 1');
  });
});
