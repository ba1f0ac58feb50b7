import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileEventLog, type FileEventLogOptions } from '../../../../src/adapters/file/event-log.ts';
import { eventOf, idsOf, range } from '../../../contract/event-log.contract.ts';
import { refusal } from '../../../contract/snapshot-content.ts';
import { ImageCount, RecordingDisk, unsyncedDisk } from '../../../support/crash-images/recording-disk.ts';
import { FaultyDisk } from './faulty-disk.ts';
import { newFolder, recordingLog, removeFolders } from './folder.ts';

/** Never fewer than there were: an enumeration that shrinks proves less, and nobody would notice. */
const IMAGES_LEAST = 20;

describe('The event log in segments', () => {
  const images = new ImageCount();
  let root: string;
  let log = recordingLog();
  beforeEach(() => {
    root = newFolder();
    log = recordingLog();
  });
  after(() => {
    removeFolders();
    console.log(`      ${images.text} of the event log`);
  });

  const open = (options: Partial<FileEventLogOptions> = {}): Promise<FileEventLog> =>
    FileEventLog.open({ root, log, disk: unsyncedDisk, ...options });
  const segments = (): string[] =>
    readdirSync(root)
      .sort()
      .map((name) => join(root, name));

  async function filled(count: number, options: Partial<FileEventLogOptions> = {}): Promise<void> {
    const events = await open(options);
    for (const id of range(1, count)) await events.append(eventOf(id));
    await events.close();
  }

  it('writes what comes together with one fsync', async () => {
    const disk = new FaultyDisk();
    const events = await open({ disk });
    await Promise.all(range(1, 500).map((id) => events.append(eventOf(id))));
    expect(disk.operations.filter((operation) => operation === 'sync').length).to.equal(1);
    await events.close();
    const [line = ''] = readFileSync(segments()[0]!, 'utf8').split('\n');
    expect(JSON.parse(line)).to.deep.equal(eventOf(1));
  });

  it('is read from disk and memory as if they were one, wherever one begins', async () => {
    await filled(100, { segmentBytes: 1000 });
    const events = await open({ recentEntries: 10, segmentBytes: 1000 });
    for (const id of range(101, 130)) await events.append(eventOf(id));
    for (let after = 0; after <= 130; after += 1) {
      expect(await idsOf(events, after, 15), `after ${after}`).to.deep.equal(
        range(after + 1, Math.min(130, after + 15)),
      );
    }
    expect(await idsOf(events, 0)).to.deep.equal(range(1, 130));
    await events.close();
  });

  it('cuts off a torn end, wherever it was torn, and goes on behind it', async () => {
    await filled(3);
    const whole = readFileSync(segments()[0]!);
    const second = whole.indexOf('\n', whole.indexOf('\n') + 1) + 1;
    for (let end = second; end < whole.length; end += 7) {
      writeFileSync(segments()[0]!, whole.subarray(0, end));
      const events = await open();
      expect(await idsOf(events, 0), `torn at ${end}`).to.deep.equal([1, 2]);
      await events.append(eventOf(9));
      await events.close();
      const again = await open();
      expect(await idsOf(again, 0)).to.deep.equal([1, 2, 9]);
      await again.close();
    }
  });

  it('skips lines that were damaged, and zeros at the end', async () => {
    await filled(5);
    const [path = ''] = segments();
    const lines = readFileSync(path, 'utf8').split('\n');
    lines[2] = '\0'.repeat(20);
    writeFileSync(path, lines.join('\n'));
    appendFileSync(path, Buffer.alloc(4096));
    const events = await open();
    expect(await idsOf(events, 0)).to.deep.equal([1, 2, 4, 5]);
    await events.append(eventOf(6));
    await events.close();
    const again = await open({ recentEntries: 1 });
    expect(await idsOf(again, 0)).to.deep.equal([1, 2, 4, 5, 6]);
    await again.close();
    expect(log.said.some((said) => said.sentence.includes('Damaged lines'))).to.equal(true);
  });

  it('starts with segments that are empty, and with files that are not its own', async () => {
    await filled(4, { segmentBytes: 1 });
    writeFileSync(join(root, 'README'), 'mine');
    truncateSync(segments()[3]!, 0);
    const events = await open();
    expect(await idsOf(events, 0)).to.deep.equal([1, 2, 3]);
    await events.append(eventOf(5));
    await events.close();
    expect(await idsOf(await open(), 0)).to.deep.equal([1, 2, 3, 5]);
  });

  it('writes nothing twice and nothing torn after a write that failed half-way', async () => {
    const disk = new FaultyDisk();
    const events = await open({ disk });
    await events.append(eventOf(1));
    disk.failNext('sync', 'ENOSPC', 2);
    expect(await refusal(events.append(eventOf(2)))).to.equal('store-full');
    expect(await refusal(events.append(eventOf(3)))).to.equal('store-full');
    await events.append(eventOf(4));
    await events.close();
    const ids = readFileSync(segments()[0]!, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: number }).id);
    expect(ids).to.deep.equal([1, 2, 3, 4]);
  });

  it('gives the oldest waiting events up when the disk takes nothing for long, and has no hole', async () => {
    const disk = new FaultyDisk();
    const options = { disk, backlog: 20, recentEntries: 5 };
    const events = await open(options);
    for (const id of range(1, 10)) await events.append(eventOf(id));
    disk.failWrites('ENOSPC');
    for (const id of range(11, 45)) expect(await refusal(events.append(eventOf(id)))).to.equal('store-full');
    const { oldestId } = events;
    expect(oldestId).to.be.greaterThan(11).and.to.be.at.most(28);
    expect(await idsOf(events, 0)).to.deep.equal(range(oldestId, 45));
    disk.heal();
    await events.append(eventOf(46));
    expect(await idsOf(events, 0)).to.deep.equal(range(oldestId, 46));
    expect(events.oldestId).to.equal(oldestId);
    await events.close();
    const again = await open(options);
    expect(await idsOf(again, 0)).to.deep.equal(range(oldestId, 46));
    expect(again.oldestId).to.equal(oldestId);
    await again.close();
  });

  it('has, after a stop at any operation, all that was promised and nothing out of order', async () => {
    const options = { segmentBytes: 250, segments: 100 };
    await filled(3, options);
    const disk = new RecordingDisk(root);
    const events = await FileEventLog.open({ root, log, disk, ...options });
    const promised: { readonly id: number; readonly at: number }[] = [];
    for (const group of [[4], [5, 6], [7], [8]])
      await Promise.all(
        group.map((id) => events.append(eventOf(id)).then(() => promised.push({ id, at: disk.length }))),
      );
    await events.close();

    for (const { image, operations } of disk.crashes(images, { promises: promised.map(({ at }) => at) })) {
      await images.start(image, async (to) => {
        const about = `crash after ${operations}, ${image.about}`;
        const again = await FileEventLog.open({ root: to, log, disk: unsyncedDisk, ...options });
        const ids = await idsOf(again, 0);
        expect(ids, about).to.deep.equal(range(1, ids.length));
        const wanted = promised.filter(({ at }) => at <= operations).map(({ id }) => id);
        expect(ids, about).to.include.members([1, 2, 3, ...wanted]);
        await again.append(eventOf(100));
        await again.close();
        const last = await FileEventLog.open({ root: to, log, disk: unsyncedDisk, ...options });
        expect(await idsOf(last, 0), about).to.deep.equal([...ids, 100]);
        await last.close();
      });
    }
    expect(images.crashes).to.be.at.least(IMAGES_LEAST);
  });
});
