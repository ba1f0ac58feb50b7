import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TlsFiles } from '../../src/adapters/peer-auth/tls-material.ts';
import { TestAuthority } from '../support/certificates.ts';
import {
  challengeOf,
  claimsOf,
  inventoryOf,
  messageOf,
  nonce,
  sendTo,
  snapshotOf,
  withToken,
  type PeerAnswered,
  type PeerRequest,
} from '../support/forged-request.ts';
import type { GatewayProcess, Keys } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { Stage } from '../support/stage.ts';
import { KEY, OTHER_KEY, ringOf } from '../support/trust.ts';

const DAY_MS = 86_400_000;

/** Everything that a peer can ask for, as the gateway of a DC would ask dc2. */
const ENDPOINTS: Readonly<Record<string, (from: string) => PeerRequest>> = {
  'a heartbeat': (from) => messageOf(1, from),
  'an orderly shutdown': (from) => messageOf(3, from),
  'a snapshot': (from) => snapshotOf(2, from, from),
  'a returned snapshot': (from) => snapshotOf(4, from, 'dc2'),
  'a question for the inventory': inventoryOf,
};

interface Wrongness {
  readonly send: (request: (from: string) => PeerRequest) => Promise<PeerAnswered>;
  readonly status: number;
  readonly code: string;
  /** Of crossdc_peer_requests_rejected_total, where it is not the code. */
  readonly reason?: string;
  /** Of how many of the endpoints, where it makes no sense for all. */
  readonly where?: (endpoint: string) => boolean;
}

/** What must be as it was: everything on the disk that is a snapshot or a record of one, and all that was told. */
async function stateOf(gateway: GatewayProcess): Promise<unknown> {
  const { peers, outgoing, deliveries, store } = (await (await gateway.api('/v1/status')).json()) as Record<
    string,
    unknown
  >;
  const events = (
    await gateway.api('/v1/events?after=0&limit=1000', { headers: { accept: 'application/json' } })
  ).json();
  const names = (
    peers as { name: string; state: string; incarnation: number; held: unknown; transitions: number }[]
  ).map(({ name, state, incarnation, held, transitions }) => ({ name, state, incarnation, held, transitions }));
  return { names, outgoing, deliveries, store, events, files: digests(gateway.stateFolder) };
}

function digests(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    // What a gateway writes whether or not somebody asks.
    .filter((path) => !/(lock|\.tmp|records)/.test(path.slice(root.length)));
  return Object.fromEntries(files.map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]));
}

function suite(
  name: string,
  keysOf: (
    stage: Stage,
  ) => Promise<{ keys: Keys; dc1?: Keys; dc2?: Keys; ways: (pair: Pair) => Promise<Record<string, Wrongness>> }>,
): void {
  describe(`whoever is not the peer, with ${name}`, function () {
    this.timeout(90_000);
    const stage = new Stage();
    let pair: Pair;
    let ways: Record<string, Wrongness>;
    let untouched: unknown;

    before(async () => {
      const { ways: make, ...keys } = await keysOf(stage);
      // So slow that nothing changes by itself while the table is gone through.
      const calm = {
        heartbeatExchangeInterval: 1,
        consecutiveHeartbeatMissesAllowed: 100,
        snapshotScrubInterval: 86_400,
      };
      pair = await Pair.running(stage, { ...keys, keys: { ...keys.keys, ...calm } });
      await pair.dc1.putReplicated('orders', 'the true state');
      await pair.dc2.putReplicated('accounts', 'the true state of dc2');
      ways = await make(pair);
      untouched = await stateOf(pair.dc2);
    });

    after(() => stage.close());

    it('finds every door closed: each endpoint, each way of being wrong', async () => {
      for (const [way, { send, status, code, reason = code, where }] of Object.entries(ways)) {
        for (const [endpoint, make] of Object.entries(ENDPOINTS)) {
          if (where?.(endpoint) === false) continue;
          const label = { reason };
          const counted = await pair.dc2.metric('crossdc_peer_requests_rejected_total', label);
          const answer = await send(make);
          expect({ way, endpoint, status: answer.status, code: answer.code }).to.deep.equal({
            way,
            endpoint,
            status,
            code,
          });
          expect(
            await pair.dc2.metric('crossdc_peer_requests_rejected_total', label),
            `${way}: ${endpoint}`,
          ).to.be.above(counted);
        }
      }
    });

    it('has changed nothing: not a file, not an event, not a peer, and the pair is up', async () => {
      expect(await stateOf(pair.dc2)).to.deep.equal(untouched);
      expect((await pair.dc2.peer('dc1')).state).to.equal('up');
      await pair.dc1.putReplicated('orders', 'a newer state');
    });

    it('is shouted once for each kind, not for each request', () => {
      const lines = pair.dc2
        .logged('a request on the peer listener was refused')
        .map(({ reason, from }) => `${String(reason)} ${String(from)}`);
      expect(lines).to.not.be.empty;
      expect(new Set(lines).size).to.equal(lines.length);
    });
  });
}

