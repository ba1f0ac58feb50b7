import { expect } from 'chai';
import type { PeerTrust } from '../../../src/adapters/peer-auth/peer-trust.ts';
import type { TlsFiles } from '../../../src/adapters/peer-auth/tls-material.ts';
import { HttpPeerTransport } from '../../../src/adapters/peer-http/transport.ts';
import type { MessageOutcome } from '../../../src/ports/peer-transport.ts';
import { TestAuthority } from '../../support/certificates.ts';
import { TlsMaterial } from '../../../src/adapters/peer-auth/tls-material.ts';
import { KEY, OTHER_KEY, ringOf, trustWith } from '../../support/trust.ts';
import { clock, envelope, FakeInbox, MESSAGE, NEVER, Opened, randomBytes, Source } from '../peer-http/support.ts';

const DAY_MS = 86_400_000;

describe('the proof of two gateways to each other', () => {
  const opened = new Opened();
  let ca: TestAuthority;
  let other: TestAuthority;
  let dc1: TlsFiles;
  let dc2: TlsFiles;

  before(async () => {
    ca = await TestAuthority.create();
    other = await TestAuthority.create('another authority');
    dc1 = await ca.issue('dc1');
    dc2 = await ca.issue('dc2');
  });

  afterEach(() => opened.closeAll());

  /** dc1 sends, dc2 listens. */
  async function pair(
    client: PeerTrust,
    server: PeerTrust,
    expected: string | null = 'dc2',
  ): Promise<{ inbox: FakeInbox; transport: HttpPeerTransport; to: { machine: string; dataCenter: string | null } }> {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox, { trust: server });
    const transport = opened.add(
      new HttpPeerTransport({ clock, trust: client, connectionTimeoutMs: 5000, readTimeoutMs: 5000 }),
      (it) => it.close(),
    );
    return { inbox, transport, to: { machine, dataCenter: expected } };
  }

  async function heartbeat(client: PeerTrust, server: PeerTrust, expected: string | null = 'dc2'): Promise<Outcome> {
    const { inbox, transport, to } = await pair(client, server, expected);
    const outcome = await transport.sendMessage(to, MESSAGE, NEVER);
    return { ...summary(outcome), heard: inbox.messages.length, counted: inbox.rejections.map(({ reason }) => reason) };
  }

  interface Outcome {
    readonly kind: string;
    readonly reason: string | null;
    readonly heard: number;
    readonly counted: readonly string[];
  }

  function summary(outcome: MessageOutcome): { kind: string; reason: string | null } {
    return { kind: outcome.kind, reason: 'reason' in outcome ? outcome.reason : null };
  }

  const ANSWERED = { kind: 'answered', reason: null, heard: 1 };
  const ways = (): [string, () => PeerTrust, () => PeerTrust][] => [
    ['a shared key', () => trustWith('dc1', { keys: KEY }), () => trustWith('dc2', { keys: KEY })],
    ['certificates', () => trustWith('dc1', { tls: dc1 }), () => trustWith('dc2', { tls: dc2 })],
    ['both', () => trustWith('dc1', { tls: dc1, keys: KEY }), () => trustWith('dc2', { tls: dc2, keys: KEY })],
  ];

  for (const [name, client, server] of ways()) {
    it(`by ${name}: messages, snapshots and inventories go through, on fresh and on used connections`, async () => {
      const { inbox, transport, to } = await pair(client(), server());
      for (let round = 0; round < 3; round += 1)
        expect((await transport.sendMessage(to, MESSAGE, NEVER)).kind).to.equal('answered');
      const content = randomBytes(3_000_000);
      for (let round = 0; round < 3; round += 1)
        expect(await transport.sendSnapshot(to, envelope(content), new Source(content), NEVER)).to.deep.equal({
          kind: 'stored',
        });
      expect(await transport.inventory(to, 'dc1', NEVER)).to.deep.equal({ kind: 'rows', rows: [] });
      expect(inbox.snapshots).to.have.length(3);
      expect(inbox.rejections.filter(({ reason }) => reason !== 'token-stale')).to.deep.equal([]);
    });

    it(`by ${name}: many at once, and none is taken for a copy`, async () => {
      const { inbox, transport, to } = await pair(client(), server());
      const all = await Promise.all(Array.from({ length: 50 }, () => transport.sendMessage(to, MESSAGE, NEVER)));
      expect(new Set(all.map(({ kind }) => kind))).to.deep.equal(new Set(['answered']));
      expect(inbox.messages).to.have.length(50);
    });

    it(`by ${name}: whose name is not known yet proves it`, async () => {
      expect(await heartbeat(client(), server(), null)).to.include(ANSWERED);
    });

    it(`by ${name}: another data centre's gateway at the address is refused by the sender, and hears nothing`, async () => {
      const outcome = await heartbeat(client(), server(), 'dc3');
      expect(outcome).to.include({ kind: 'refused', reason: 'wrong-data-center', heard: 0 });
    });

    it(`by ${name}: a snapshot never reaches another data centre's gateway`, async () => {
      const { inbox, transport, to } = await pair(client(), server(), 'dc3');
      const content = randomBytes(1000);
      const outcome = await transport.sendSnapshot(to, envelope(content), new Source(content), NEVER);
      expect(outcome.kind).to.equal('refused');
      expect(inbox.snapshots).to.deep.equal([]);
    });
  }

  it('by pairs of keys: each speaks for itself alone', async () => {
    const { generateKeyPairSync } = await import('node:crypto');
    const make = (): { seed: string; open: string } => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const { d = '' } = privateKey.export({ format: 'jwk' });
      const { x = '' } = publicKey.export({ format: 'jwk' });
      return { seed: d, open: x };
    };
    const [one, two, three] = [make(), make(), make()];
    const publics = `ed25519:dc1:public:${one.open},ed25519:dc2:public:${two.open},ed25519:dc3:public:${three.open}`;
    const server = (): PeerTrust => trustWith('dc2', { keys: `ed25519:dc2:private:${two.seed},${publics}` });
    const client = trustWith('dc1', { keys: `ed25519:dc1:private:${one.seed},${publics}` });
    expect(await heartbeat(client, server())).to.include(ANSWERED);
    // dc3's own key, under dc1's name: the public half says whose it is.
    const forged = trustWith('dc1', { keys: `ed25519:dc1:private:${three.seed},${publics}` });
    expect(await heartbeat(forged, server())).to.deep.equal({
      kind: 'refused',
      reason: 'unauthorized',
      heard: 0,
      counted: ['identity-mismatch'],
    });
    expect(() => trustWith('dc1', { keys: `ed25519:dc3:private:${three.seed}` })).to.throw('private key of "dc3"');
  });

  const wrong: [string, () => PeerTrust | Promise<PeerTrust>, () => PeerTrust | Promise<PeerTrust>, string][] = [
    ['no token', () => trustWith('dc1', {}), () => trustWith('dc2', { keys: KEY }), 'token-missing'],
    [
      'another key',
      () => trustWith('dc1', { keys: OTHER_KEY }),
      () => trustWith('dc2', { keys: KEY }),
      'token-invalid',
    ],
    [
      'the right key but another name',
      () => trustWith('dc9', { keys: KEY }),
      () => trustWith('dc2', { keys: KEY }),
      'identity-mismatch',
    ],
    [
      'a certificate of another authority that the client takes for ours',
      async () => trustWith('dc1', { tls: { ...(await other.issue('dc1')), ca: ca.pem } }),
      () => trustWith('dc2', { tls: dc2 }),
      'certificate-untrusted',
    ],
    [
      'an expired certificate',
      async () =>
        trustWith('dc1', {
          tls: await ca.issue('dc1', { fromMs: Date.now() - 9 * DAY_MS, untilMs: Date.now() - DAY_MS }),
        }),
      () => trustWith('dc2', { tls: dc2 }),
      'certificate-expired',
    ],
    [
      'a certificate that is not valid yet',
      async () => trustWith('dc1', { tls: await ca.issue('dc1', { fromMs: Date.now() + DAY_MS }) }),
      () => trustWith('dc2', { tls: dc2 }),
      'certificate-untrusted',
    ],
    [
      "the right authority but another data centre's certificate",
      async () => trustWith('dc3', { tls: await ca.issue('dc3') }),
      () => trustWith('dc2', { tls: dc2 }),
      'identity-mismatch',
    ],
    [
      'the certificate without the token where both are wanted',
      () => trustWith('dc1', { tls: dc1 }),
      () => trustWith('dc2', { tls: dc2, keys: KEY }),
      'token-missing',
    ],
    ['TLS to plain HTTP', () => trustWith('dc1', { tls: dc1 }), () => trustWith('dc2', {}), 'tls-unexpected'],
    ['plain HTTP to TLS', () => trustWith('dc1', {}), () => trustWith('dc2', { tls: dc2 }), 'tls-handshake'],
  ];
  for (const [name, client, server, code] of wrong) {
    it(`is refused with ${name}: ${code}, and nothing is heard`, async () => {
      const { inbox, transport, to } = await pair(await client(), await server());
      const outcome = await transport.sendMessage(to, MESSAGE, NEVER);
      expect(outcome.kind, JSON.stringify(outcome)).to.equal('refused');
      expect(inbox.messages).to.deep.equal([]);
      const counted = inbox.rejections.map(({ reason }) => reason).filter((reason) => reason !== 'token-stale');
      expect(new Set(counted)).to.deep.equal(new Set([code]));
      const content = randomBytes(1000);
      expect((await transport.sendSnapshot(to, envelope(content), new Source(content), NEVER)).kind).to.not.equal(
        'stored',
      );
      expect((await transport.inventory(to, 'dc1', NEVER)).kind).to.not.equal('rows');
      expect(inbox.snapshots).to.deep.equal([]);
    });
  }

  it('believes no answer of somebody who has another key, or whose certificate is another authority’s', async () => {
    expect(await heartbeat(trustWith('dc1', { keys: KEY }), trustWith('dc2', {}))).to.include({
      kind: 'refused',
      reason: 'unauthorized',
    });
    const foreign = trustWith('dc2', { tls: { ...(await other.issue('dc2')), ca: ca.pem } });
    expect(await heartbeat(trustWith('dc1', { tls: dc1 }), foreign)).to.include({
      kind: 'refused',
      reason: 'tls',
      heard: 0,
    });
    const expired = trustWith('dc2', {
      tls: await ca.issue('dc2', { fromMs: Date.now() - 9 * DAY_MS, untilMs: Date.now() - DAY_MS }),
    });
    expect(await heartbeat(trustWith('dc1', { tls: dc1 }), expired)).to.include({
      kind: 'refused',
      reason: 'tls',
      heard: 0,
    });
  });

  it('ends with the certificate, also on a connection that was made before', async () => {
    const short = { fromMs: Date.now() - DAY_MS, untilMs: Date.now() + DAY_MS };
    for (const [mine, theirs, reason] of [
      [await ca.issue('dc1', short), dc2, 'unauthorized'],
      [dc1, await ca.issue('dc2', short), 'tls'],
    ] as const) {
      let laterMs = 0;
      const wallMs = (): number => Date.now() + laterMs;
      const client = trustWith('dc1', { tls: mine, wallMs });
      const { transport, to } = await pair(client, trustWith('dc2', { tls: theirs, wallMs }));
      expect(await transport.sendMessage(to, MESSAGE, NEVER)).to.have.property('kind', 'answered');
      laterMs = 2 * DAY_MS;
      expect(await transport.sendMessage(to, MESSAGE, NEVER)).to.include({ kind: 'refused', reason });
    }
  });

  it('signs anew by itself when the peer was started again', async () => {
    const inbox = new FakeInbox();
    const first = await opened.listener(inbox, { trust: trustWith('dc2', { keys: KEY }) });
    const transport = opened.transport({ trust: trustWith('dc1', { keys: KEY }) });
    const to = { machine: first.machine, dataCenter: 'dc2' };
    expect((await transport.sendMessage(to, MESSAGE, NEVER)).kind).to.equal('answered');
    await first.listener.close(0);
    await opened.listener(inbox, { trust: trustWith('dc2', { keys: KEY }), port: first.port });
    expect((await transport.sendMessage(to, MESSAGE, NEVER)).kind).to.equal('answered');
    expect(inbox.messages).to.have.length(2);
  });

  it('goes on while keys and certificates are exchanged, and refuses the old ones afterwards', async () => {
    const client = trustWith('dc1', { tls: dc1, keys: KEY });
    const server = trustWith('dc2', { tls: dc2, keys: KEY });
    const { inbox, transport, to } = await pair(client, server);
    const beat = async (): Promise<string> => (await transport.sendMessage(to, MESSAGE, NEVER)).kind;
    expect(await beat()).to.equal('answered');
    const steps = [
      (): void => server.replace({ keys: ringOf(`${KEY},${OTHER_KEY}`, 'dc2') }),
      (): void => client.replace({ keys: ringOf(`${OTHER_KEY},${KEY}`, 'dc1') }),
      (): void => server.replace({ keys: ringOf(OTHER_KEY, 'dc2') }),
      (): void => client.replace({ keys: ringOf(OTHER_KEY, 'dc1') }),
    ];
    for (const step of steps) {
      step();
      expect(await beat()).to.equal('answered');
    }
    const both = `${ca.pem}\n${other.pem}`;
    const renew = async (trust: PeerTrust, authority: TestAuthority, pem: string): Promise<void> => {
      const tls = new TlsMaterial({ ...(await authority.issue(trust.dataCenter)), ca: pem }, trust.dataCenter);
      trust.replace({ tls });
    };
    for (const [authority, pem] of [
      [ca, both],
      [other, both],
      [other, other.pem],
    ] as const) {
      for (const trust of [server, client]) {
        await renew(trust, authority, pem);
        expect(await beat()).to.equal('answered');
        const content = randomBytes(100_000);
        expect((await transport.sendSnapshot(to, envelope(content), new Source(content), NEVER)).kind).to.equal(
          'stored',
        );
      }
    }
    expect(inbox.rejections.filter(({ reason }) => reason !== 'token-stale')).to.deep.equal([]);
    const old = opened.transport({ trust: trustWith('dc1', { tls: dc1, keys: OTHER_KEY }) });
    expect((await old.sendMessage(to, MESSAGE, NEVER)).kind).to.equal('refused');
  });
});
