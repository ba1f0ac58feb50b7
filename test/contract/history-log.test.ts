import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileHistoryLog } from '../../src/adapters/file/history-log.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { MemoryHistory } from '../support/memory-history.ts';
import { FaultyDisk } from '../unit/adapters/file/faulty-disk.ts';
import { newFolder, recordingLog, removeFolders } from '../unit/adapters/file/folder.ts';
import { range } from './event-log.contract.ts';
import { refusal } from './snapshot-content.ts';
import { decision, historyLogContract, idsIn } from './history-log.contract.ts';

after(removeFolders);

historyLogContract('files', () => {
  const root = newFolder();
  const disk = new FaultyDisk();
  return {
    open: () =>
      FileHistoryLog.open({ root, log: recordingLog(), disk, segmentBytes: 3000, segments: 4, recentEntries: 8 }),
    failAll: (code) => (code === null ? disk.heal() : disk.failWrites(code === 'store-full' ? 'ENOSPC' : 'EIO')),
  };
});

historyLogContract('memory', () => {
  const disk = new MemoryDisk();
  return {
    open: () => Promise.resolve(new MemoryHistory({ disk, maxEntries: 60 })),
    failAll: (code) => disk.failAll(code),
  };
});

describe('The history in files', () => {
  const open = (root: string, more = {}) => FileHistoryLog.open({ root, log: recordingLog(), ...more });
  const files = (root: string): string[] =>
    readdirSync(join(root, 'history'))
      .sort()
      .map((name) => join(root, 'history', name));

  it('lies in a folder of its own as one line a decision, the id first', async () => {
    const root = newFolder();
    const log = await open(root);
    await log.append(decision(1));
    await log.append(decision(2));
    await log.close();
    const [file = '', ...others] = files(root);
    expect(others).to.deep.equal([]);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).to.deep.equal([decision(1), decision(2)]);
    expect(lines[0]).to.match(/^\{"id":1,"at":"2026-/);
  });

  it('cuts off a torn last line, wherever it was torn, and goes on behind it', async () => {
    const root = newFolder();
    const log = await open(root);
    for (const id of [1, 2, 3]) await log.append(decision(id));
    await log.close();
    const [file = ''] = files(root);
    const whole = readFileSync(file);
    const third = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let end = third; end < whole.length; end += 11) {
      writeFileSync(file, whole.subarray(0, end));
      const torn = await open(root);
      expect(await idsIn(torn, 0), `torn at ${end}`).to.deep.equal([1, 2]);
      await torn.append(decision(9));
      await torn.close();
      const again = await open(root);
      expect(await idsIn(again, 0)).to.deep.equal([1, 2, 9]);
      await again.close();
    }
  });

  it('skips a line that is no decision and hands on one of a kind that only a newer version knows', async () => {
    const root = newFolder();
    const log = await open(root);
    await log.append(decision(1));
    await log.close();
    const newer = { ...decision(3), kind: 'lease-lost' };
    appendFileSync(files(root)[0] ?? '', `{"id":2,"at":"x","type":"peer-up"}\n${JSON.stringify(newer)}\n`);
    const again = await open(root);
    expect(await again.read(0, 10)).to.deep.equal([decision(1), newer]);
    await again.close();
  });

  it('begins a file when the last is full, and keeps so many', async () => {
    const root = newFolder();
    const bounds = { segmentBytes: 1000, segments: 3, recentEntries: 2 };
    const log = await open(root, bounds);
    for (const id of range(1, 60)) await log.append(decision(id));
    expect(files(root)).to.have.length(3);
    const ids = await idsIn(log, 0);
    expect(ids.at(-1)).to.equal(60);
    expect(ids).to.deep.equal(range(ids[0] ?? 0, 60));
    await log.close();
  });

  for (const code of ['ENOSPC', 'EROFS', 'EIO']) {
    it(`starts on a disk that cannot make its folder (${code}), and makes it when a decision comes`, async () => {
      const root = newFolder();
      const disk = new FaultyDisk();
      disk.failNext('makeFolder', code, Infinity);
      const log = await open(root, { disk });
      expect(await refusal(log.append(decision(1)))).to.match(/^store-/);
      disk.heal();
      await log.append(decision(2));
      await log.close();
      const again = await open(root);
      expect(await idsIn(again, 0)).to.deep.equal([1, 2]);
      await again.close();
    });
  }
});
