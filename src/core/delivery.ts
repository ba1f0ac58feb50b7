import { listed, type ListedSnapshot, type SnapshotKey, type StoredSnapshot } from './snapshot.ts';
import type { Watermarks } from './watermarks.ts';

/**
 * A delivery hands held snapshots to the local application, one by one, until each is acknowledged or rejected.
 *
 * It pins its versions: newer ones that arrive meanwhile do not change it, and no retention removes them. Every
 * function here takes a delivery and gives a new one, or says by name why it cannot.
 */
export type DeliveryReason = 'takeover' | 'return' | 'manual';
export type DeliveryState = 'open' | 'done' | 'cancelled';
export type DeliveredState = 'pending' | 'acknowledged' | 'rejected' | 'damaged';

export interface DeliveredSnapshot extends ListedSnapshot {
  /** From whom it is held, where that is not the delivery's own `dataCenter`: the workload had another owner before. */
  readonly heldFrom?: string;
  /** Path and query on the local API. */
  readonly href: string;
  /** `damaged`: no version of it was left that could be offered; said, and not waited for. */
  readonly state: DeliveredState;
}

export interface Delivery {
  readonly id: string;
  readonly reason: DeliveryReason;
  /** The DC whose snapshots these are (takeover, manual) or that returned them (return). */
  readonly dataCenter: string;
  /** 2: snapshots that the peer replicated; 4: our own, returned (interface §5). */
  readonly heartbeatMsgType: 2 | 4;
  /** The workload that changes its owner with it; of a delivery by hand, or of a return, the one that the snapshots are of. */
  readonly workload: string;
  /** The fencing token that the new owner will have; of a delivery that moves no ownership, the workload's present one. */
  readonly epoch: number;
  /** How far the application had got whose state this is, by the last word of its gateway. */
  readonly watermarks: Watermarks;
  readonly createdAt: string;
  readonly state: DeliveryState;
  /** How often it was announced; every announcement after the first is a repeat. */
  readonly attempt: number;
  readonly snapshots: readonly DeliveredSnapshot[];
}

export interface NewDelivery {
  readonly id: string;
  readonly reason: DeliveryReason;
  readonly dataCenter: string;
  /** When not given: the data centre's own. */
  readonly workload?: string;
  /** When not given: 0, no token. */
  readonly epoch?: number;
  readonly watermarks?: Watermarks;
  readonly createdAt: string;
  readonly snapshots: readonly StoredSnapshot[];
}

export function createDelivery(fresh: NewDelivery): Delivery {
  return {
    id: fresh.id,
    reason: fresh.reason,
    dataCenter: fresh.dataCenter,
    workload: fresh.workload ?? fresh.dataCenter,
    heartbeatMsgType: fresh.reason === 'return' ? 4 : 2,
    epoch: fresh.epoch ?? 0,
    watermarks: fresh.watermarks ?? {},
    createdAt: fresh.createdAt,
    state: 'open',
    attempt: 1,
    snapshots: firstRows(fresh),
  };
}

/** The workload is named only where the delivery has the origin of two of them, so that `href + '/ack'` is a path too. */
function firstRows({ id, dataCenter, snapshots }: NewDelivery): DeliveredSnapshot[] {
  const workloads = new Map<string, number>();
  for (const { key } of snapshots) workloads.set(key.origin, (workloads.get(key.origin) ?? 0) + 1);
  return snapshots.map((snapshot) => {
    const { workload, origin } = snapshot.key;
    const isAmbiguous = (workloads.get(origin) ?? 0) > 1;
    const query = isAmbiguous ? `?workload=${encodeURIComponent(workload)}` : '';
    return rowOf(dataCenter, snapshot, `/v1/deliveries/${id}/snapshots/${encodeURIComponent(origin)}${query}`);
  });
}

function rowOf(dataCenter: string, snapshot: StoredSnapshot, href: string): DeliveredSnapshot {
  const { dataCenter: heldFrom } = snapshot.key;
  return { ...listed(snapshot), ...(heldFrom === dataCenter ? {} : { heldFrom }), href, state: 'pending' };
}

/** Where the row's versions lie. */
export function keyOfRow(delivery: Delivery, { workload, origin, heldFrom }: DeliveredSnapshot): SnapshotKey {
  return { dataCenter: heldFrom ?? delivery.dataCenter, workload, origin };
}

