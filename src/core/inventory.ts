import { fateOf, newestOfEach, type StoredSnapshot } from './snapshot.ts';
import type { PeerRow } from './replication-plan.ts';

/** What a gateway tells a peer of the peer's own snapshots: the newest version taken in, and its fate. */
export function inventoryRows(rows: readonly StoredSnapshot[]): PeerRow[] {
  return newestOfEach(rows).map((row) => ({
    workload: row.key.workload,
    origin: row.key.origin,
    version: row.version,
    sha256: row.sha256,
    fate: fateOf(row),
  }));
}

/**
 * The text over which both sides compute the inventory's digest. Lost rows are left out, as if they had never been:
 * what the two sides agree on is what need not be sent.
 */
export function inventoryText(rows: readonly PeerRow[]): string {
  return rows
    .filter((row) => row.fate !== 'lost')
    .map((row) => `${row.workload}\0${row.origin}\0${String(row.version)}\0${row.sha256}`)
    .sort()
    .join('\n');
}
