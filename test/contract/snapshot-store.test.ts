import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SnapshotKey } from '../../src/core/snapshot.ts';
import { FileSnapshotStore } from '../../src/adapters/file/snapshot-store.ts';
import { versionPaths } from '../../src/adapters/file/snapshot-paths.ts';
import { keyringOf } from '../support/encryption-keys.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { MemorySnapshotStore } from '../support/memory-snapshot-store.ts';
import { FaultyDisk } from '../unit/adapters/file/faulty-disk.ts';
import { newFolder, recordingLog, removeFolders } from '../unit/adapters/file/folder.ts';
import { snapshotStoreContract, type StoreHarness } from './snapshot-store.contract.ts';

const wallMs = (): number => Date.UTC(2026, 0, 2);

after(removeFolders);

/** @param keyId with which what is stored is encrypted; null: it is stored as it comes */
function files(keyId: string | null): StoreHarness {
  const root = newFolder();
  const disk = new FaultyDisk();
  const keyring = keyId === null ? undefined : keyringOf(keyId);
  const bytesPath = (key: SnapshotKey, version: number): string => {
    const paths = versionPaths(root, key, version);
    try {
      readFileSync(paths.quarantined);
      return paths.quarantined;
    } catch {
      return paths.bytes;
    }
  };
  return {
    open: (options) =>
      FileSnapshotStore.open({ root, name: 'held', log: recordingLog(), wallMs, disk, keyring, ...options }),
    damage: (key, version) => {
      const path = bytesPath(key, version);
      const bytes = readFileSync(path);
      const at = keyId === null ? 0 : bytes.length - 1;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    lose: (key, version) => rmSync(bytesPath(key, version)),
    failNext: (code) => disk.failNext('write', code === 'store-full' ? 'ENOSPC' : 'EIO'),
    leftovers: () => readdirSync(join(root, '.tmp')),
  };
}

snapshotStoreContract('files', () => files(null));

snapshotStoreContract('encrypted files', () => files('0badcafe'));

snapshotStoreContract('memory', () => {
  const disk = new MemoryDisk();
  return {
    open: (options) => Promise.resolve(new MemorySnapshotStore({ disk, name: 'held', wallMs, ...options })),
    damage: (key, version) => disk.damage(key, version),
    lose: (key, version) => disk.lose(key, version),
    failNext: (code) => disk.failNext(code),
    leftovers: () => [],
  };
});
