import type { SnapshotKey, StoredSnapshot } from '../../core/snapshot.ts';
import type { ByteRange } from '../../ports/snapshot-store.ts';
import { GatewayError } from '../../errors.ts';

export function notThere(key: SnapshotKey, version: number): GatewayError {
  return new GatewayError('not-found', `There is no version ${version} of "${key.origin}".`, {
    facts: { ...key, version },
  });
}

export function damaged(row: StoredSnapshot, reason: string): GatewayError {
  return new GatewayError('snapshot-damaged', `Version ${row.version} of "${row.key.origin}" is damaged: ${reason}.`, {
    facts: { ...row.key, version: row.version, reason },
  });
}

/** @throws GatewayError `range-not-satisfiable` */
export function assertRange(row: StoredSnapshot, range: ByteRange): void {
  const { start, end } = range;
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end < row.bytes) return;
  throw new GatewayError('range-not-satisfiable', `The snapshot has ${row.bytes} bytes.`, {
    facts: { ...row.key, start, end },
  });
}
