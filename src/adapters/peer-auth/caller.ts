import { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { namesInCertificate } from '../../core/certificate-names.ts';
import type { PeerTrust } from './peer-trust.ts';
import { TrustRefusal } from './refusal.ts';
import type { ReceivedRequest } from './token-authority.ts';

/** Who sent a request, as far as it was proven. */
export interface Caller {
  /** The data centres for which it may speak; null: nothing is asked for, and it is believed. */
  readonly names: readonly string[] | null;
  /** What its body must have for a SHA-256, in base64url; null: nothing binds it. */
  readonly bodyDigest: string | null;
}

/**
 * Asks a request for the proof that is wanted here. Nothing of it is believed before.
 *
 * @throws TrustRefusal of status 401 or 403 (errors.ts says of each what it means)
 */
export async function callerOf(trust: PeerTrust, socket: Socket, request: ReceivedRequest): Promise<Caller> {
  const certified = trust.tls === null ? null : certifiedNames(socket, trust.wallMs());
  if (trust.tokens === null) return { names: certified, bodyDigest: null };
  const { dataCenter, bodyDigest } = await trust.tokens.admit(request);
  if (certified !== null && !certified.includes(dataCenter))
    throw new TrustRefusal(
      'identity-mismatch',
      `The token is of "${dataCenter}" and the certificate of ${listed(certified)}.`,
    );
  return { names: [dataCenter], bodyDigest };
}

/** @throws TrustRefusal `identity-mismatch` when the sender is another than it says */
export function assertSpeaksFor(caller: Caller, dataCenter: string): void {
  if (caller.names === null || caller.names.includes(dataCenter)) return;
  throw new TrustRefusal('identity-mismatch', `${listed(caller.names)} may not speak for "${dataCenter}".`);
}

/** @throws TrustRefusal `token-mismatch` when the body is not the one that was signed */
export function assertBody(caller: Caller, digest: string): void {
  if (caller.bodyDigest === null || caller.bodyDigest === digest) return;
  throw new TrustRefusal('token-mismatch', 'The token is for another request: its body differs.');
}

const EXPIRED: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CRL_HAS_EXPIRED']);

/** @throws TrustRefusal `certificate-missing`, `certificate-expired`, `certificate-untrusted` */
function certifiedNames(socket: Socket, nowMs: number): readonly string[] {
  if (!(socket instanceof TLSSocket)) throw new TrustRefusal('certificate-missing', 'The connection is not encrypted.');
  const known = knownCertificates.get(socket);
  if (known !== undefined && nowMs < known.expiresMs) return known.names;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined)
    throw new TrustRefusal('certificate-missing', 'The connection bears no certificate (peerAuth=tls).');
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    if (EXPIRED.has(code))
      throw new TrustRefusal('certificate-expired', `The certificate expired: ${certificate.validTo}.`);
    throw new TrustRefusal('certificate-untrusted', `The certificate is not accepted: ${code}.`);
  }
  const certified = certifiedBy(certificate);
  // A connection may outlive its certificate; then it is over.
  if (nowMs >= certified.expiresMs)
    throw new TrustRefusal('certificate-expired', `The certificate expired: ${certificate.validTo}.`);
  knownCertificates.set(socket, certified);
  return certified.names;
}

const knownCertificates = new WeakMap<TLSSocket, Certified>();

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'A certificate that names no data centre' : names.map((name) => `"${name}"`).join(', ');
}

/** What counts of a certificate that was shown: for whom it speaks, and until when, in milliseconds since 1970. */
export interface Certified {
  readonly names: readonly string[];
  readonly expiresMs: number;
}

export function certifiedBy(certificate: X509Certificate): Certified {
  return { names: namesInCertificate(certificate), expiresMs: Date.parse(certificate.validTo) };
}
