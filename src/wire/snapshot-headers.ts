import type { SnapshotDescription } from '../core/snapshot.ts';
import { LARGEST_NUMBER, PROTOCOL } from '../units.ts';
import {
  APPLICATION_NAME_MAX,
  DATA_CENTER_NAME,
  LABEL_NAME,
  LABELS_MAX,
  decodePercent,
  shortTextProblem,
} from './names.ts';

/**
 * Types 2 and 4: a snapshot's bytes are the body, the rest of the tuple and the snapshot's description are headers.
 * Position and labels travel percent-encoded; the digest is `Repr-Digest` (RFC 9530).
 */
export interface SnapshotEnvelope {
  readonly heartbeatMsgType: 2 | 4;
  readonly heartbeatCnt: number;
  readonly dataCenterOrigin: string;
  readonly applicationName: string;
  /** The sender's incarnation. */
  readonly incarnation: number;
  readonly workload: string;
  readonly origin: string;
  readonly description: SnapshotDescription;
  /** Of a type 4: which return this belongs to and how many snapshots that has, so that they are delivered together. */
  readonly batch: { readonly id: string; readonly total: number } | null;
}

export const HEADER = {
  messageType: 'crossdc-msg-type',
  count: 'crossdc-heartbeat-cnt',
  dataCenter: 'crossdc-data-center',
  application: 'crossdc-application',
  incarnation: 'crossdc-incarnation',
  protocol: 'crossdc-protocol',
  workload: 'crossdc-workload',
  version: 'crossdc-version',
  takenAt: 'crossdc-taken-at',
  position: 'crossdc-position',
  labelPrefix: 'crossdc-label-',
  withdrawn: 'crossdc-withdrawn',
  batch: 'crossdc-return',
} as const;

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** `sha-256=:BASE64:` of a hexadecimal digest (RFC 9530). */
export function reprDigest(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}

/** The hexadecimal sha-256 of a `Repr-Digest` header, which may list other algorithms too; null when there is none. */
export function parseReprDigest(header: string): string | null {
  const match = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(header);
  return match?.[1] === undefined ? null : Buffer.from(match[1], 'base64').toString('hex');
}

/** Headers of a description, as a reader of a snapshot gets them and as they travel to a peer. */
export function descriptionHeaders(description: SnapshotDescription): Record<string, string> {
  const headers: Record<string, string> = {
    [HEADER.version]: String(description.version),
    [HEADER.takenAt]: description.takenAt,
    'repr-digest': reprDigest(description.sha256),
  };
  if (description.position !== null) headers[HEADER.position] = encodeURIComponent(description.position);
  for (const [name, value] of Object.entries(description.labels)) {
    headers[HEADER.labelPrefix + name] = encodeURIComponent(value);
  }
  return headers;
}

export function envelopeHeaders(envelope: SnapshotEnvelope): Record<string, string> {
  return {
    ...descriptionHeaders(envelope.description),
    [HEADER.messageType]: String(envelope.heartbeatMsgType),
    [HEADER.count]: String(envelope.heartbeatCnt),
    [HEADER.dataCenter]: envelope.dataCenterOrigin,
    [HEADER.application]: encodeURIComponent(envelope.applicationName),
    [HEADER.incarnation]: String(envelope.incarnation),
    [HEADER.protocol]: String(PROTOCOL),
    [HEADER.workload]: envelope.workload,
    ...(envelope.description.withdrawn ? { [HEADER.withdrawn]: '1' } : {}),
    ...(envelope.batch === null
      ? {}
      : { [HEADER.batch]: `${envelope.batch.id};total=${String(envelope.batch.total)}` }),
    'content-type': 'application/octet-stream',
    'content-length': String(envelope.description.bytes),
  };
}

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly field: string; readonly problem: string };

/** Position and labels of a request's headers, decoded and bounded. */
export function parsePositionAndLabels(
  headers: Headers,
): Parsed<{ position: string | null; labels: Record<string, string> }> {
  const labels: Record<string, string> = {};
  let position: string | null = null;
  for (const [name, raw] of Object.entries(headers)) {
    if (name !== HEADER.position && !name.startsWith(HEADER.labelPrefix)) continue;
    if (typeof raw !== 'string') return { ok: false, field: name, problem: 'was given more than once' };
    const text = decodePercent(raw);
    if (text === null) return { ok: false, field: name, problem: 'must be percent-encoded' };
    const problem = shortTextProblem(text);
    if (problem !== null) return { ok: false, field: name, problem };
    if (name === HEADER.position) {
      position = text;
      continue;
    }
    const label = name.slice(HEADER.labelPrefix.length);
    if (!LABEL_NAME.test(label)) return { ok: false, field: name, problem: 'a label has 1 to 64 of a-z 0-9 . _ -' };
    if (Object.keys(labels).length === LABELS_MAX)
      return { ok: false, field: name, problem: `more than ${LABELS_MAX} labels` };
    Object.defineProperty(labels, label, { value: text, enumerable: true, writable: true, configurable: true });
  }
  return { ok: true, value: { position, labels } };
}

