import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileRecords } from '../../../../src/adapters/file/records.ts';
import { ImageCount, inFolder, RecordingDisk, unsyncedDisk } from '../../../support/crash-images/recording-disk.ts';
import { FaultyDisk } from './faulty-disk.ts';
import { filesBelow, newFolder, recordingLog, removeFolders } from './folder.ts';

/** Never fewer than there were: an enumeration that shrinks proves less, and nobody would notice. */
const IMAGES_LEAST = 25;

describe('Records in files', () => {
  const images = new ImageCount();
  after(() => {
    removeFolders();
    console.log(`      ${images.text} of records`);
  });

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
    const root = newFolder();
    const before = await FileRecords.open({ root, log: recordingLog(), disk: unsyncedDisk });
    await before.write('peers/dc2', 'old');
    const disk = new RecordingDisk(root);
    const records = await FileRecords.open({ root, log: recordingLog(), disk });
    const promises: number[] = [];
    await records.write('peers/dc2', 'new');
    promises.push(disk.length);
    await records.write('deliveries/1', 'first');
    promises.push(disk.length);
    await records.remove('peers/dc2');
    promises.push(disk.length);

    const seen = new Set<unknown>();
    for (const { image, operations } of disk.crashes(images, { promises })) {
      const [written, first, removed] = promises.map((at) => at <= operations);
      await images.start(image, async (to) => {
        const again = await FileRecords.open({ root: to, log: recordingLog(), disk: unsyncedDisk });
        const value = await again.read('peers/dc2');
        seen.add(value);
        const about = `crash after ${operations}, ${image.about}`;
        expect(value, about).to.be.oneOf(
          removed ? [undefined] : first ? ['new', undefined] : written ? ['new'] : ['old', 'new'],
        );
        expect(await again.read('deliveries/1'), about).to.be.oneOf(first ? ['first'] : ['first', undefined]);
        // It goes on from there.
        await again.write('peers/dc2', 'newer');
        expect(await again.read('peers/dc2')).to.equal('newer');
      });
    }
    expect(seen).to.deep.equal(new Set(['old', 'new', undefined]));
    expect(images.crashes).to.be.at.least(IMAGES_LEAST);
  });

  it('are durable once a new run has read them, also where a killed one did not come to make them so', async () => {
    const root = newFolder();
    const disk = new RecordingDisk(root);
    const records = await FileRecords.open({ root, log: recordingLog(), disk });
    await records.write('peers/dc2', 'old');
    await records.write('peers/dc2', 'new');
    for (const { operations, goOn } of disk.kills()) {
      await inFolder(async (killed) => {
        const running = goOn(killed);
        const read = await (
          await FileRecords.open({ root: killed, log: recordingLog(), disk: running })
        ).read('peers/dc2');
        const started = running.length;
        for (const crash of running.crashes(images, { promises: [started] })) {
          if (crash.operations < started) continue;
          await images.start(crash.image, async (to) => {
            const again = await FileRecords.open({ root: to, log: recordingLog(), disk: unsyncedDisk });
            expect(await again.read('peers/dc2'), `killed after ${operations}, then ${crash.image.about}`).to.equal(
              read,
            );
          });
        }
      });
    }
  });
});
