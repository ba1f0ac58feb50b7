import type { Delivery } from '../core/delivery.ts';
import type { GatewayEvent } from '../core/events.ts';
import type {
  DamagedView,
  HeldView,
  OutgoingView,
  OwnVersionView,
  PeerView,
  StatusView,
} from '../ports/gateway-api.ts';
import { noGateway } from './local-api-errors.ts';
import type { Target } from './target.ts';

/**
 * The answers' JSON as the types of interface §3. What answers may be anything that speaks HTTP: each function looks
 * at the fields without which it could not be the answer of a gateway, and trusts the rest of one that has them.
 */

export function asStatus(target: Target, value: unknown): StatusView {
  return checked<StatusView>(target, value, ['dataCenter', 'peers', 'store', 'outgoing']);
}

export function asDelivery(target: Target, value: unknown): Delivery {
  return checked<Delivery>(target, value, ['id', 'reason', 'snapshots']);
}

export function asEvent(target: Target, value: unknown): GatewayEvent {
  return checked<GatewayEvent>(target, value, ['type']);
}

export interface ReturnAnswer {
  readonly returnId: string;
  readonly snapshots: readonly { readonly workload: string; readonly origin: string; readonly version: number }[];
}

export function asReturn(target: Target, value: unknown): ReturnAnswer {
  return checked<ReturnAnswer>(target, value, ['returnId', 'snapshots']);
}

export function asRequest(target: Target, value: unknown): { readonly requestId: string } {
  return checked<{ readonly requestId: string }>(target, value, ['requestId']);
}

/** What a posted snapshot is answered with. */
export type Receipt = Omit<OutgoingView, 'position' | 'labels' | 'withdrawn'>;

export function asReceipt(target: Target, value: unknown): Receipt {
  return checked<Receipt>(target, value, ['origin', 'version', 'sha256', 'replication']);
}

export function asOutgoingRows(target: Target, value: unknown): OutgoingView[] {
  return rows(target, value, 'snapshots').map((row) =>
    checked<OutgoingView>(target, row, ['origin', 'version', 'replication']),
  );
}

export function asHeldRows(target: Target, value: unknown): HeldView[] {
  return rows(target, value, 'snapshots').map((row) => checked<HeldView>(target, row, ['origin', 'version', 'state']));
}

export function asOwnVersions(target: Target, value: unknown): OwnVersionView[] {
  return rows(target, value, 'snapshots').map((row) =>
    checked<OwnVersionView>(target, row, ['store', 'origin', 'version', 'state']),
  );
}

export function asDamaged(target: Target, value: unknown): DamagedView[] {
  return rows(target, value, 'damaged').map((row) => checked<DamagedView>(target, row, ['store', 'id', 'bytes']));
}

export function asPeers(target: Target, value: unknown): PeerView[] {
  return rows(target, value, 'peers').map((row) => checked<PeerView>(target, row, ['name', 'state']));
}

export function asEvents(target: Target, value: unknown): GatewayEvent[] {
  return rows(target, value, 'events').map((row) => checked<GatewayEvent>(target, row, ['id', 'type']));
}

/** A list, bare or as the one field of an object. */
function rows(target: Target, value: unknown, field: string): unknown[] {
  const list: unknown = isObject(value) && field in value ? value[field] : value;
  if (!Array.isArray(list)) throw noGateway(target, `it gave no list of ${field}`);
  return list as unknown[];
}

function checked<T>(target: Target, value: unknown, fields: readonly (keyof T & string)[]): T {
  if (!isObject(value)) throw noGateway(target, 'it gave no object');
  const missing = fields.find((field) => !(field in value));
  if (missing !== undefined) throw noGateway(target, `its answer has no "${missing}"`);
  return value as T;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