/** The row of an origin; the workload may be left out where the delivery has only one for that origin. */
export function findRow(delivery: Delivery, origin: string, workload?: string): DeliveredSnapshot | undefined {
  const rows = delivery.snapshots.filter((row) => row.origin === origin);
  if (workload !== undefined) return rows.find((row) => row.workload === workload);
  return rows.find((row) => row.workload === delivery.dataCenter) ?? rows[0];
}

export type Settled =
  | { readonly kind: 'settled'; readonly delivery: Delivery; readonly row: DeliveredSnapshot; readonly done: boolean }
  /** The same answer was given before: a repeated acknowledgement is no error. */
  | { readonly kind: 'repeated'; readonly delivery: Delivery }
  | { readonly kind: 'no-such-snapshot' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'other-version'; readonly version: number }
  | { readonly kind: 'settled-otherwise'; readonly state: DeliveredState };

export interface Verdict {
  readonly origin: string;
  readonly workload?: string | undefined;
  readonly version?: number | undefined;
  readonly state: 'acknowledged' | 'rejected';
}

/** Takes the application's word on one snapshot. When it was the last one, the delivery is done. */
export function settle(delivery: Delivery, verdict: Verdict): Settled {
  const row = findRow(delivery, verdict.origin, verdict.workload);
  if (row === undefined) return { kind: 'no-such-snapshot' };
  if (verdict.version !== undefined && verdict.version !== row.version) {
    return { kind: 'other-version', version: row.version };
  }
  if (delivery.state === 'cancelled') return { kind: 'cancelled' };
  if (row.state === verdict.state) return { kind: 'repeated', delivery };
  if (row.state !== 'pending') return { kind: 'settled-otherwise', state: row.state };
  const settled = { ...row, state: verdict.state };
  const next = concluded(withRow(delivery, row, settled));
  return { kind: 'settled', delivery: next, row: settled, done: next.state === 'done' };
}

/**
 * Offers the version before in place of one that was found damaged or that the application rejected; with none left
 * the row ends as `exhausted` says, and when it was the last one open the delivery is done. A row that the application
 * has already answered, or whose delivery is over, stays as it is: nobody waits for it.
 */
export function replaceVersion(
  delivery: Delivery,
  row: DeliveredSnapshot,
  before: StoredSnapshot | undefined,
  exhausted: 'damaged' | 'rejected',
): Delivery {
  if (delivery.state !== 'open' || row.state !== 'pending') return delivery;
  if (before === undefined) return concluded(withRow(delivery, row, { ...row, state: exhausted }));
  return withRow(delivery, row, rowOf(delivery.dataCenter, before, row.href));
}

export function cancel(delivery: Delivery): Delivery {
  return delivery.state === 'open' ? { ...delivery, state: 'cancelled' } : delivery;
}

/** One more announcement of an open delivery: the number tells the application that it may have seen it before. */
export function announceAgain(delivery: Delivery): Delivery {
  return { ...delivery, attempt: delivery.attempt + 1 };
}

/** Whether an open delivery needs this version, so that no retention may remove it. */
export function pins(delivery: Delivery, key: SnapshotKey, version: number): boolean {
  return (
    delivery.state === 'open' &&
    delivery.snapshots.some(
      (row) =>
        row.workload === key.workload &&
        row.origin === key.origin &&
        row.version === version &&
        (row.heldFrom ?? delivery.dataCenter) === key.dataCenter,
    )
  );
}

function withRow(delivery: Delivery, old: DeliveredSnapshot, fresh: DeliveredSnapshot): Delivery {
  return { ...delivery, snapshots: delivery.snapshots.map((row) => (isSameRow(row, old) ? fresh : row)) };
}

/** By name and version, not by identity: the caller's row may come from a copy that was read from a record. */
function isSameRow(a: DeliveredSnapshot, b: DeliveredSnapshot): boolean {
  return a.workload === b.workload && a.origin === b.origin && a.version === b.version;
}

function concluded(delivery: Delivery): Delivery {
  const open = delivery.snapshots.some((row) => row.state === 'pending');
  return open || delivery.state !== 'open' ? delivery : { ...delivery, state: 'done' };
}
