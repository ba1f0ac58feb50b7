import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Damage } from '../../../../src/adapters/file/snapshot-repair.ts';
import { FileSnapshotStore } from '../../../../src/adapters/file/snapshot-store.ts';
import { contentOf, KEY, keyOf, placesOf, put, refusal } from '../../../contract/snapshot-content.ts';
import { FaultyDisk, systemError } from './faulty-disk.ts';
import { filesBelow, newFolder, recordingLog, removeFolders } from './folder.ts';

describe('A file store', () => {
  let root: string;
  let damages: Damage[];
  let log = recordingLog();

  beforeEach(() => {
    root = newFolder();
    damages = [];
    log = recordingLog();
  });
  after(removeFolders);

  const open = (disk = new FaultyDisk()): Promise<FileSnapshotStore> =>
    FileSnapshotStore.open({
      root,
      name: 'held',
      log,
      wallMs: () => 0,
      disk,
      onDamage: (damage) => damages.push(damage),
    });
  const home = (file: string): string => join(root, 'dc2', 'dc2', 'orders', file);
  const inQuarantine = (): string[] => filesBelow(root).filter((path) => path.startsWith('.quarantine/'));

  async function filled(): Promise<void> {
    const store = await open();
    await put(store, 1, 'one');
    await put(store, 2, 'two');
    await store.close();
  }

  it('has exactly the bytes in a file that is named by data centre, workload, origin and version', async () => {
    const store = await open();
    await put(store, 7, 'the state', { key: { dataCenter: 'dc2', workload: 'dc3', origin: 'a/b' } });
    const folder = join(root, 'dc2', 'dc3', 'a%2Fb');
    expect(readFileSync(join(folder, '7.snapshot'), 'utf8')).to.equal('the state');
    expect(filesBelow(root)).to.deep.equal(['dc2/dc3/a%2Fb/7.json', 'dc2/dc3/a%2Fb/7.snapshot']);
    expect(statSync(join(folder, '7.snapshot')).mode & 0o777).to.equal(0o600);
    expect(statSync(folder).mode & 0o777).to.equal(0o700);
    await store.remove({ dataCenter: 'dc2', workload: 'dc3', origin: 'a/b' }, 7);
    expect(filesBelow(root)).to.deep.equal([]);
  });

  it('puts what the application rejected where nobody takes it by mistake', async () => {
    await filled();
    const store = await open();
    await store.move(KEY, 2, { place: 'quarantined', reason: null });
    expect(inQuarantine()).to.deep.equal(['.quarantine/dc2/dc2/orders/2.snapshot']);
    expect(filesBelow(root)).to.not.include('dc2/dc2/orders/2.snapshot');
  });

  it('keeps damaged bytes with a file that says why', async () => {
    await filled();
    const store = await open();
    writeFileSync(home('2.snapshot'), 'twO');
    expect(await refusal(store.open(KEY, 2))).to.equal('snapshot-damaged');
    const kept = inQuarantine();
    expect(kept.length).to.equal(2);
    expect(
      readFileSync(
        join(
          root,
          kept.find((path) => path.endsWith('2.snapshot'))!,
        ),
        'utf8',
      ),
    ).to.equal('twO');
    expect(
      readFileSync(
        join(
          root,
          kept.find((path) => path.endsWith('.reason'))!,
        ),
        'utf8',
      ),
    ).to.include('SHA-256');
    expect(filesBelow(root)).to.not.include('dc2/dc2/orders/2.snapshot');
    expect(damages.map(({ snapshot, reason }) => [snapshot?.version, reason])).to.deep.equal([
      [2, 'its SHA-256 is another one'],
    ]);
  });

  describe('starts all the same, and says it,', () => {
    beforeEach(filled);

    it('when bytes are cut short or missing: the version is lost', async () => {
      truncateSync(home('2.snapshot'), 1);
      rmSync(home('1.snapshot'));
      const store = await open();
      expect(placesOf(store)).to.deep.equal(['2 lost', '1 lost']);
      expect(damages.map((damage) => damage.reason).sort()).to.deep.equal([
        'it has 1 of 3 bytes',
        'its bytes are missing',
      ]);
      damages = [];
      expect(placesOf(await open())).to.deep.equal(['2 lost', '1 lost']);
      expect(damages, 'said once').to.deep.equal([]);
    });

    it('when a row is no JSON, or any of its bits was flipped: row and bytes are set aside', async () => {
      const text = readFileSync(home('2.json'), 'utf8');
      writeFileSync(home('2.json'), text.replace('"version":2', '"version":3'));
      const store = await open();
      expect(placesOf(store)).to.deep.equal(['1 live']);
      expect(inQuarantine().filter((path) => /-2\.(json|snapshot)$/.test(path)).length).to.equal(2);
      expect(damages.map(({ snapshot, version }) => ({ snapshot, version }))).to.deep.equal([
        { snapshot: null, version: { key: KEY, version: 2 } },
      ]);
      await put(store, 2, 'two');
      expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
    });

    it('when a row lies in a folder of another name: the row is right, the folder is damage', async () => {
      cpSync(join(root, 'dc2', 'dc2', 'orders'), join(root, 'dc2', 'dc2', 'copy'), { recursive: true });
      renameSync(home('1.json'), home('9.json'));
      const store = await open();
      expect(store.rows().map((row) => [row.key.origin, row.version])).to.deep.equal([['orders', 2]]);
      expect(damages.length).to.equal(3);
    });

    it('when a newer version of the program wrote a row: it is left as it is', async () => {
      writeFileSync(home('2.json'), '{"format":99,"value":{}}');
      const store = await open();
      expect(placesOf(store)).to.deep.equal(['1 live']);
      expect(filesBelow(root)).to.include.members(['dc2/dc2/orders/2.json', 'dc2/dc2/orders/2.snapshot']);
      expect(damages[0]?.reason).to.include('newer version');
      expect(damages[0]?.version, 'it is no damage of a version').to.equal(null);
    });

    it('when a crash left bytes without a row: they are removed, as nobody was promised them', async () => {
      writeFileSync(home('3.snapshot'), 'three');
      writeFileSync(join(root, '.tmp', '1-abcd'), 'half');
      const store = await open();
      expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      expect(filesBelow(root)).to.not.include.members(['dc2/dc2/orders/3.snapshot']);
      expect(filesBelow(root).filter((path) => path.startsWith('.'))).to.deep.equal([]);
      expect(damages).to.deep.equal([]);
    });

    it('when several have no row, which no crash explains: they are kept in quarantine', async () => {
      rmSync(home('1.json'));
      rmSync(home('2.json'));
      const store = await open();
      expect(store.rows()).to.deep.equal([]);
      expect(inQuarantine().filter((path) => path.endsWith('.snapshot')).length).to.equal(2);
      expect(damages.map(({ version }) => version)).to.have.deep.members([
        { key: KEY, version: 1 },
        { key: KEY, version: 2 },
      ]);
    });

    it('when there are files that are not ours: they are named and left alone', async () => {
      mkdirSync(join(root, 'lost+found'));
      writeFileSync(join(root, 'README'), 'mine');
      writeFileSync(join(root, 'dc2', 'notes.txt'), 'mine');
      writeFileSync(join(root, 'dc2', 'dc2', 'a file'), 'mine');
      writeFileSync(home('01.json'), 'mine');
      writeFileSync(home('2.snapshot.bak'), 'mine');
      mkdirSync(home('5.snapshot'));
      symlinkSync('/etc/passwd', home('6.snapshot'));
      writeFileSync(home('.DS_Store'), 'ignored');
      const store = await open();
      const foreign = [
        'README',
        'dc2/dc2/a file',
        'dc2/dc2/orders/01.json',
        'dc2/dc2/orders/2.snapshot.bak',
        'dc2/dc2/orders/5.snapshot',
        'dc2/dc2/orders/6.snapshot',
        'dc2/notes.txt',
        'lost+found',
      ];
      expect([...store.foreign()].sort()).to.deep.equal(foreign.sort());
      expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      expect(readFileSync(home('2.snapshot.bak'), 'utf8')).to.equal('mine');
      expect(damages).to.deep.equal([]);
      expect(log.said.filter((said) => said.sentence.includes('not ours')).length).to.equal(1);
    });

    it('when nothing can be put right, because the disk may only be read', async () => {
      truncateSync(home('2.snapshot'), 1);
      const disk = new FaultyDisk();
      disk.before = (operation) => {
        if (operation !== 'read' && operation !== 'readAt') throw systemError('EROFS');
      };
      const store = await open(disk);
      expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
      expect((await contentOf(store, KEY, 1)).toString()).to.equal('one');
      expect(await refusal(put(store, 3, 'three'))).to.equal('store-unavailable');
    });
  });

  it('does not start below something that is no folder', async () => {
    writeFileSync(join(root, 'file'), '');
    root = join(root, 'file');
    expect(await refusal(open())).to.equal('store-unavailable');
  });

  describe('tells a bad file from a bad disk:', () => {
    beforeEach(filled);

    for (const code of ['EIO', 'EUCLEAN', 'EBADMSG'])
      it(`a sector that cannot be read (${code}) is damage`, async () => {
        const disk = new FaultyDisk();
        const store = await open(disk);
        disk.before = (operation, path) => {
          if (operation === 'readAt' && path.endsWith('2.snapshot')) throw systemError(code);
        };
        expect(await refusal(store.open(KEY, 2))).to.equal('snapshot-damaged');
        expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
      });

    it('a disk that cannot be read nor written is away, and nothing is lost', async () => {
      const disk = new FaultyDisk();
      const store = await open(disk);
      disk.before = () => {
        throw systemError('EIO');
      };
      expect(await refusal(store.open(KEY, 2))).to.equal('store-unavailable');
      disk.heal();
      expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
    });

    it('a root that is gone (a disk that is not mounted) is away, not written to, and works when it is back', async () => {
      const store = await open();
      renameSync(root, `${root}.away`);
      expect(await refusal(store.open(KEY, 2))).to.equal('store-unavailable');
      expect(await refusal(put(store, 3, 'three'))).to.equal('store-unavailable');
      mkdirSync(root);
      expect(await refusal(put(store, 3, 'three'))).to.equal('store-unavailable');
      expect(filesBelow(root)).to.deep.equal([]);
      rmSync(root, { recursive: true });
      renameSync(`${root}.away`, root);
      await put(store, 3, 'three');
      expect(placesOf(store)).to.deep.equal(['3 live', '2 live', '1 live']);
    });

    it('an empty mount point, whose disk went away while we ran, is not made a store of by a probe', async () => {
      const store = await open();
      renameSync(root, `${root}.away`);
      mkdirSync(root);
      expect(await refusal(store.probe())).to.equal('store-unavailable');
      expect(await refusal(store.open(KEY, 2))).to.equal('store-unavailable');
      expect(await refusal(put(store, 3, 'three'))).to.equal('store-unavailable');
      expect(readdirSync(root)).to.deep.equal([]);
      rmSync(root, { recursive: true });
      renameSync(`${root}.away`, root);
      await store.probe();
      expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
    });

    it('one bad read is none when the second is good', async () => {
      const disk = new FaultyDisk();
      const store = await open(disk);
      disk.failNext('readAt', 'EIO');
      expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
    });

    it('a lack of descriptors or permissions loses nothing', async () => {
      const disk = new FaultyDisk();
      const store = await open(disk);
      for (const code of ['EMFILE', 'EACCES']) {
        disk.failNext('read', code);
        expect(await refusal(store.open(KEY, 2))).to.equal('store-unavailable');
      }
      expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
    });
  });

  it('makes the folder of an origin again when somebody removed it', async () => {
    await filled();
    const store = await open();
    rmSync(join(root, 'dc2'), { recursive: true });
    await put(store, 3, 'three');
    expect((await contentOf(store, KEY, 3)).toString()).to.equal('three');
  });

  it('leaves nothing behind whichever operation of a write fails', async () => {
    for (const operation of ['create', 'write', 'sync', 'rename', 'syncFolder', 'makeFolder'] as const) {
      for (const bytes of [10, 3_000_000]) {
        const disk = new FaultyDisk();
        const store = await open(disk);
        disk.failNext(operation, 'ENOSPC');
        expect(await refusal(put(store, 1, Buffer.alloc(bytes, 'x'), { key: keyOf('fresh') })), operation).to.equal(
          'store-full',
        );
        expect(filesBelow(root), `${operation} ${bytes}`).to.deep.equal([]);
        expect(store.rows()).to.deep.equal([]);
        await put(store, 1, 'x', { key: keyOf('fresh') });
        await store.remove(keyOf('fresh'), 1);
        await store.close();
      }
    }
  });

  it('writes a small snapshot with three fsyncs', async () => {
    await filled();
    const disk = new FaultyDisk();
    const store = await open(disk);
    disk.operations.length = 0;
    await put(store, 3, 'three');
    expect(disk.operations.filter((operation) => operation.startsWith('sync')).length).to.equal(3);
    expect(disk.operations.length).to.be.at.most(11);
  });

  it('keeps its folders to itself', async () => {
    const store = await open();
    chmodSync(root, 0o755);
    await put(store, 1, 'x');
    for (const name of ['.tmp', '.quarantine', 'dc2'])
      expect(statSync(join(root, name)).mode & 0o777, name).to.equal(0o700);
  });
});
