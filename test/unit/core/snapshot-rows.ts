import type { SnapshotKey, StoredSnapshot } from '../../../src/core/snapshot.ts';

export const KEY: SnapshotKey = { dataCenter: 'dc2', workload: 'dc2', origin: 'orders' };

/** A stored row with what the test cares about; everything else is plausible and equal. */
export function row(version: number, more: Partial<StoredSnapshot> = {}): StoredSnapshot {
  return {
    key: KEY,
    version,
    bytes: 10,
    sha256: digestOf(version),
    takenAt: '2026-01-02T03:04:05.000Z',
    position: null,
    labels: {},
    withdrawn: false,
    place: 'live',
    deliveredBy: null,
    incarnation: 1,
    storedAt: '2026-01-02T03:04:06.000Z',
    placedAt: '2026-01-02T03:04:06.000Z',
    reason: null,
    ...more,
  };
}

/** Not a digest of anything: 64 hexadecimal digits that differ for different versions. */
export function digestOf(version: number): string {
  return version.toString(16).padStart(64, '0');
}
