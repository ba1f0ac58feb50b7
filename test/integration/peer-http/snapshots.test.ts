import { expect } from 'chai';
import { GatewayError, type ErrorCode } from '../../../src/errors.ts';
import { KIB, MIB } from '../../../src/units.ts';
import { Relay } from '../../support/relay.ts';
import { FakeInbox, NEVER, Opened, Source, envelope, httpAnswer, problem, randomBytes, to } from './support.ts';

describe('snapshots of the peer protocol', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  it('arrive with every byte and all of their description', async () => {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox);
    const content = randomBytes(5 * MIB + 17);
    const sent = envelope(content);
    const source = new Source(content);
    expect(await opened.transport().sendSnapshot(to(machine), sent, source, NEVER)).to.deep.equal({ kind: 'stored' });
    expect(inbox.snapshots).to.have.length(1);
    expect(inbox.snapshots[0]).to.deep.include({
      envelope: sent,
      bytes: content.length,
      sha256: sent.description.sha256,
    });
    expect(source.isClosed).to.equal(true);
  });

  it('of nothing, a withdrawal, arrive too', async () => {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox);
    const transport = opened.transport();
    const sent = envelope(new Uint8Array(0));
    for (let i = 0; i < 2; i += 1) {
      expect(await transport.sendSnapshot(to(machine), sent, new Source(new Uint8Array(0)), NEVER)).to.deep.equal({
        kind: 'stored',
      });
    }
    expect(inbox.snapshots.map((snapshot) => snapshot.envelope)).to.deep.equal([sent, sent]);
  });

  for (const origin of ['%2e%2e', 'a/../../b', '...', 'x?y#z', 'ключ', '%00', 'a b+c%20', '\u{1f600}'.repeat(50)]) {
    it(`of the origin ${JSON.stringify(origin)} keep their name`, async () => {
      const inbox = new FakeInbox();
      const { machine } = await opened.listener(inbox);
      const content = randomBytes(10);
      expect(
        await opened.transport().sendSnapshot(to(machine), envelope(content, origin), new Source(content), NEVER),
      ).to.deep.equal({ kind: 'stored' });
      expect(inbox.snapshots[0]!.envelope.origin).to.equal(origin);
    });
  }

  it('travel with the largest position and labels that the interface allows', async () => {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox);
    const content = randomBytes(10);
    const text = 'ü'.repeat(512);
    const labels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [String(i).padStart(64, 'l'), text]));
    const plain = envelope(content, 'ö'.repeat(100));
    const sent = { ...plain, description: { ...plain.description, position: text, labels } };
    expect(await opened.transport().sendSnapshot(to(machine), sent, new Source(content), NEVER)).to.deep.equal({
      kind: 'stored',
    });
    expect(inbox.snapshots[0]!.envelope).to.deep.equal(sent);
  });

  const answers: [ErrorCode, number | undefined, object][] = [
    ['version-older', 50, { kind: 'not-newer', has: 50, isConflict: false }],
    ['origin-has-newer', 51, { kind: 'not-newer', has: 51, isConflict: false }],
    ['version-conflict', 42, { kind: 'not-newer', has: 42, isConflict: true }],
    ['stale-incarnation', 6, { kind: 'failed', reason: 'bad-request' }],
    ['snapshot-too-large', undefined, { kind: 'failed', reason: 'too-large' }],
    ['digest-mismatch', undefined, { kind: 'failed', reason: 'digest-mismatch' }],
    ['store-full', undefined, { kind: 'failed', reason: 'store-full' }],
    ['store-unavailable', undefined, { kind: 'failed', reason: 'store-unavailable' }],
    ['shutting-down', undefined, { kind: 'failed', reason: 'server-error' }],
    ['internal', undefined, { kind: 'failed', reason: 'server-error' }],
    ['wrong-data-center', undefined, { kind: 'refused', reason: 'wrong-data-center' }],
    ['wrong-application', undefined, { kind: 'refused', reason: 'wrong-application' }],
    ['interrupted', undefined, { kind: 'failed', reason: 'interrupted' }],
  ];
  for (const [code, has, expected] of answers) {
    for (const size of [100, 64 * MIB]) {
      it(`give ${JSON.stringify(expected)} on an early ${code}, with ${String(size)} bytes still to come`, async () => {
        const inbox = new FakeInbox();
        inbox.onSnapshot = () => Promise.reject(new GatewayError(code, 'No.', { facts: { has } }));
        const { machine } = await opened.listener(inbox);
        const content = randomBytes(size);
        const source = new Source(content);
        const outcome = await opened.transport().sendSnapshot(to(machine), envelope(content), source, NEVER);
        expect(outcome).to.deep.include(expected);
        expect(source.isClosed).to.equal(true);
        if (size > MIB) expect(source.givenBytes).to.be.lessThan(size);
      });
    }
  }

  it('give the refusal that comes in the midst of 64 MiB, and stop being read', async () => {
    const inbox = new FakeInbox();
    inbox.onChunk = (bytes) =>
      bytes > 8 * MIB ? Promise.reject(new GatewayError('store-full', 'The disk is full.')) : Promise.resolve();
    const { machine } = await opened.listener(inbox);
    const content = randomBytes(64 * MIB);
    const source = new Source(content);
    const outcome = await opened.transport().sendSnapshot(to(machine), envelope(content), source, NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'store-full' });
    expect(source).to.include({ isClosed: true });
    expect(source.givenBytes).to.be.within(8 * MIB, 48 * MIB);
  });

  it('give the early refusal over a slow line, on which the answer overtakes most of the body', async () => {
    const inbox = new FakeInbox();
    inbox.onSnapshot = () => Promise.reject(new GatewayError('version-older', 'Older.', { facts: { has: 99 } }));
    const { port } = await opened.listener(inbox);
    const relay = opened.add(new Relay(port, 7), (it) => it.close());
    await relay.listen();
    relay.delay(15, 10);
    const content = randomBytes(64 * MIB);
    const outcome = await opened
      .transport()
      .sendSnapshot(to(relay.machine), envelope(content), new Source(content), NEVER);
    expect(outcome).to.deep.equal({ kind: 'not-newer', has: 99, isConflict: false });
  });

  it('are believed stored when the peer says so before the body was read, as it had them before', async () => {
    const inbox = new FakeInbox();
    inbox.receiveSnapshot = () => Promise.resolve();
    const { machine } = await opened.listener(inbox);
    for (const size of [500 * KIB, 64 * MIB]) {
      const content = randomBytes(size);
      const source = new Source(content);
      expect(await opened.transport().sendSnapshot(to(machine), envelope(content), source, NEVER)).to.deep.equal({
        kind: 'stored',
      });
      expect(source.isClosed).to.equal(true);
    }
  });

  it('larger than the peer allows are refused before any of it is read', async () => {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox, { maxBytes: 1000 });
    const content = randomBytes(1001);
    const outcome = await opened.transport().sendSnapshot(to(machine), envelope(content), new Source(content), NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'too-large' });
    expect(inbox.rejections.map((rejection) => rejection.reason)).to.deep.equal(['snapshot-too-large']);
  });

  it('fail as interrupted on both sides when the line breaks in the midst', async () => {
    const inbox = new FakeInbox();
    let seen: unknown;
    let aborted: unknown;
    const received = new Promise<void>((resolve) => {
      const receive = inbox.receiveSnapshot.bind(inbox);
      inbox.receiveSnapshot = async (of, content, signal) => {
        signal.addEventListener('abort', () => {
          aborted = signal.reason;
        });
        await receive(of, content, signal)
          .catch((error: unknown) => {
            seen = error;
            throw error;
          })
          .finally(resolve);
      };
    });
    const { port } = await opened.listener(inbox);
    const relay = opened.add(new Relay(port), (it) => it.close());
    await relay.listen();
    relay.cutAfterBytes(10 * MIB, 'reset');
    const content = randomBytes(32 * MIB);
    const source = new Source(content);
    const outcome = await opened.transport().sendSnapshot(to(relay.machine), envelope(content), source, NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'interrupted' });
    expect(source.isClosed).to.equal(true);
    await received;
    expect(seen).to.be.instanceOf(GatewayError).with.property('code', 'interrupted');
    expect(aborted).to.be.instanceOf(GatewayError);
    expect(inbox.snapshots).to.be.empty;
  });

  it('fail as timeout, on both sides, when the line is cut silently in the midst', async () => {
    const inbox = new FakeInbox();
    let seen: unknown;
    const received = new Promise<void>((resolve) => {
      const receive = inbox.receiveSnapshot.bind(inbox);
      inbox.receiveSnapshot = (of, content, signal) =>
        receive(of, content, signal)
          .catch((error: unknown) => {
            seen = error;
            throw error;
          })
          .finally(resolve);
    });
    const { port } = await opened.listener(inbox, { limits: { bodyTimeoutMs: 200 } });
    const relay = opened.add(new Relay(port), (it) => it.close());
    await relay.listen();
    relay.cutAfterBytes(10 * MIB);
    const content = randomBytes(32 * MIB);
    const source = new Source(content);
    const outcome = await opened
      .transport({ readTimeoutMs: 200 })
      .sendSnapshot(to(relay.machine), envelope(content), source, NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'timeout' });
    expect(source.isClosed).to.equal(true);
    await received;
    expect(seen).to.have.property('message').that.includes('stopped sending');
  });

  it('may take longer than the read timeout when it is their content that is slow', async () => {
    const { machine } = await opened.listener(new FakeInbox());
    const content = randomBytes(10);
    async function* slow(): AsyncGenerator<Uint8Array> {
      for (const byte of content) {
        await new Promise((resolve) => setTimeout(resolve, byte === content[1] ? 250 : 0));
        yield Uint8Array.of(byte);
      }
    }
    const transport = opened.transport({ readTimeoutMs: 100 });
    expect(await transport.sendSnapshot(to(machine), envelope(content), slow(), NEVER)).to.deep.equal({
      kind: 'stored',
    });
  });

  it('fail as timeout when the peer took everything and does not answer', async () => {
    const { machine } = await opened.scripted((socket) => socket.resume());
    const content = randomBytes(3 * MIB);
    const outcome = await opened
      .transport({ readTimeoutMs: 100 })
      .sendSnapshot(to(machine), envelope(content), new Source(content), NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'timeout' });
  });

  it('fail as timeout when the answer stands still', async () => {
    const { machine } = await opened.scripted((socket) => {
      socket.resume();
      socket.write('HTTP/1.1 409 Conflict\r\ncontent-length: 100\r\n\r\n{');
    });
    const content = randomBytes(3 * MIB);
    const outcome = await opened
      .transport({ readTimeoutMs: 100 })
      .sendSnapshot(to(machine), envelope(content), new Source(content), NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'timeout' });
  });

  it('fail as interrupted, saying why, when their content cannot be read', async () => {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(randomBytes(MIB));
      throw new Error('the disk is gone');
    }
    const outcome = await opened.transport().sendSnapshot(to(machine), envelope(randomBytes(2 * MIB)), broken(), NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'interrupted' });
    expect(outcome).to.have.property('detail').that.includes('the disk is gone');
    expect(inbox.snapshots).to.be.empty;
  });

  for (const [what, bytes] of [
    ['shorter', 1000],
    ['longer', 1002],
    ['empty', 0],
  ] as const) {
    it(`fail as interrupted when their content is ${what} than announced`, async () => {
      const inbox = new FakeInbox();
      const { machine } = await opened.listener(inbox);
      const source = new Source(randomBytes(bytes), 100);
      const outcome = await opened.transport().sendSnapshot(to(machine), envelope(randomBytes(1001)), source, NEVER);
      expect(outcome).to.deep.include({ kind: 'failed', reason: 'interrupted' });
      expect(source.isClosed).to.equal(true);
      expect(inbox.snapshots).to.be.empty;
    });
  }

  it('fail as unreachable where nobody listens, and their content is closed', async () => {
    const gone = await opened.scripted(() => undefined);
    await opened.closeAll();
    let isReturned = false;
    const source: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: true, value: undefined }),
        return: () => {
          isReturned = true;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    const outcome = await opened.transport().sendSnapshot(to(gone.machine), envelope(randomBytes(10)), source, NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'unreachable' });
    expect(isReturned).to.equal(true);
  });

  it('end at once, when their signal is aborted, with its reason, though their content hangs', async () => {
    const inbox = new FakeInbox();
    const begun = new Promise<void>((resolve) => {
      inbox.onSnapshot = () => {
        resolve();
        return Promise.resolve();
      };
    });
    const { machine } = await opened.listener(inbox);
    const controller = new AbortController();
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(randomBytes(10));
      await new Promise(() => undefined);
    }
    const outcome = opened
      .transport()
      .sendSnapshot(to(machine), envelope(randomBytes(100)), hanging(), controller.signal);
    await begun;
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await outcome.catch((error: unknown) => error)).to.equal(reason);
  });

  it('fail as interrupted when the transport is closed', async () => {
    const inbox = new FakeInbox();
    const transport = opened.transport();
    inbox.onSnapshot = () => transport.close();
    const { machine } = await opened.listener(inbox);
    const content = randomBytes(64 * MIB);
    const source = new Source(content);
    expect(await transport.sendSnapshot(to(machine), envelope(content), source, NEVER)).to.deep.include({
      kind: 'failed',
      reason: 'interrupted',
    });
    expect(source.isClosed).to.equal(true);
    expect(await transport.sendSnapshot(to(machine), envelope(content), source, NEVER)).to.deep.include({
      kind: 'failed',
      reason: 'interrupted',
    });
  });

  const odd: [string, string, object][] = [
    [
      '409 without a number',
      httpAnswer('409 Conflict', problem('version-older')),
      { kind: 'failed', reason: 'bad-request' },
    ],
    ['409 of a stranger', httpAnswer('409 Conflict', '{"has":3}'), { kind: 'refused', reason: 'not-a-gateway' }],
    ['413 of a proxy', httpAnswer('413 Too Large', '<h1>no</h1>'), { kind: 'failed', reason: 'too-large' }],
    ['503 of a proxy', httpAnswer('503 Unavailable', '<h1>no</h1>'), { kind: 'failed', reason: 'server-error' }],
    ['201', httpAnswer('201 Created', ''), { kind: 'refused', reason: 'not-a-gateway' }],
    ['no HTTP', 'hello\r\n\r\n', { kind: 'refused', reason: 'not-a-gateway' }],
  ];
  for (const [what, bytes, expected] of odd) {
    it(`give ${JSON.stringify(expected)} when the machine answers with ${what}`, async () => {
      const { machine } = await opened.scripted((socket) => socket.once('data', () => socket.write(bytes)).resume());
      const content = randomBytes(MIB);
      expect(
        await opened.transport().sendSnapshot(to(machine), envelope(content), new Source(content), NEVER),
      ).to.deep.include(expected);
    });
  }
});

