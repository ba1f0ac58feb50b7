import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileRecords } from '../../src/adapters/file/records.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { MemoryRecords } from '../support/memory-records.ts';
import { FaultyDisk } from '../unit/adapters/file/faulty-disk.ts';
import { newFolder, recordingLog, removeFolders } from '../unit/adapters/file/folder.ts';
import { recordsContract } from './records.contract.ts';

after(removeFolders);

recordsContract('files', () => {
  const root = newFolder();
  const disk = new FaultyDisk();
  return {
    open: () => FileRecords.open({ root, log: recordingLog(), disk }),
    damage: (name, text) => writeFileSync(join(root, `${name}.json`), text),
    failNext: (code) => disk.failNext('sync', code === 'store-full' ? 'ENOSPC' : 'EIO'),
    writes: () => disk.operations.filter((operation) => operation === 'create').length,
  };
});

recordsContract('memory', () => {
  const disk = new MemoryDisk();
  return {
    open: () => Promise.resolve(new MemoryRecords({ disk })),
    damage: (name, text) => disk.records.set(name, text),
    failNext: (code) => disk.failNext(code),
    writes: () => disk.writes,
  };
});
