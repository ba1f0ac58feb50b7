import { createHash } from 'node:crypto';
import { PROTOCOL } from '../../../src/units.ts';
import type { PeerMessage } from '../../../src/wire/messages.ts';
import { envelopeHeaders } from '../../../src/wire/snapshot-headers.ts';
import { requestText, type Model } from './request.ts';

/** Nobody knows a data centre of this name: whatever is said in it has to be refused. */
export const STRANGER = 'mallory';

/** A token that looks like one of ours: three parts, of which the first two are JSON. */
const FORGED = `${base64url({ alg: 'HS256', typ: 'crossdc-request+jwt' })}.${base64url({ iss: 'dc1', aud: 'dc2', cnt: 1, chl: 'x' })}.c2lnbmF0dXJl`;

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export const MESSAGE: PeerMessage = {
  heartbeatMsgType: 1,
  heartbeatCnt: 1,
  dataCenterOrigin: STRANGER,
  applicationName: 'default',
  incarnation: 1_700_000_000_000,
  sentAt: '2026-01-02T03:04:05.678Z',
  interval: 30,
  application: { status: 'passing' },
  lastHeard: null,
  protocol: PROTOCOL,
};

const CONTENT = Buffer.from('the state of an application');

export const ENVELOPE_HEADERS: Readonly<Record<string, string>> = envelopeHeaders({
  heartbeatMsgType: 2,
  heartbeatCnt: 1,
  dataCenterOrigin: STRANGER,
  applicationName: 'default',
  incarnation: 1_700_000_000_000,
  workload: STRANGER,
  origin: 'orders',
  description: {
    version: 1_700_000_000_000,
    bytes: CONTENT.length,
    sha256: createHash('sha256').update(CONTENT).digest('hex'),
    takenAt: '2026-01-02T03:04:05.678Z',
    position: 'partition 3, offset 17',
    labels: { schema: 'v2' },
    withdrawn: false,
  },
  batch: null,
});

/** Requests of the right form to the peer listener; a stranger's. */
export function peerModels(): Model[] {
  const body = JSON.stringify(MESSAGE);
  const post = { host: 'peer', 'content-type': 'application/json', 'content-length': String(body.length) };
  const farewell = JSON.stringify({ ...MESSAGE, heartbeatMsgType: 3 });
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const returned = { ...ENVELOPE_HEADERS, 'crossdc-msg-type': '4' };
  return [
    requestText('POST /peer/v1/messages', post, body),
    requestText('POST /peer/v1/messages', { ...post, authorization: `Bearer ${FORGED}` }, body),
    requestText('POST /peer/v1/messages', { ...post, 'content-length': String(farewell.length) }, farewell),
    requestText('POST /peer/v1/messages', { host: 'peer', 'transfer-encoding': 'chunked' }, chunked),
    requestText('POST /peer/v1/messages', { ...post, expect: '100-continue' }, body),
    requestText('PUT /peer/v1/snapshots/orders', { host: 'peer', ...ENVELOPE_HEADERS }, CONTENT),
    requestText('PUT /peer/v1/snapshots/orders', { authorization: `Bearer ${FORGED}`, ...ENVELOPE_HEADERS }, CONTENT),
    requestText('PUT /peer/v1/snapshots/a%2Fb', { host: 'peer', ...returned }, CONTENT),
    requestText('GET /peer/v1/snapshots', { host: 'peer', 'crossdc-data-center': STRANGER }),
  ].map((bytes) => ({ to: 'peer', bytes }));
}

/** Requests of the right form to the local API. What changes anything has no token, or not the right one. */
export function localModels(token: string): Model[] {
  const reader = { host: '127.0.0.1', authorization: `Bearer ${token}` };
  const wrong = { host: '127.0.0.1', authorization: 'Bearer of-something-else' };
  const reading = [
    '/v1/status',
    '/v1/snapshots',
    '/v1/peers/dc1/snapshots',
    '/v1/deliveries',
    '/metrics',
    '/v1/events',
  ];
  const json = (text: string): Record<string, string> => ({
    ...wrong,
    'content-type': 'application/json',
    'content-length': String(text.length),
  });
  const changes: [string, string][] = [
    ['POST /v1/messages', '{"msg":"OrderlyShutdown"}'],
    ['PUT /v1/health', '{"status":"critical","note":"x"}'],
    ['POST /v1/snapshot-requests', '{"origins":["orders"],"timeout":5}'],
    ['POST /v1/deliveries', '{"dataCenter":"dc1"}'],
    ['PUT /v1/snapshots/orders', 'a state that is not ours'],
    ['POST /v1/peers/dc1/return', ''],
  ];
  return [
    ...reading.map((path) => requestText(`GET ${path}`, reader)),
    requestText('GET /v1/events?after=0&limit=10', { ...reader, accept: 'application/json' }),
    requestText('GET /v1/peers/dc1/snapshots/orders?version=1', { ...reader, range: 'bytes=0-3' }),
    requestText('GET /healthz', {}),
    ...changes.map(([line, body]) => requestText(line, json(body), body)),
  ].map((bytes) => ({ to: 'local', bytes }));
}
