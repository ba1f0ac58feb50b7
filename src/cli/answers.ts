import type { Delivery } from '../core/delivery.ts';
import type { GatewayEvent } from '../core/events.ts';
import type { KnownWatermarks, Watermarks } from '../core/watermarks.ts';
import type {
  DamagedView,
  HeldView,
  OutgoingView,
  OwnVersionView,
  PeerView,
  StatusView,
  SyncView,
} from '../ports/gateway-api.ts';
import type { HistoryEntry, OwnershipView, RequestRow, VerifyRow } from '../ports/ownership-api.ts';
import type { MovePlan } from '../wire/ownership.ts';
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

export function asDeliveries(target: Target, value: unknown): Delivery[] {
  return rows(target, value, 'deliveries').map((row) => asDelivery(target, row));
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

export interface RequestAnswer {
  readonly requestId: string;
  readonly rows: readonly RequestRow[];
}

/** Of a snapshot request that was waited for, whether or not it ended in time. */
export function asRequestAnswer(target: Target, value: unknown): RequestAnswer {
  const { requestId, rows: all } = checked<RequestAnswer>(target, value, ['requestId', 'rows']);
  const found = rows(target, all, 'rows').map((row) => checked<RequestRow>(target, row, ['origin', 'state']));
  return { requestId, rows: found };
}

/** Of a sync, whether or not it ended in time. */
export function asSync(target: Target, value: unknown): SyncView {
  const { syncId, dataCenter, origins } = checked<SyncView>(target, value, ['syncId', 'dataCenter', 'origins']);
  const found = rows(target, origins, 'origins').map((row) =>
    checked<SyncView['origins'][number]>(target, row, ['origin', 'state']),
  );
  return { syncId, dataCenter, origins: found };
}

export function asOwnership(target: Target, value: unknown): OwnershipView {
  return checked<OwnershipView>(target, value, ['workload', 'owner', 'epoch', 'local']);
}

export function asOwnershipRows(target: Target, value: unknown): OwnershipView[] {
  return rows(target, value, 'ownership').map((row) => asOwnership(target, row));
}

export function asPlan(target: Target, value: unknown): MovePlan {
  return checked<MovePlan>(target, value, ['workload', 'to', 'epoch', 'checks', 'steps', 'losses']);
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

export function asHistory(target: Target, value: unknown): HistoryEntry[] {
  return rows(target, value, 'history').map((row) =>
    checked<HistoryEntry>(target, row, ['id', 'at', 'kind', 'actor', 'outcome', 'inputs', 'steps']),
  );
}

export interface Verification {
  readonly dataCenter: string;
  readonly rows: readonly VerifyRow[];
  /** Rows that are neither the same nor on their way. */
  readonly differences: number;
}

export function asVerification(target: Target, value: unknown): Verification {
  return checked<Verification>(target, value, ['dataCenter', 'rows', 'differences']);
}

export function asWatermarks(target: Target, value: unknown): Watermarks {
  const all = checked<Watermarks>(target, value, []);
  if (!Object.values<unknown>(all).every(isObject)) throw noGateway(target, 'it gave something that is no watermark');
  return all;
}

export function asPeerWatermarks(target: Target, value: unknown): KnownWatermarks | NoWatermarks {
  const answer = checked<KnownWatermarks | NoWatermarks>(target, value, ['incarnation', 'watermarks']);
  asWatermarks(target, answer.watermarks);
  return answer;
}

/** Of a peer that was never heard to say any. */
interface NoWatermarks {
  readonly incarnation: null;
  readonly watermarks: Watermarks;
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