async function keyWays({ dc1, dc2 }: Pair): Promise<Record<string, Wrongness>> {
  const port = dc2.site.peerPort;
  const challenge = await challengeOf(port);
  const ring = ringOf(KEY, 'dc1');
  type Changes = Parameters<typeof claimsOf>[2];
  const forged =
    (changes: Changes, of: { from?: string; as?: string; ring?: typeof ring } = {}): Wrongness['send'] =>
    async (make) => {
      const { from = 'dc1', as = from } = of;
      const request = make(from);
      const claims = claimsOf(request, { from: as, to: 'dc2', challenge }, changes);
      return sendTo(port, await withToken(request, of.ring ?? ring, claims));
    };
  const altered =
    (change: (request: PeerRequest) => PeerRequest): Wrongness['send'] =>
    async (make) => {
      const request = make('dc1');
      const signed = await withToken(request, ring, claimsOf(request, { from: 'dc1', to: 'dc2', challenge }));
      return sendTo(port, change(signed));
    };
  const stale = await challengeOf(dc1.site.peerPort);
  const hasBody = (endpoint: string): boolean => endpoint !== 'a question for the inventory';
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'crossdc-request+jwt' })).toString('base64url');
  return {
    'no token': { send: (make) => sendTo(port, make('dc1')), status: 401, code: 'token-missing' },
    'another key': { send: forged({}, { ring: ringOf(OTHER_KEY, 'dc1') }), status: 401, code: 'token-invalid' },
    'alg none': {
      send: (make) => {
        const request = make('dc1');
        const claims = Buffer.from(JSON.stringify(claimsOf(request, { from: 'dc1', to: 'dc2', challenge }))).toString(
          'base64url',
        );
        return sendTo(port, {
          ...request,
          headers: { ...request.headers, authorization: `Bearer ${none}.${claims}.` },
        });
      },
      status: 401,
      code: 'token-invalid',
    },
    'no token but a word': {
      send: (make) => sendTo(port, { ...make('dc1'), headers: { ...make('dc1').headers, authorization: 'Bearer x' } }),
      status: 401,
      code: 'token-invalid',
    },
    'a signature cut short': {
      send: altered((request) => ({
        ...request,
        headers: { ...request.headers, authorization: request.headers.authorization!.slice(0, -4) },
      })),
      status: 401,
      code: 'token-invalid',
    },
    'the challenge of another run': { send: forged({ chl: stale }), status: 401, code: 'token-stale' },
    'no challenge': { send: forged({ chl: '' }), status: 401, code: 'token-stale' },
    'another audience': { send: forged({ aud: 'dc3' }), status: 401, code: 'token-audience' },
    'another method': { send: forged({ htm: 'GET' }), status: 401, code: 'token-mismatch', where: hasBody },
    'another path': { send: forged({ htu: '/peer/v1/else' }), status: 401, code: 'token-mismatch' },
    'another digest': { send: forged({ dig: 'A'.repeat(43) }), status: 401, code: 'token-mismatch' },
    'other headers': {
      send: altered((request) => ({
        ...request,
        headers: { ...request.headers, 'crossdc-version': '9000000000000000' },
      })),
      status: 401,
      code: 'token-mismatch',
    },
    'a body that was changed on the way': {
      send: altered((request) => ({
        ...request,
        body: Buffer.from(request.body.toString().replace('1000000', '1000009')),
      })),
      status: 401,
      code: 'token-mismatch',
      where: (endpoint) => endpoint === 'a heartbeat' || endpoint === 'an orderly shutdown',
    },
    'bytes that were changed on the way': {
      send: altered((request) => ({ ...request, body: Buffer.from(request.body.toString().toUpperCase()) })),
      status: 422,
      code: 'digest-mismatch',
      where: (endpoint) => endpoint.endsWith('snapshot'),
    },
    'a token that was used before': {
      send: async (make) => {
        // Of another application, so that the first time changes nothing either.
        const isMessage = make('dc1').method === 'POST';
        const request =
          make('dc1').method === 'GET'
            ? make('dc1')
            : isMessage
              ? messageOf(1, 'dc1', { applicationName: 'another' })
              : snapshotOf(2, 'dc1', 'dc1', 'another');
        const signed = await withToken(
          request,
          ring,
          claimsOf(request, { from: 'dc1', to: 'dc2', challenge }, { cnt: 7, run: nonce() }),
        );
        await sendTo(port, signed);
        return sendTo(port, signed);
      },
      status: 401,
      code: 'token-replayed',
    },
    'the right key but another data centre than it speaks for': {
      send: forged({}, { from: 'dc1', as: 'dc3' }),
      status: 403,
      code: 'identity-mismatch',
    },
    'the right key, a data centre that is not configured': {
      send: forged({}, { from: 'dc3' }),
      status: 403,
      code: 'wrong-data-center',
    },
    'the right key, our own name': {
      send: forged({}, { from: 'dc2' }),
      status: 403,
      code: 'own-data-center',
      where: hasBody,
    },
    'the right key, another application': {
      send: async (make) => {
        const request =
          make('dc1').method === 'POST'
            ? messageOf(1, 'dc1', { applicationName: 'another' })
            : snapshotOf(2, 'dc1', 'dc1', 'another');
        return sendTo(port, await withToken(request, ring, claimsOf(request, { from: 'dc1', to: 'dc2', challenge })));
      },
      status: 403,
      code: 'wrong-application',
      where: hasBody,
    },
    'TLS to plain HTTP': {
      send: async (make) => {
        await sendTo(port, make('dc1'), {}).then(
          () => expect.fail('it was answered'),
          () => undefined,
        );
        return { status: 0, code: 'tls-unexpected', headers: {} };
      },
      status: 0,
      code: 'tls-unexpected',
    },
  };
}

