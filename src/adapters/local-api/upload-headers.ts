import type { Request } from 'express';
import { GatewayError } from '../../errors.ts';
import type { NewSnapshot } from '../../ports/gateway-api.ts';
import { HEADER, parsePositionAndLabels, parseReprDigest, type Headers } from '../../wire/snapshot-headers.ts';
import { assertIdentityEncoding, declaredBytes } from './body.ts';

type Described = Pick<NewSnapshot, 'position' | 'labels' | 'bytes' | 'sha256'>;

/**
 * What the headers of an upload say of it.
 *
 * @throws GatewayError `bad-request` with the header's name, `snapshot-too-large` by the announced length alone
 */
export function parseUploadHeaders(request: Request, maxBytes: number): Described {
  assertIdentityEncoding(request);
  if (request.headers['content-range'] !== undefined) {
    throw new GatewayError('bad-request', 'A snapshot is posted whole.', { field: 'content-range' });
  }
  const bytes = declaredBytes(request);
  if (bytes !== null && bytes > maxBytes) {
    throw new GatewayError(
      'snapshot-too-large',
      `The snapshot has ${bytes} bytes; at most ${maxBytes} are taken (dataSnapshotMaxBytes).`,
    );
  }
  const headers = distinctHeaders(request);
  assertEncoded(headers);
  const described = parsePositionAndLabels(headers);
  if (!described.ok)
    throw new GatewayError('bad-request', `${described.field} ${described.problem}`, { field: described.field });
  return { ...described.value, bytes, sha256: digestOf(headers['repr-digest']) };
}

/** Node.js joins repeated headers with a comma, which would pass for one value; here they stay apart. */
function distinctHeaders(request: Request): Headers {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values]) => [name, values?.length === 1 ? values[0] : values]),
  );
}

/** Raw bytes beyond ASCII would be read as Latin-1 and come out as another text. */
function assertEncoded(headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name !== HEADER.position && !name.startsWith(HEADER.labelPrefix)) continue;
    if (typeof value !== 'string' || /^[\x20-\x7e]*$/.test(value)) continue;
    throw new GatewayError('bad-request', `${name} must be percent-encoded`, { field: name });
  }
}

/** null when the client named no sha-256: digests of other algorithms are not ours to check (RFC 9530 §3). */
function digestOf(header: Headers[string]): string | null {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  if (!/(^|,)\s*sha-256\s*=/i.test(text)) return null;
  const sha256 = parseReprDigest(text);
  if (sha256 !== null) return sha256;
  throw new GatewayError('bad-request', 'repr-digest must be sha-256=:BASE64:', { field: 'repr-digest' });
}
