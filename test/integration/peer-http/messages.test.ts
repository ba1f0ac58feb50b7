import { expect } from 'chai';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { GatewayError, type ErrorCode } from '../../../src/errors.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { MessageOutcome } from '../../../src/ports/peer-transport.ts';
import { Relay } from '../../support/relay.ts';
import { ANSWER, FakeInbox, MESSAGE, NEVER, Opened, clock, httpAnswer, problem, to } from './support.ts';

const OK = httpAnswer('200 OK', JSON.stringify(ANSWER), 'content-type: application/json\r\n');

describe('messages of the peer protocol', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  it('arrive whole, and their answer comes back with the time that it took', async () => {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox);
    const outcome = await opened.transport().sendMessage(to(machine), MESSAGE, NEVER);
    expect(inbox.messages).to.deep.equal([MESSAGE]);
    expect(outcome).to.deep.include({ kind: 'answered', answer: ANSWER });
    expect(outcome.kind === 'answered' && outcome.rttMs).to.be.within(0, 5000);
  });

  const refusals: [ErrorCode, object][] = [
    ['wrong-data-center', { kind: 'refused', reason: 'wrong-data-center' }],
    ['wrong-application', { kind: 'refused', reason: 'wrong-application' }],
    ['wrong-protocol', { kind: 'refused', reason: 'wrong-protocol' }],
    ['unauthorized', { kind: 'refused', reason: 'unauthorized' }],
    ['forbidden-host', { kind: 'refused', reason: 'unauthorized' }],
    ['not-found', { kind: 'refused', reason: 'not-a-gateway' }],
    ['bad-request', { kind: 'failed', reason: 'bad-request' }],
    ['too-large', { kind: 'failed', reason: 'bad-request' }],
    ['shutting-down', { kind: 'failed', reason: 'server-error' }],
    ['store-unavailable', { kind: 'failed', reason: 'server-error' }],
    ['store-full', { kind: 'failed', reason: 'server-error' }],
  ];
  for (const [code, expected] of refusals) {
    it(`give ${JSON.stringify(expected)} when the peer refuses with ${code}`, async () => {
      const inbox = new FakeInbox();
      inbox.onMessage = () => Promise.reject(new GatewayError(code, 'The reason.'));
      const { machine } = await opened.listener(inbox);
      const outcome = await opened.transport().sendMessage(to(machine), MESSAGE, NEVER);
      expect(outcome).to.deep.include(expected);
      expect(outcome).to.have.property('detail').that.includes('The reason.');
    });
  }

  it('are stale, with the number that the peer has, on stale-incarnation', async () => {
    const inbox = new FakeInbox();
    inbox.onMessage = () => Promise.reject(new GatewayError('stale-incarnation', 'Newer.', { facts: { has: 77 } }));
    const { machine } = await opened.listener(inbox);
    expect(await opened.transport().sendMessage(to(machine), MESSAGE, NEVER)).to.deep.equal({ kind: 'stale', has: 77 });
  });

  it('of another protocol are refused with both numbers on both sides', async () => {
    const inbox = new FakeInbox();
    const { machine } = await opened.listener(inbox);
    const foreign = { ...MESSAGE, protocol: 2 } as unknown as typeof MESSAGE;
    const outcome = await opened.transport().sendMessage(to(machine), foreign, NEVER);
    expect(outcome).to.deep.include({ kind: 'refused', reason: 'wrong-protocol' });
    expect(outcome)
      .to.have.property('detail')
      .that.matches(/speaks protocol 1, .* protocol 2/);
    expect(inbox.rejections).to.have.length(1);
    expect(inbox.rejections[0]).to.have.property('reason', 'wrong-protocol');
    expect(inbox.messages).to.be.empty;
  });

  it('say nothing of an unexpected error of the peer but that it happened', async () => {
    const inbox = new FakeInbox();
    inbox.onMessage = () => Promise.reject(new Error('password=secret'));
    const { machine, lines } = await opened.listener(inbox);
    const outcome = await opened.transport().sendMessage(to(machine), MESSAGE, NEVER);
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'server-error' });
    expect(JSON.stringify(outcome)).not.to.include('secret');
    expect(lines.map((line) => line.level)).to.deep.equal(['error']);
    expect(lines[0]!.facts).to.have.property('requestId').that.is.a('string');
  });

  const odd: [string, string, object][] = [
    ['HTML with status 200', httpAnswer('200 OK', '<html>hello</html>'), { kind: 'refused', reason: 'not-a-gateway' }],
    ['JSON of another kind', httpAnswer('200 OK', '{"ok":true}'), { kind: 'refused', reason: 'not-a-gateway' }],
    [
      'an answer with a number that is none',
      httpAnswer('200 OK', JSON.stringify({ ...ANSWER, incarnation: -1 })),
      { kind: 'refused', reason: 'not-a-gateway' },
    ],
    [
      'invalid UTF-8',
      `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\u00c3(`,
      { kind: 'refused', reason: 'not-a-gateway' },
    ],
    [
      'a redirect',
      httpAnswer('302 Found', '', 'location: http://example.org/\r\n'),
      { kind: 'refused', reason: 'not-a-gateway' },
    ],
    ['404', httpAnswer('404 Not Found', 'nothing'), { kind: 'refused', reason: 'not-a-gateway' }],
    ['400 of a stranger', httpAnswer('400 Bad Request', '<h1>Bad</h1>'), { kind: 'refused', reason: 'not-a-gateway' }],
    ['a proxy that wants a login', httpAnswer('401 Unauthorized', 'who?'), { kind: 'refused', reason: 'unauthorized' }],
    ['502 of a proxy', httpAnswer('502 Bad Gateway', 'oops'), { kind: 'failed', reason: 'server-error' }],
    [
      '409 without a number',
      httpAnswer('409 Conflict', problem('stale-incarnation')),
      { kind: 'failed', reason: 'bad-request' },
    ],
    [
      '409 with a number out of range',
      httpAnswer('409 Conflict', problem('stale-incarnation', { has: 2 ** 60 })),
      { kind: 'failed', reason: 'bad-request' },
    ],
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2p1\r\n', { kind: 'refused', reason: 'not-a-gateway' }],
    ['endless headers', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`, { kind: 'refused', reason: 'not-a-gateway' }],
    [
      'an endless body',
      `HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n${'z'.repeat(70_000)}`,
      { kind: 'refused', reason: 'not-a-gateway' },
    ],
    [
      'an upgrade',
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
      { kind: 'refused', reason: 'not-a-gateway' },
    ],
  ];
  for (const [what, bytes, expected] of odd) {
    it(`give ${JSON.stringify(expected)} when the machine answers with ${what}`, async () => {
      const { machine } = await opened.scripted((socket) => socket.once('data', () => socket.write(bytes, 'latin1')));
      expect(await opened.transport().sendMessage(to(machine), MESSAGE, NEVER)).to.deep.include(expected);
    });
  }

  it('fail as interrupted when the connection breaks in the midst of the answer', async () => {
    const { machine } = await opened.scripted((socket) => socket.once('data', () => socket.end(OK.slice(0, -10))));
    expect(await opened.transport().sendMessage(to(machine), MESSAGE, NEVER)).to.deep.include({
      kind: 'failed',
      reason: 'interrupted',
    });
  });

  it('show a hostile problem on one line without control characters', async () => {
    const hostile = httpAnswer('403 Forbidden', problem('x', { detail: `a\u001b[2J\r\nb${'c'.repeat(1000)}` }));
    const { machine } = await opened.scripted((socket) => socket.once('data', () => socket.write(hostile)));
    const outcome = await opened.transport().sendMessage(to(machine), MESSAGE, NEVER);
    expect(outcome)
      .to.have.property('detail')
      .that.matches(/^[\x20-\x7e]{1,400}$/);
  });

  it('fail as unreachable where nobody listens, and where the name does not exist', async () => {
    const gone = await opened.scripted(() => undefined);
    await opened.closeAll();
    const transport = opened.transport();
    for (const machine of [gone.machine, 'no-such-host.invalid:25091']) {
      expect(await transport.sendMessage(to(machine), MESSAGE, NEVER)).to.deep.include({
        kind: 'failed',
        reason: 'unreachable',
      });
    }
  });

  it('fail as timeout when the answer, begun or not, is not complete in time', async () => {
    const silent = await opened.scripted(() => undefined);
    const dripping = await opened.scripted((socket) => socket.once('data', () => socket.write(OK.slice(0, -5))));
    const transport = opened.transport({ readTimeoutMs: 60 });
    for (const { machine } of [silent, dripping]) {
      expect(await transport.sendMessage(to(machine), MESSAGE, NEVER)).to.deep.include({
        kind: 'failed',
        reason: 'timeout',
      });
    }
  });

  it('reuse an idle connection', async () => {
    let connections = 0;
    const { machine } = await opened.scripted((socket) => {
      connections += 1;
      socket.on('data', () => socket.write(OK));
    });
    const transport = opened.transport();
    for (let i = 0; i < 5; i += 1)
      expect(await transport.sendMessage(to(machine), MESSAGE, NEVER)).to.have.property('kind', 'answered');
    expect(connections).to.equal(1);
  });

  it('never wait for one another: each unanswered one gets a connection of its own', async () => {
    const sockets: Socket[] = [];
    let arrived: () => void = () => undefined;
    const three = new Promise<void>((resolve) => (arrived = resolve));
    const { machine } = await opened.scripted((socket) =>
      socket.once('data', () => {
        if (sockets.push(socket) === 3) arrived();
      }),
    );
    const transport = opened.transport();
    const outcomes = [1, 2, 3].map(() => transport.sendMessage(to(machine), MESSAGE, NEVER));
    await three;
    for (const socket of sockets.reverse()) socket.write(OK);
    expect((await Promise.all(outcomes)).map((outcome) => outcome.kind)).to.deep.equal([
      'answered',
      'answered',
      'answered',
    ]);
  });

  it('are sent once more, on a fresh connection, when the idle one turns out to be dead', async () => {
    let connections = 0;
    const { machine } = await opened.scripted((socket, connection) => {
      connections = connection;
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write(OK);
        else socket.resetAndDestroy();
      });
    });
    const transport = opened.transport();
    expect(await transport.sendMessage(to(machine), MESSAGE, NEVER)).to.have.property('kind', 'answered');
    expect(await transport.sendMessage(to(machine), MESSAGE, NEVER)).to.have.property('kind', 'answered');
    expect(connections).to.equal(2);
  });

  it('are not sent again when a fresh connection is reset', async () => {
    let connections = 0;
    const { machine } = await opened.scripted((socket) => {
      connections += 1;
      socket.once('data', () => socket.resetAndDestroy());
    });
    expect(await opened.transport().sendMessage(to(machine), MESSAGE, NEVER)).to.deep.include({
      kind: 'failed',
      reason: 'unreachable',
    });
    expect(connections).to.equal(1);
  });

  it('survive a restart of the peer between two of them', async () => {
    const first = await opened.listener(new FakeInbox());
    const transport = opened.transport();
    await transport.sendMessage(to(first.machine), MESSAGE, NEVER);
    await first.listener.close(0);
    await opened.listener(new FakeInbox(), { port: first.port });
    expect(await transport.sendMessage(to(first.machine), MESSAGE, NEVER)).to.have.property('kind', 'answered');
  });

  it('give way, the oldest first, when 64 are under way on a line that is cut, and get through when it heals', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox);
    const relay = opened.add(new Relay(port), (it) => it.close());
    await relay.listen();
    const transport = opened.transport();
    await transport.sendMessage(to(relay.machine), MESSAGE, NEVER);
    relay.cut('both');
    const settled: number[] = [];
    const send = async (i: number): Promise<MessageOutcome> => {
      const outcome = await transport.sendMessage(to(relay.machine), MESSAGE, NEVER);
      settled.push(i);
      return outcome;
    };
    const outcomes = Array.from({ length: 64 }, (_, i) => send(i));
    await relay.reached(64);
    outcomes.push(send(64), send(65));
    expect(await outcomes[0]).to.deep.include({ kind: 'failed', reason: 'timeout' });
    expect(await outcomes[1])
      .to.have.property('detail')
      .that.includes('gave way');
    await relay.reached(66);
    expect(settled).to.deep.equal([0, 1]);
    relay.heal('lost');
    expect(await transport.sendMessage(to(relay.machine), MESSAGE, NEVER)).to.have.property('kind', 'answered');
    expect(inbox.messages).to.have.length(2);
    await transport.close();
    const rest = await Promise.all(outcomes.slice(3));
    expect(new Set(rest.map((outcome) => outcome.kind === 'failed' && outcome.reason))).to.deep.equal(
      new Set(['interrupted']),
    );
  });

  it('do not use up idle connections that died silently while an earlier message is overdue', async () => {
    const { port } = await opened.listener(new FakeInbox());
    const relay = opened.add(new Relay(port), (it) => it.close());
    await relay.listen();
    let laterMs = 0;
    const later: Clock = Object.assign(new SystemClock(), { now: () => clock.now() + laterMs });
    const transport = opened.transport({ clock: later });
    const send = (): Promise<MessageOutcome> => transport.sendMessage(to(relay.machine), MESSAGE, NEVER);
    await Promise.all([send(), send()]);
    // A firewall forgets the two idle connections: what is sent on them vanishes, new ones work.
    relay.heal('lost');
    const lost = send();
    // It leaves once it is signed.
    await new Promise((resolve) => setImmediate(resolve));
    laterMs = 2000;
    expect(await send()).to.have.property('kind', 'answered');
    await transport.close();
    expect(await lost).to.have.property('kind', 'failed');
  });

  it('reject only when their signal is aborted, with its reason', async () => {
    const { machine } = await opened.scripted(() => undefined);
    const controller = new AbortController();
    const outcome = opened.transport().sendMessage(to(machine), MESSAGE, controller.signal);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await outcome.catch((error: unknown) => error)).to.equal(reason);
  });

  it('fail as interrupted when the transport is closed, before or while they are under way', async () => {
    const { machine } = await opened.scripted(() => undefined);
    const transport = opened.transport();
    const outcome = transport.sendMessage(to(machine), MESSAGE, NEVER);
    await transport.close();
    expect(await outcome).to.deep.include({ kind: 'failed', reason: 'interrupted' });
    expect(await transport.sendMessage(to(machine), MESSAGE, NEVER)).to.deep.include({
      kind: 'failed',
      reason: 'interrupted',
    });
  });

  it('are answered while a snapshot of the same peer stands still', async () => {
    const inbox = new FakeInbox();
    const { port, machine } = await opened.listener(inbox);
    const stuck = opened.add(connect(port, '127.0.0.1'), (it) => void it.destroy());
    await once(stuck, 'connect');
    stuck.write('PUT /peer/v1/snapshots/a HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n');
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => opened.transport().sendMessage(to(machine), MESSAGE, NEVER)),
    );
    expect(outcomes.every((outcome) => outcome.kind === 'answered')).to.equal(true);
  });
});