/**
 * Takes the untrusted headers of a peer's PUT. The origin comes from the path and is checked by the caller.
 * The result of another protocol has the field `crossdc-protocol`.
 */
export function parseEnvelope(headers: Headers, origin: string): Parsed<SnapshotEnvelope> {
  const fail = (field: string, problem: string): Parsed<SnapshotEnvelope> => ({ ok: false, field, problem });
  const text = (name: string): string => {
    const raw = headers[name];
    return typeof raw === 'string' ? raw : '';
  };
  const count = (name: string): number | null => {
    const raw = text(name);
    const value = /^[1-9][0-9]{0,15}$/.test(raw) ? Number(raw) : NaN;
    return value <= LARGEST_NUMBER ? value : null;
  };
  if (text(HEADER.protocol) !== String(PROTOCOL)) return fail(HEADER.protocol, `must be ${PROTOCOL}`);
  const type = text(HEADER.messageType);
  if (type !== '2' && type !== '4') return fail(HEADER.messageType, 'must be 2 or 4');
  const dataCenterOrigin = text(HEADER.dataCenter);
  if (!DATA_CENTER_NAME.test(dataCenterOrigin)) return fail(HEADER.dataCenter, 'must name a data centre');
  const workload = text(HEADER.workload);
  if (!DATA_CENTER_NAME.test(workload)) return fail(HEADER.workload, 'must name a workload');
  const applicationName = decodePercent(text(HEADER.application)) ?? '';
  if (applicationName === '' || applicationName.length > APPLICATION_NAME_MAX) {
    return fail(HEADER.application, 'must be the name of the application, percent-encoded');
  }
  const heartbeatCnt = count(HEADER.count);
  if (heartbeatCnt === null) return fail(HEADER.count, 'must be a positive integer below 2^53');
  const incarnation = count(HEADER.incarnation);
  if (incarnation === null) return fail(HEADER.incarnation, 'must be a positive integer below 2^53');
  const version = count(HEADER.version);
  if (version === null) return fail(HEADER.version, 'must be a positive integer below 2^53');
  const length = text('content-length');
  if (!/^[0-9]{1,15}$/.test(length)) return fail('content-length', 'must be given');
  const sha256 = parseReprDigest(text('repr-digest'));
  if (sha256 === null) return fail('repr-digest', 'must have a sha-256');
  const takenAt = text(HEADER.takenAt);
  if (!RFC_3339.test(takenAt) || Number.isNaN(Date.parse(takenAt)))
    return fail(HEADER.takenAt, 'must be an RFC 3339 time');
  const extras = parsePositionAndLabels(headers);
  if (!extras.ok) return extras;
  const batch = parseBatch(text(HEADER.batch));
  if (batch === 'invalid') return fail(HEADER.batch, 'must be ID;total=N');
  // An empty content is a withdrawal, whether or not the sender says so; a content is none, whatever it says.
  const withdrawn = Number(length) === 0;
  const saysWithdrawn = headers[HEADER.withdrawn];
  if (saysWithdrawn !== undefined && saysWithdrawn !== '1') return fail(HEADER.withdrawn, 'must be 1 or left out');
  if (saysWithdrawn !== undefined && !withdrawn) return fail(HEADER.withdrawn, 'a withdrawal has no content');
  return {
    ok: true,
    value: {
      heartbeatMsgType: type === '2' ? 2 : 4,
      heartbeatCnt,
      dataCenterOrigin,
      applicationName,
      incarnation,
      workload,
      origin,
      batch,
      description: { version, bytes: Number(length), sha256, takenAt, withdrawn, ...extras.value },
    },
  };
}

function parseBatch(text: string): { id: string; total: number } | null | 'invalid' {
  if (text === '') return null;
  const match = /^([A-Za-z0-9-]{1,40});total=([1-9][0-9]{0,5})$/.exec(text);
  return match?.[1] === undefined ? 'invalid' : { id: match[1], total: Number(match[2]) };
}
