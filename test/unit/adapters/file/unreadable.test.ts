import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileEventLog } from '../../../../src/adapters/file/event-log.ts';
import { FileRecords } from '../../../../src/adapters/file/records.ts';
import { FileSnapshotStore } from '../../../../src/adapters/file/snapshot-store.ts';
import { eventOf, idsOf } from '../../../contract/event-log.contract.ts';
import { put, refusal } from '../../../contract/snapshot-content.ts';
import { FaultyDisk } from './faulty-disk.ts';
import { newFolder, recordingLog, removeFolders } from './folder.ts';

/** A folder in the place of a file is what a test can make anywhere; a bad sector is judged alike. */
describe('One file that cannot be read keeps no start from going on:', () => {
  let root: string;
  let log = recordingLog();
  beforeEach(() => {
    root = newFolder();
    log = recordingLog();
  });
  after(removeFolders);

  it('a record counts as missing, is set aside, and can be written again', async () => {
    mkdirSync(join(root, 'gateway.json'));
    const records = await FileRecords.open({ root, log });
    expect(await records.read('gateway')).to.equal(undefined);
    expect(log.said.map(({ sentence }) => sentence).join()).to.include('A record is damaged');
    await records.write('gateway', { incarnation: 7 });
    expect(await records.read('gateway')).to.deep.equal({ incarnation: 7 });
  });

  it('but a record on a disk that takes no writes either is left where it is: the next start may read it', async () => {
    const disk = new FaultyDisk();
    const records = await FileRecords.open({ root, log, disk });
    mkdirSync(join(root, 'gateway.json'));
    disk.failWrites('EIO');
    expect(await records.read('gateway')).to.equal(undefined);
    expect(readdirSync(root)).to.include('gateway.json');
    expect(log.said.map(({ sentence }) => sentence).join()).to.include('is left as it is');
  });

  for (const name of ['0000000000000001.jsonl', '0000000000000009.jsonl']) {
    it(`a segment of the event log (${name}) is left out, and the log goes on behind the others`, async () => {
      const before = await FileEventLog.open({ root, log });
      for (const id of [2, 3]) await before.append(eventOf(id));
      await before.close();
      mkdirSync(join(root, name));
      const events = await FileEventLog.open({ root, log });
      expect(events.newestId).to.equal(3);
      await events.append(eventOf(10));
      await events.close();
      expect(log.said.map(({ sentence }) => sentence).join()).to.include('cannot be read; its entries are missing');
      expect(readdirSync(root), 'it is left where it is').to.include(name);
      const again = await FileEventLog.open({ root, log });
      expect(await idsOf(again, 0, 10)).to.deep.equal([2, 3, 10]);
      await again.close();
    });
  }
});

describe('A disk that takes nothing at the start', () => {
  after(removeFolders);

  for (const code of ['ENOSPC', 'EROFS', 'EDQUOT', 'EIO']) {
    it(`(${code}) is no reason to refuse; when it takes something again, a probe and a write find it`, async () => {
      const [root, recordsRoot] = [newFolder(), newFolder()];
      const disk = new FaultyDisk();
      disk.failNext('makeFolder', code, Infinity);
      const log = recordingLog();
      const store = await FileSnapshotStore.open({ root, name: 'held', log, wallMs: () => 0, disk });
      const records = await FileRecords.open({ root: recordsRoot, log, disk });
      expect(await refusal(store.probe())).to.match(/^store-/);
      expect(await refusal(put(store, 1, 'one'))).to.match(/^store-/);
      expect(await refusal(records.write('gateway', 1))).to.match(/^store-/);
      disk.heal();
      await store.probe();
      await put(store, 1, 'one');
      expect(store.rows().map(({ version }) => version)).to.deep.equal([1]);
      // The first write makes what was missing, and the next one works: whoever writes tries again by itself.
      await records.write('gateway', 1).catch(() => undefined);
      await records.write('gateway', 2);
      expect(await records.read('gateway')).to.equal(2);
    });
  }

  it('that this user may not use is one, and is named', async () => {
    const disk = new FaultyDisk();
    disk.failNext('makeFolder', 'EACCES');
    const log = recordingLog();
    const opening = FileSnapshotStore.open({ root: newFolder(), name: 'held', log, wallMs: () => 0, disk });
    const error: unknown = await opening.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(String(error)).to.include('"held" cannot be used (EACCES: this user may not use the folder)');
  });
});
