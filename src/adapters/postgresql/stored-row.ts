import { createHash } from 'node:crypto';
import type { StoredSnapshot } from '../../core/snapshot.ts';
import { parseRow, type ParsedRow } from '../storage/snapshot-row.ts';

/** A row as the table has it. A bigint comes as text: numbers of JavaScript end at 2^53, and so do versions. */
export interface TableRow {
  readonly id: string;
  readonly data_center: string;
  readonly workload: string;
  readonly origin: string;
  readonly version: string;
  readonly bytes: string;
  readonly sha256: string;
  readonly taken_at: string;
  readonly position: string | null;
  readonly labels: string;
  readonly withdrawn: boolean;
  readonly place: string;
  readonly delivered_by: string | null;
  readonly incarnation: string;
  readonly stored_at: string;
  readonly placed_at: string;
  readonly reason: string | null;
  readonly encryption_key: string | null;
  readonly stored_bytes: string | null;
  readonly seal: string;
}

/** The columns of a row's values, in the order of `valuesOf`. */
export const ROW_COLUMNS: readonly (keyof TableRow)[] = [
  'data_center',
  'workload',
  'origin',
  'version',
  'bytes',
  'sha256',
  'taken_at',
  'position',
  'labels',
  'withdrawn',
  'place',
  'delivered_by',
  'incarnation',
  'stored_at',
  'placed_at',
  'reason',
  'encryption_key',
  'stored_bytes',
  'seal',
];

export function valuesOf(row: StoredSnapshot): readonly unknown[] {
  const { key, version, bytes, sha256, takenAt, position, labels, withdrawn } = row;
  const { place, deliveredBy, incarnation, storedAt, placedAt, reason, encryption } = row;
  const { dataCenter, workload, origin } = key;
  const description = [version, bytes, sha256, takenAt, position, JSON.stringify(labels), withdrawn];
  const fate = [place, deliveredBy, incarnation, storedAt, placedAt, reason];
  const stored = [encryption?.keyId ?? null, encryption?.storedBytes ?? null];
  return [dataCenter, workload, origin, ...description, ...fate, ...stored, sealOf(row)];
}

/** SHA-256 of what the row says, in one order of fields: a version that was altered by hand is as bad as a flipped bit. */
export function sealOf(row: StoredSnapshot): string {
  return createHash('sha256').update(canonical(row)).digest('hex');
}

/** Takes an untrusted row; what it says is believed only when its seal matches. */
export function parseTableRow(row: TableRow): ParsedRow {
  let labels: unknown;
  try {
    labels = JSON.parse(row.labels);
  } catch {
    return { kind: 'damaged', problem: 'its labels are no JSON' };
  }
  const value = canonical({
    key: { dataCenter: row.data_center, workload: row.workload, origin: row.origin },
    version: Number(row.version),
    bytes: Number(row.bytes),
    sha256: row.sha256,
    takenAt: row.taken_at,
    position: row.position,
    labels,
    withdrawn: row.withdrawn,
    place: row.place,
    deliveredBy: row.delivered_by,
    incarnation: Number(row.incarnation),
    storedAt: row.stored_at,
    placedAt: row.placed_at,
    reason: row.reason,
    ...(row.encryption_key === null && row.stored_bytes === null
      ? {}
      : { encryption: { keyId: row.encryption_key, storedBytes: Number(row.stored_bytes) } }),
  });
  return parseRow(`{"format":1,"sha256":${JSON.stringify(row.seal)},"value":${value}}`);
}

type Loose = { readonly [name in keyof StoredSnapshot]: unknown } & { readonly key: StoredSnapshot['key'] };

function canonical(row: Loose): string {
  const { dataCenter, workload, origin } = row.key;
  return JSON.stringify({
    key: { dataCenter, workload, origin },
    version: row.version,
    bytes: row.bytes,
    sha256: row.sha256,
    takenAt: row.takenAt,
    position: row.position,
    labels: row.labels,
    withdrawn: row.withdrawn,
    place: row.place,
    deliveredBy: row.deliveredBy,
    incarnation: row.incarnation,
    storedAt: row.storedAt,
    placedAt: row.placedAt,
    reason: row.reason,
    // Of a row without encryption the seal is that of a program that knew of none.
    ...(row.encryption === undefined ? {} : { encryption: row.encryption }),
  });
}

/** A text that PostgreSQL can keep as it is: what a person wrote may have what no column takes. */
export function keepable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}
