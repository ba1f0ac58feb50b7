import * as v from 'valibot';
import type { StoredEncryption, StoredSnapshot } from '../../core/snapshot.ts';
import type { PutSnapshot } from '../../ports/snapshot-store.ts';
import { GatewayError } from '../../errors.ts';
import { dataCenterName, originProblem, positiveNumber } from '../../wire/names.ts';
import type { Content } from './content.ts';
import { ENCRYPTED_FORMAT, seal, unseal } from './sealed-document.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));

/** A row as it lies beside its bytes, in `VERSION.json`. */
const rowSchema = v.object({
  key: v.object({
    dataCenter: dataCenterName,
    workload: dataCenterName,
    origin: v.pipe(
      v.string(),
      v.check((origin) => originProblem(origin) === null, 'is no origin'),
    ),
  }),
  version: positiveNumber,
  bytes: count,
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  takenAt: v.string(),
  position: v.nullable(v.string()),
  labels: v.record(v.string(), v.string()),
  withdrawn: v.boolean(),
  place: v.picklist(['live', 'set-aside', 'quarantined', 'lost']),
  deliveredBy: v.nullable(v.string()),
  incarnation: count,
  storedAt: v.string(),
  // Rows of version 0.1 do not have the two.
  placedAt: v.optional(v.string()),
  reason: v.optional(v.nullable(v.string()), null),
  encryption: v.exactOptional(v.object({ keyId: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/)), storedBytes: count })),
});

export type ParsedRow =
  | { readonly kind: 'row'; readonly row: StoredSnapshot }
  | { readonly kind: 'damaged'; readonly problem: string }
  | { readonly kind: 'newer'; readonly problem: string };

export function printRow(row: StoredSnapshot): string {
  // Without encryption as ever: a document that an older program reads, too.
  return row.encryption === undefined ? seal(row) : seal(row, ENCRYPTED_FORMAT);
}

/** Takes untrusted text. */
export function parseRow(text: string): ParsedRow {
  const document = unseal(text);
  if (document.kind === 'newer')
    return { kind: 'newer', problem: `a newer version wrote it (format ${document.format})` };
  if (document.kind === 'damaged') return document;
  const parsed = v.safeParse(rowSchema, document.value);
  if (parsed.success) {
    const { output } = parsed;
    return { kind: 'row', row: { ...output, placedAt: output.placedAt ?? output.storedAt } };
  }
  return { kind: 'damaged', problem: `${v.getDotPath(parsed.issues[0]) ?? 'it'}: ${parsed.issues[0].message}` };
}

/** The row of a new version. */
export function rowOf(
  request: PutSnapshot,
  content: Content & { readonly encryption?: StoredEncryption | null },
  numbers: { readonly version: number; readonly storedAt: string },
): StoredSnapshot {
  return {
    key: { dataCenter: request.key.dataCenter, workload: request.key.workload, origin: request.key.origin },
    version: numbers.version,
    bytes: content.bytes,
    sha256: content.sha256,
    takenAt: request.takenAt(),
    position: request.position,
    labels: { ...request.labels },
    withdrawn: content.bytes === 0,
    place: 'live',
    deliveredBy: null,
    incarnation: request.incarnation,
    storedAt: numbers.storedAt,
    placedAt: numbers.storedAt,
    reason: null,
    ...(content.encryption == null ? {} : { encryption: content.encryption }),
  };
}

/**
 * Refuses a name that must not become a path, whoever let it through: the last line of defence.
 * @throws GatewayError `bad-request`
 */
export function assertStorable(request: PutSnapshot): void {
  const { dataCenter, workload, origin } = request.key;
  const problem = originProblem(origin);
  if (problem !== null) throw new GatewayError('bad-request', `This is no origin: ${problem}.`, { field: 'origin' });
  for (const name of [dataCenter, workload]) {
    if (!v.is(dataCenterName, name))
      throw new GatewayError('bad-request', 'This is no name of a data centre or workload.', { field: 'workload' });
  }
}

/**
 * Refuses a version that would go back or give a second content to one version. The caller's `version` has decided
 * already; a store does not depend on it.
 *
 * @param rows every row of the key, newest first
 * @throws GatewayError `version-older`, `version-conflict`
 */
export function assertAdmissible(rows: readonly StoredSnapshot[], version: number, sha256: string): void {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new RangeError(`a version must be a positive integer below 2^53, not ${version}`);
  }
  const newest = rows[0];
  if (newest === undefined || version > newest.version) return;
  const same = rows.find((row) => row.version === version);
  if (same?.place === 'lost' && same.sha256 === sha256) return;
  const facts = { ...newest.key, version, has: newest.version };
  if (same === undefined)
    throw new GatewayError('version-older', `Version ${newest.version} is there, and ${version} is older.`, { facts });
  throw new GatewayError('version-conflict', `Version ${version} is there already.`, { facts });
}
