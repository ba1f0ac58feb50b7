import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileRecords } from '../../../../src/adapters/file/records.ts';
import { CrashDisk, SURVIVALS, switchedDisk, unsyncedDisk } from './crash-disk.ts';
import { FaultyDisk } from './faulty-disk.ts';
import { filesBelow, newFolder, recordingLog, removeFolders } from './folder.ts';

describe('Records in files', () => {
  after(removeFolders);

  it('keep a damaged one beside its place, say it once, and never list it', async () => {
    const root = newFolder();
    const log = recordingLog();
    const records = await FileRecords.open({ root, log });
    await records.write('peers/dc2', { incarnation: 12345 });
    const path = join(root, 'peers', 'dc2.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('12345', '12344'));
    expect(await records.read('peers/dc2')).to.equal(undefined);
    expect(await records.read('peers/dc2')).to.equal(undefined);
    expect(filesBelow(root)).to.match(/^peers\/\.damaged-[0-9a-f]{8}-dc2\.json$/);
    expect(await records.list('')).to.deep.equal([]);
    expect(log.said.map((said) => said.facts.record)).to.deep.equal(['peers/dc2']);
  });

  it('leave one of a newer program alone', async () => {
    const root = newFolder();
    const records = await FileRecords.open({ root, log: recordingLog() });
    writeFileSync(join(root, 'gateway.json'), '{"format":99,"value":{}}');
    expect(await records.read('gateway')).to.equal(undefined);
    expect(filesBelow(root)).to.deep.equal(['gateway.json']);
  });

  it('leave no half-written file behind, whichever operation fails', async () => {
    for (const operation of ['create', 'write', 'sync', 'rename', 'makeFolder'] as const) {
      const root = newFolder();
      const disk = new FaultyDisk();
      const records = await FileRecords.open({ root, log: recordingLog(), disk });
      disk.failNext(operation, 'ENOSPC');
      await records.write('peers/dc2', 1).then(
        () => expect.fail(operation),
        () => undefined,
      );
      expect(filesBelow(root)).to.deep.equal([]);
      await records.write('peers/dc2', 2);
      expect(await records.read('peers/dc2')).to.equal(2);
    }
  });

  it('clear what a crash left half-written', async () => {
    const root = newFolder();
    await FileRecords.open({ root, log: recordingLog() });
    writeFileSync(join(root, '.tmp', '1-abcd'), 'half');
    await FileRecords.open({ root, log: recordingLog() });
    expect(filesBelow(root)).to.deep.equal([]);
  });

  it('have the old value or the new one after a stop at any operation, and the new one once it was promised', async () => {
    const seen = new Set<unknown>();
    for (let k = 1, isDone = false; !isDone; k += 1) {
      const root = newFolder();
      const before = await FileRecords.open({ root, log: recordingLog(), disk: unsyncedDisk });
      await before.write('peers/dc2', 'old');
      let disk: CrashDisk = new CrashDisk(root, Infinity);
      const records = await FileRecords.open({ root, log: recordingLog(), disk: switchedDisk(() => disk) });
      disk = new CrashDisk(root, k);
      const written = await records.write('peers/dc2', 'new').then(
        () => true,
        () => false,
      );
      const first = await records.write('deliveries/1', 'first').then(
        () => true,
        () => false,
      );
      isDone = !disk.isDown;
      disk.powerOff();
      for (const survival of SURVIVALS) {
        const to = newFolder();
        disk.survive(survival, to);
        const again = await FileRecords.open({ root: to, log: recordingLog(), disk: unsyncedDisk });
        const value = await again.read('peers/dc2');
        seen.add(value);
        expect(value, `crash ${k}, ${survival}`).to.be.oneOf(written ? ['new'] : ['old', 'new']);
        expect(await again.read('deliveries/1')).to.be.oneOf(first ? ['first'] : ['first', undefined]);
      }
    }
    expect(seen).to.deep.equal(new Set(['old', 'new']));
  });
});
