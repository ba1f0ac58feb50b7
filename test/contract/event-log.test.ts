import { FileEventLog } from '../../src/adapters/file/event-log.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { FaultyDisk } from '../unit/adapters/file/faulty-disk.ts';
import { newFolder, recordingLog, removeFolders } from '../unit/adapters/file/folder.ts';
import { eventLogContract } from './event-log.contract.ts';

after(removeFolders);

eventLogContract('files', () => {
  const root = newFolder();
  const disk = new FaultyDisk();
  return {
    open: () =>
      FileEventLog.open({ root, log: recordingLog(), disk, segmentBytes: 1500, segments: 4, recentEntries: 8 }),
    failAll: (code) => (code === null ? disk.heal() : disk.failWrites(code === 'store-full' ? 'ENOSPC' : 'EIO')),
  };
});

eventLogContract('memory', () => {
  const disk = new MemoryDisk();
  return {
    open: () => Promise.resolve(new MemoryEventLog({ disk, maxEvents: 60 })),
    failAll: (code) => disk.failAll(code),
  };
});
