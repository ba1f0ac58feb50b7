import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { envelopeHeaders } from '../../../src/wire/snapshot-headers.ts';
import { closedOf, envelope, exchangeRaw, FakeInbox, MESSAGE, Opened } from './support.ts';

const BODY = JSON.stringify(MESSAGE);

function post(body: string, headers = '', target = '/peer/v1/messages'): string {
  return `POST ${target} HTTP/1.1\r\nhost: x\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\n${headers}\r\n${body}`;
}

describe('the peer listener, and what strangers may take up', () => {
  const opened = new Opened();
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await opened.closeAll();
  });

  async function dial(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const refused: [string, string, RegExp][] = [
    ['more than 100 header lines', post(BODY, 'x: y\r\n'.repeat(101)), /^HTTP\/1\.1 431 /],
    [
      'a target of more than 2048 characters',
      post(BODY, '', `/peer/v1/messages?${'x'.repeat(2048)}`),
      /"field":"path"/,
    ],
    ['two tokens', post(BODY, 'authorization: a\r\nAuthorization: b\r\n'), /"field":"authorization"/],
    ['two names of a data centre', post(BODY, 'crossdc-data-center: a\r\n'.repeat(2)), /"field":"crossdc-data-center"/],
    ['a field that is nested without end', post(BODY.replace('{', `{"x":${deep},`)), /"field":"\(body\)"/],
    [
      'a protocol that is nested without end',
      post(BODY.replace('"protocol":1', `"protocol":${deep}`)),
      /"field":"\(body\)"/,
    ],
    ['ten thousand keys', post(BODY.replace('{', `{${'"k":0,'.repeat(10_000)}`)), /"field":"\(body\)"/],
  ];
  for (const [what, request, expected] of refused) {
    it(`refuses ${what}`, async () => {
      const inbox = new FakeInbox();
      const { port, lines } = await opened.listener(inbox);
      const answer = await exchangeRaw(port, request.replace('host: x', 'host: x\r\nconnection: close'));
      expect(answer).to.match(expected);
      expect(answer).to.match(/^HTTP\/1\.1 4/);
      expect(inbox.messages).to.deep.equal([]);
      expect(inbox.rejections).to.have.length(1);
      expect(lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    });
  }

  it('cuts a connection that sends a thousand requests in one piece', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox);
    await exchangeRaw(port, post(BODY).repeat(1000));
    expect(inbox.messages.length).to.be.below(20);
  });

  it('answers whoever waits for his answers, however many requests come on one connection', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox);
    const socket = await dial(port);
    for (let each = 0; each < 100; each += 1) {
      socket.write(post(BODY));
      await once(socket, 'data');
    }
    expect(inbox.messages).to.have.length(100);
  });

  it('forgets a request that waited behind another when their connection breaks, and closes at once', async () => {
    const inbox = new FakeInbox();
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const aborted: Promise<void>[] = [];
    inbox.onSnapshot = (signal) => {
      aborted.push(new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })));
      if (aborted.length === 2) asked();
      return new Promise(() => undefined);
    };
    const { port } = await opened.listener(inbox);
    const content = Buffer.from('state');
    const lines = Object.entries(envelopeHeaders(envelope(content))).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = await dial(port);
    socket.write(`PUT /peer/v1/snapshots/a HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\nstate`.repeat(2));
    await isAsked;
    socket.resetAndDestroy();
    await closedOf(socket);
    await Promise.all(aborted);
  });

  it('keeps a connection of a peer, and lets in a new one, while others come and hang', async () => {
    const limits = { maxConnections: 8, unprovenConnections: 4, connectionsPerAddress: 4 };
    const { port } = await opened.listener(new FakeInbox(), { limits });
    const peer = await dial(port);
    peer.write(post(BODY));
    await once(peer, 'data');
    const hanging: Socket[] = [];
    for (let each = 0; each < 40; each += 1) hanging.push(await dial(port));
    await Promise.all(hanging.slice(0, 36).map(closedOf));
    peer.write(post(BODY));
    expect(String((await once(peer, 'data'))[0])).to.match(/^HTTP\/1\.1 200 /);
    const another = await dial(port);
    another.write(post(BODY));
    expect(String((await once(another, 'data'))[0])).to.match(/^HTTP\/1\.1 200 /);
  });
});