suite('peerAuth=key', () => Promise.resolve({ keys: { peerSharedKey: KEY }, ways: keyWays }));

async function tlsFiles(stage: Stage): Promise<{ ca: TestAuthority; dc1: Keys; dc2: Keys }> {
  const folder = stage.folder();
  const ca = await TestAuthority.create();
  const write = async (dataCenter: string): Promise<Keys> => {
    const files = await ca.issue(dataCenter);
    const path = (kind: keyof TlsFiles): string => join(folder, `${dataCenter}.${kind}`);
    for (const kind of ['cert', 'key', 'ca'] as const) writeFileSync(path(kind), files[kind], { mode: 0o600 });
    return { peerTlsCertFile: path('cert'), peerTlsKeyFile: path('key'), peerTlsCaFile: path('ca') };
  };
  return { ca, dc1: await write('dc1'), dc2: await write('dc2') };
}

async function tlsWays({ dc2 }: Pair, ca: TestAuthority): Promise<Record<string, Wrongness>> {
  const port = dc2.site.peerPort;
  const other = await TestAuthority.create('another authority');
  const own = await ca.issue('dc1');
  const foreign = await other.issue('dc1');
  const expired = await ca.issue('dc1', { fromMs: Date.now() - 9 * DAY_MS, untilMs: Date.now() - DAY_MS });
  const future = await ca.issue('dc1', { fromMs: Date.now() + DAY_MS });
  const dc3 = await ca.issue('dc3');
  const nobody = await ca.issueTo({ commonName: 'not a name of a data centre!' });
  const fooled = await ca.issueTo({ uris: ['crossdc://dc3'], dns: ['dc1'], commonName: 'dc1' });
  const as =
    (files: Partial<TlsFiles>, from = 'dc1'): Wrongness['send'] =>
    (make) =>
      sendTo(port, make(from), files);
  return {
    'no certificate': { send: as({}), status: 401, code: 'certificate-missing' },
    'a certificate of another authority': { send: as(foreign), status: 401, code: 'certificate-untrusted' },
    'an expired certificate': { send: as(expired), status: 401, code: 'certificate-expired' },
    'a certificate that is not valid yet': { send: as(future), status: 401, code: 'certificate-untrusted' },
    'the right authority but another data centre': { send: as(dc3), status: 403, code: 'identity-mismatch' },
    'the right authority but no name': { send: as(nobody), status: 403, code: 'identity-mismatch' },
    'a certificate whose lesser names are ours': { send: as(fooled), status: 403, code: 'identity-mismatch' },
    'the right certificate, a data centre that is not configured': {
      send: as(dc3, 'dc3'),
      status: 403,
      code: 'wrong-data-center',
    },
    'the right certificate, another name': { send: as(own, 'dc2'), status: 403, code: 'identity-mismatch' },
    'plain HTTP to TLS': {
      send: (make) => sendTo(port, make('dc1')),
      status: 401,
      code: 'certificate-missing',
      reason: 'tls-handshake',
    },
  };
}

suite('peerAuth=tls', async (stage) => {
  const { ca, dc1, dc2 } = await tlsFiles(stage);
  return { keys: {}, dc1, dc2, ways: (pair) => tlsWays(pair, ca) };
});

suite('both at once', async (stage) => {
  const { ca, dc1, dc2 } = await tlsFiles(stage);
  return {
    keys: { peerSharedKey: KEY },
    dc1,
    dc2,
    ways: async (pair) => {
      const port = pair.dc2.site.peerPort;
      const own = await ca.issue('dc1');
      const dc3 = await ca.issue('dc3');
      const challenge = await challengeOf(port, own);
      const signed = async (make: (from: string) => PeerRequest): Promise<PeerRequest> => {
        const request = make('dc1');
        return withToken(request, ringOf(KEY, 'dc1'), claimsOf(request, { from: 'dc1', to: 'dc2', challenge }));
      };
      return {
        'the certificate without a token': {
          send: (make) => sendTo(port, make('dc1'), own),
          status: 401,
          code: 'token-missing',
        },
        'the token without a certificate': {
          send: async (make) => sendTo(port, await signed(make), {}),
          status: 401,
          code: 'certificate-missing',
        },
        "the token with another data centre's certificate": {
          send: async (make) => sendTo(port, await signed(make), dc3),
          status: 403,
          code: 'identity-mismatch',
        },
      };
    },
  };
});
