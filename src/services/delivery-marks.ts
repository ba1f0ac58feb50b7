import { backoffMs } from '../core/backoff.ts';
import { keyOfRow, type Delivery } from '../core/delivery.ts';
import type { SnapshotKey, StoredSnapshot } from '../core/snapshot.ts';
import { messageOf } from '../errors.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';

/** Whether a takeover's delivery says that the application has absorbed this version of the key, or a newer one. */
export function handedOver(delivery: Delivery, key: SnapshotKey, version: number): boolean {
  const { reason, dataCenter, snapshots } = delivery;
  if (reason !== 'takeover') return false;
  return snapshots.some(
    (row) =>
      (row.heldFrom ?? dataCenter) === key.dataCenter &&
      row.workload === key.workload &&
      row.origin === key.origin &&
      row.version >= version &&
      row.state === 'acknowledged',
  );
}

/** What the application has absorbed and the store does not say so. A delivery by hand changes nothing in the store. */
export function unmarked(delivery: Delivery, store: SnapshotStore): StoredSnapshot[] {
  if (delivery.reason === 'manual') return [];
  return delivery.snapshots
    .filter((row) => row.state === 'acknowledged')
    .flatMap((row) => store.rowsOf(keyOfRow(delivery, row)).filter((stored) => stored.version === row.version))
    .filter((stored) => stored.deliveredBy === null);
}

/**
 * Marks what a takeover delivered, so that it is not delivered by itself again, and what was returned, so that it is
 * announced once. The delivery's record says it as well: where the store does not take the marks now, they follow.
 */
export async function markDelivered(context: Context, delivery: Delivery, store: SnapshotStore): Promise<void> {
  const mark = async (): Promise<void> => {
    for (const { key, version } of unmarked(delivery, store)) await store.markDelivered(key, version, delivery.id);
  };
  try {
    await mark();
  } catch (error) {
    const { clock, log, random, tasks } = context;
    log.warn({ delivery: delivery.id, error: messageOf(error) }, 'what was delivered cannot be marked yet');
    tasks.run('mark what was delivered', async (signal) => {
      for (let failures = 1; !signal.aborted && unmarked(delivery, store).length > 0; failures += 1) {
        await clock.sleep(backoffMs(failures, { firstMs: 500, mostMs: 10 * SECOND_MS }, random()), signal);
        await mark().catch(() => undefined);
      }
    });
  }
}