describe('the inventory of the peer protocol', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());
  const row = { workload: 'dc1', origin: 'o/ü', version: 4, sha256: 'ab'.repeat(32), fate: 'held' } as const;

  it('comes for the data centre that asks', async () => {
    const inbox = new FakeInbox();
    const asked: string[] = [];
    inbox.onInventory = (dataCenter) => void asked.push(dataCenter);
    inbox.rows = Array.from({ length: 5000 }, (_, i) => ({ ...row, version: i + 1 }));
    const { machine } = await opened.listener(inbox);
    expect(await opened.transport().inventory(to(machine), 'dc1', NEVER)).to.deep.equal({
      kind: 'rows',
      rows: inbox.rows,
    });
    expect(asked).to.deep.equal(['dc1']);
  });

  it('is refused to a data centre that is unknown', async () => {
    const inbox = new FakeInbox();
    inbox.onInventory = () => {
      throw new GatewayError('wrong-data-center', 'No peer of that name.');
    };
    const { machine } = await opened.listener(inbox);
    expect(await opened.transport().inventory(to(machine), 'dc9', NEVER)).to.deep.include({
      kind: 'refused',
      reason: 'wrong-data-center',
    });
  });

  it('is not believed when a row of it is no row', async () => {
    const { machine } = await opened.scripted((socket) =>
      socket.once('data', () => socket.write(httpAnswer('200 OK', JSON.stringify([row, { ...row, version: 0 }])))),
    );
    expect(await opened.transport().inventory(to(machine), 'dc1', NEVER)).to.deep.include({
      kind: 'refused',
      reason: 'not-a-gateway',
    });
  });

  it('fails as timeout when it does not come, and as unreachable where nobody listens', async () => {
    const { machine } = await opened.scripted(() => undefined);
    const transport = opened.transport({ readTimeoutMs: 50, connectionTimeoutMs: 50 });
    expect(await transport.inventory(to(machine), 'dc1', NEVER)).to.deep.include({ kind: 'failed', reason: 'timeout' });
    const closed = await opened.scripted(() => undefined);
    await opened.closeAll();
    expect(await opened.transport().inventory(to(closed.machine), 'dc1', NEVER)).to.deep.include({
      kind: 'failed',
      reason: 'unreachable',
    });
  });
});
