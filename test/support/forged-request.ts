import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { KeyRing } from '../../src/adapters/peer-auth/key-ring.ts';
import type { TlsFiles } from '../../src/adapters/peer-auth/tls-material.ts';
import type { PeerMessage } from '../../src/wire/messages.ts';
import { envelopeHeaders } from '../../src/wire/snapshot-headers.ts';
import { boundHeaders, REQUEST_TYPE, sha256Base64url, type RequestClaims } from '../../src/wire/tokens.ts';
import { toldSecrets } from './told-secrets.ts';

/** A request to a peer listener, put together by hand: what a gateway would send, and what it never would. */
export interface PeerRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface PeerAnswered {
  readonly status: number;
  readonly code: string | null;
  readonly headers: http.IncomingHttpHeaders;
}

export function messageOf(type: 1 | 3, from: string, changes: Partial<PeerMessage> = {}): PeerRequest {
  const message: PeerMessage = {
    heartbeatMsgType: type,
    heartbeatCnt: 1_000_000,
    dataCenterOrigin: from,
    applicationName: 'default',
    incarnation: 8_000_000_000_000,
    sentAt: new Date().toISOString(),
    interval: 30,
    application: { status: 'passing' },
    lastHeard: null,
    protocol: 1,
    ...changes,
  };
  const body = Buffer.from(JSON.stringify(message));
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
  return { method: 'POST', path: '/peer/v1/messages', headers, body };
}

/** @param workload whose snapshot it is: for a type 4 that of the receiver */
export function snapshotOf(type: 2 | 4, from: string, workload: string, applicationName = 'default'): PeerRequest {
  const body = Buffer.from('a forged state');
  const headers = envelopeHeaders({
    heartbeatMsgType: type,
    heartbeatCnt: 1_000_001,
    dataCenterOrigin: from,
    applicationName,
    incarnation: 8_000_000_000_000,
    workload,
    origin: 'forged',
    batch: null,
    description: {
      version: 8_000_000_000_000,
      bytes: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
      takenAt: new Date().toISOString(),
      position: null,
      labels: {},
      withdrawn: false,
    },
  });
  return { method: 'PUT', path: '/peer/v1/snapshots/forged', headers, body };
}

export function inventoryOf(from: string): PeerRequest {
  return { method: 'GET', path: '/peer/v1/snapshots', headers: { 'crossdc-data-center': from }, body: Buffer.alloc(0) };
}

/** The claims that fit a request; some may be changed. */
export function claimsOf(
  request: PeerRequest,
  of: { readonly from: string; readonly to: string; readonly challenge: string },
  changes: Partial<RequestClaims> = {},
): RequestClaims {
  return {
    iss: of.from,
    aud: of.to,
    htm: request.method,
    htu: request.path,
    dig: sha256Base64url(request.body),
    hdr: sha256Base64url(boundHeaders(request.headers)),
    chl: of.challenge,
    cnt: 1,
    run: nonce(),
    ...changes,
  };
}

export function nonce(): string {
  return randomBytes(16).toString('base64url');
}

export async function withToken(request: PeerRequest, ring: KeyRing, claims: RequestClaims): Promise<PeerRequest> {
  const token = await ring.sign(REQUEST_TYPE, claims);
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

/** Sends it on a connection of its own. @throws Error when it was not answered */
export async function sendTo(
  port: number,
  { method, path, headers, body }: PeerRequest,
  tls?: Partial<TlsFiles>,
): Promise<PeerAnswered> {
  const options = { host: '127.0.0.1', port, method, path, headers, agent: false as const };
  const request =
    tls === undefined
      ? http.request(options)
      : https.request({ ...options, ...tls, minVersion: 'TLSv1.3', rejectUnauthorized: false });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  request.on('error', () => undefined);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  toldSecrets.hear('an answer of the peer port', JSON.stringify(response.headers) + text);
  const code = /"urn:crossdc:problem:([a-z-]+)"/.exec(text)?.[1] ?? null;
  return { status: response.statusCode ?? 0, code, headers: response.headers };
}

/** The challenge of a gateway, as any stranger may have it. */
export async function challengeOf(port: number, tls?: Partial<TlsFiles>): Promise<string> {
  const { headers } = await sendTo(port, inventoryOf('dc1'), tls);
  return /challenge="([A-Za-z0-9_-]{22})"/.exec(headers['www-authenticate'] ?? '')?.[1] ?? '';
}
