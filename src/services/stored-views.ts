import { listed, newestFirst } from '../core/snapshot.ts';
import { ownState, type DamagedView, type OwnVersionView } from '../ports/gateway-api.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';

interface Named {
  readonly name: string;
  readonly store: SnapshotStore;
}

/** Every version of our own: what the application posted, then what peers gave back. */
export function ownVersions(stores: readonly Named[], workload: string | undefined): OwnVersionView[] {
  return (['outgoing', 'returned'] as const).flatMap((name) => {
    const rows = stores.find((one) => one.name === name)?.store.rows() ?? [];
    return rows
      .filter((row) => workload === undefined || row.key.workload === workload)
      .sort(newestFirst)
      .map((row) => ({
        store: name,
        dataCenter: row.key.dataCenter,
        ...listed(row),
        state: ownState(row),
        storedAt: row.storedAt,
        placedAt: row.placedAt,
        reason: row.reason,
      }));
  });
}

/** What the stores keep of damaged content, the oldest first. @throws GatewayError `store-unavailable` */
export async function damagedContents(stores: readonly Named[]): Promise<DamagedView[]> {
  const kept: DamagedView[] = [];
  for (const { name, store } of stores)
    for (const content of await store.damaged()) kept.push({ store: name, ...content });
  return kept.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
