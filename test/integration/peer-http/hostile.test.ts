import { expect } from 'chai';
import { connect } from 'node:net';
import { envelopeHeaders } from '../../../src/wire/snapshot-headers.ts';
import { KIB, MIB } from '../../../src/units.ts';
import {
  ANSWER,
  FakeInbox,
  MESSAGE,
  NEVER,
  Opened,
  closedOf,
  envelope,
  exchangeRaw,
  randomBytes,
  to,
} from './support.ts';

const BODY = JSON.stringify(MESSAGE);

function request(line: string, headers: Readonly<Record<string, string>>, body = ''): string {
  const lines = Object.entries({ connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

function post(body: string, headers: Readonly<Record<string, string>> = {}): string {
  return request('POST /peer/v1/messages', { 'content-length': String(Buffer.byteLength(body)), ...headers }, body);
}

function put(target: string, headers: Readonly<Record<string, string>> = {}): string {
  const content = Buffer.from('content');
  return request(`PUT ${target}`, { ...envelopeHeaders(envelope(content)), ...headers }, content.toString());
}

/** Status and problem of a raw answer. */
function parts(answer: string): { status: number; type: string; code: string; field: unknown } {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const type = /content-type: (\S+)/i.exec(head)?.[1] ?? '';
  const json = JSON.parse(body === '' ? '{}' : body) as { type?: string; field?: unknown };
  const code = (json.type ?? '').replace('urn:crossdc:problem:', '');
  return { status: Number(head.split(' ')[1]), type, code, field: json.field };
}

describe('the peer listener, against hostile and broken clients', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  const refused: [string, string, { status: number; code: string; reason?: string; field?: string }][] = [
    ['another path', request('GET /', {}), { status: 404, code: 'not-found' }],
    ['the path of the local API', request('GET /v1/status', {}), { status: 404, code: 'not-found' }],
    ['an absolute target', request('POST http://x/peer/v1/messages', {}), { status: 404, code: 'not-found' }],
    ['the asterisk', request('OPTIONS *', {}), { status: 404, code: 'not-found' }],
    ['GET of the messages', request('GET /peer/v1/messages', {}), { status: 405, code: 'method-not-allowed' }],
    ['DELETE of a snapshot', request('DELETE /peer/v1/snapshots/a', {}), { status: 405, code: 'method-not-allowed' }],
    ['POST of the inventory', request('POST /peer/v1/snapshots', {}), { status: 405, code: 'method-not-allowed' }],
    [
      'an inventory without a name',
      request('GET /peer/v1/snapshots', {}),
      { status: 400, code: 'bad-request', field: 'crossdc-data-center' },
    ],
    [
      'an inventory for two',
      request('GET /peer/v1/snapshots', { 'crossdc-data-center': 'a, b' }),
      { status: 400, code: 'bad-request', field: 'crossdc-data-center' },
    ],
    ['a message that is no JSON', post('{'), { status: 400, code: 'bad-request', field: '(body)' }],
    ['a message that is nothing', post(''), { status: 400, code: 'bad-request', field: '(body)' }],
    ['a message that is null', post('null'), { status: 400, code: 'bad-request', field: '(body)' }],
    [
      'a message of 60 KiB of brackets',
      post('['.repeat(60_000)),
      { status: 400, code: 'bad-request', field: '(body)' },
    ],
    [
      'a message with a bad field',
      post(JSON.stringify({ ...MESSAGE, incarnation: 1.5 })),
      { status: 400, code: 'bad-request', field: 'incarnation' },
    ],
    [
      'a message with a prototype',
      post(BODY.replace('"interval":30', '"__proto__":{"interval":30}')),
      { status: 400, code: 'bad-request', field: 'interval' },
    ],
    [
      'a message of another protocol',
      post(JSON.stringify({ protocol: { toString: 1 } })),
      { status: 403, code: 'wrong-protocol', field: 'protocol' },
    ],
    ['a message that is too large', post('x'.repeat(64 * KIB + 1)), { status: 413, code: 'too-large' }],
    [
      'a compressed message',
      post(BODY, { 'content-encoding': 'gzip' }),
      { status: 400, code: 'bad-request', field: 'content-encoding' },
    ],
    [
      'a message of a web page',
      post(BODY, { origin: 'https://evil.example' }),
      { status: 403, code: 'forbidden-host' },
    ],
    [
      'an unknown expectation',
      post(BODY, { expect: 'a miracle' }),
      { status: 400, code: 'bad-request', field: 'expect' },
    ],
    ['the origin ..', put('/peer/v1/snapshots/..'), { status: 400, code: 'bad-request', field: 'origin' }],
    [
      'the origin .. in disguise',
      put('/peer/v1/snapshots/%2e%2E'),
      { status: 400, code: 'bad-request', field: 'origin' },
    ],
    ['no origin', put('/peer/v1/snapshots/'), { status: 400, code: 'bad-request', field: 'origin' }],
    ['an origin with a NUL', put('/peer/v1/snapshots/a%00'), { status: 400, code: 'bad-request', field: 'origin' }],
    [
      'an origin with a line break',
      put('/peer/v1/snapshots/a%0d%0aX-Y:z'),
      { status: 400, code: 'bad-request', field: 'origin' },
    ],
    [
      'an origin that is no UTF-8',
      put('/peer/v1/snapshots/%ff'),
      { status: 400, code: 'bad-request', field: 'origin' },
    ],
    ['half a percent sign', put('/peer/v1/snapshots/%4'), { status: 400, code: 'bad-request', field: 'origin' }],
    [
      'an origin of 201 bytes',
      put(`/peer/v1/snapshots/${'a'.repeat(201)}`),
      { status: 400, code: 'bad-request', field: 'origin' },
    ],
    ['an origin of two segments', put('/peer/v1/snapshots/a/b'), { status: 404, code: 'not-found' }],
    ['a step up', put('/peer/v1/snapshots/../messages'), { status: 404, code: 'not-found' }],
    [
      'a snapshot without a version',
      put('/peer/v1/snapshots/a', { 'crossdc-version': '0' }),
      { status: 400, code: 'bad-request', field: 'crossdc-version' },
    ],
    [
      'a version beyond all numbers',
      put('/peer/v1/snapshots/a', { 'crossdc-version': '9007199254740993' }),
      { status: 400, code: 'bad-request', field: 'crossdc-version' },
    ],
    [
      'a snapshot of another protocol',
      put('/peer/v1/snapshots/a', { 'crossdc-protocol': '2' }),
      { status: 403, code: 'wrong-protocol', field: 'crossdc-protocol' },
    ],
    [
      'a compressed snapshot',
      put('/peer/v1/snapshots/a', { 'content-encoding': 'br' }),
      { status: 400, code: 'bad-request', field: 'content-encoding' },
    ],
    [
      'a workload that is a path',
      put('/peer/v1/snapshots/a', { 'crossdc-workload': '../x' }),
      { status: 400, code: 'bad-request', field: 'crossdc-workload' },
    ],
    [
      'a position with a line break',
      put('/peer/v1/snapshots/a', { 'crossdc-position': 'a%0ab' }),
      { status: 400, code: 'bad-request', field: 'crossdc-position' },
    ],
    [
      '17 labels',
      put(
        '/peer/v1/snapshots/a',
        Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`crossdc-label-${String(i)}`, 'x'])),
      ),
      { status: 400, code: 'bad-request', field: 'crossdc-label-15' },
    ],
    [
      'a snapshot larger than a number can be',
      put('/peer/v1/snapshots/a', { 'content-length': '999999999999999' }),
      { status: 413, code: 'snapshot-too-large' },
    ],
    [
      'headers that are too long',
      request('GET /', { x: 'y'.repeat(70_000) }),
      { status: 431, code: 'headers-too-large' },
    ],
    [
      'a TLS handshake',
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
      { status: 400, code: 'bad-request', reason: 'tls-unexpected' },
    ],
    ['a header with a NUL', 'GET / HTTP/1.1\r\nx: a\0b\r\n\r\n', { status: 400, code: 'bad-request' }],
    [
      'two lengths',
      'POST /peer/v1/messages HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
      { status: 400, code: 'bad-request' },
    ],
    [
      'a length and chunks',
      'POST /peer/v1/messages HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      { status: 400, code: 'bad-request' },
    ],
    [
      'a negative length',
      'POST /peer/v1/messages HTTP/1.1\r\ncontent-length: -5\r\n\r\n',
      { status: 400, code: 'bad-request' },
    ],
    [
      'chunks that are none',
      'POST /peer/v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      { status: 400, code: 'bad-request' },
    ],
  ];
  for (const [what, bytes, expected] of refused) {
    it(`refuses ${what} with ${String(expected.status)} ${expected.code}, as a problem, and counts it`, async () => {
      const inbox = new FakeInbox();
      const { port } = await opened.listener(inbox, { limits: { lingerMs: 50 } });
      const { status, type, code, field } = parts(await exchangeRaw(port, Buffer.from(bytes, 'latin1')));
      const { reason = expected.code, ...answer } = expected;
      expect({ status, code, field }).to.deep.equal({ field: undefined, ...answer });
      expect(type).to.equal('application/problem+json');
      expect(inbox.rejections.map((rejection) => rejection.reason)).to.deep.equal([reason]);
      expect(inbox.messages).to.be.empty;
      expect(inbox.snapshots).to.be.empty;
    });
  }

  it('names the methods that a path takes', async () => {
    const { port } = await opened.listener(new FakeInbox());
    expect(await exchangeRaw(port, request('PATCH /peer/v1/messages', {}))).to.match(/\r\nallow: POST\r\n/i);
  });

  it('refuses a snapshot in chunks, whose length nobody knows, and the client gets to read why', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox, { limits: { lingerMs: 50 } });
    const { 'content-length': _length, ...headers } = envelopeHeaders(envelope(Buffer.from('content')));
    const bytes = request(
      'PUT /peer/v1/snapshots/a',
      { ...headers, 'transfer-encoding': 'chunked' },
      '7\r\ncontent\r\n',
    );
    expect(parts(await exchangeRaw(port, bytes))).to.include({
      status: 400,
      code: 'bad-request',
      field: 'content-length',
    });
    expect(inbox.snapshots).to.be.empty;
  });

  it('takes a message in chunks up to its bound', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox, { limits: { lingerMs: 50 } });
    const chunked = (body: string): string => {
      const length = Buffer.byteLength(body).toString(16);
      return request('POST /peer/v1/messages', { 'transfer-encoding': 'chunked' }, `${length}\r\n${body}\r\n0\r\n\r\n`);
    };
    expect(parts(await exchangeRaw(port, chunked(BODY)))).to.include({ status: 200 });
    expect(parts(await exchangeRaw(port, chunked(' '.repeat(65 * KIB))))).to.include({ status: 413 });
    expect(inbox.messages).to.have.length(1);
  });

  it('ignores unknown fields of a message', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox);
    const body = JSON.stringify({ ...MESSAGE, leases: { a: { until: 1 } }, ['__proto__x']: 1 });
    expect(parts(await exchangeRaw(port, post(body)))).to.include({ status: 200 });
    expect(inbox.messages).to.deep.equal([MESSAGE]);
  });

  it('asks for the body of a client that expects to be asked, and only if it wants it', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox, { maxBytes: 100, limits: { lingerMs: 50 } });
    const asked = await exchangeRaw(port, put('/peer/v1/snapshots/a', { expect: '100-continue' }));
    expect(asked).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    const big = put('/peer/v1/snapshots/a', { expect: '100-continue', 'content-length': '1000' });
    expect(await exchangeRaw(port, big)).to.match(/^HTTP\/1\.1 413 /);
  });

  it('names itself in every answer', async () => {
    const { port } = await opened.listener(new FakeInbox());
    for (const bytes of [post(BODY), request('GET /', {}), 'x\r\n\r\n']) {
      expect(await exchangeRaw(port, bytes)).to.match(/\r\ncrossdc-data-center: dc2\r\n/i);
    }
  });

  it('keeps a connection whose refused body was small', async () => {
    const inbox = new FakeInbox();
    const { port } = await opened.listener(inbox);
    const first = post('x'.repeat(65 * KIB)).replace('connection: close\r\n', '');
    const answer = await exchangeRaw(port, first + post(BODY));
    expect(answer.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 413', 'HTTP/1.1 200']);
    expect(inbox.messages).to.have.length(1);
  });

  for (const [what, bytes] of [
    ['says nothing', ''],
    ['never ends its headers', 'POST /peer/v1/messages HTTP/1.1\r\nx: y\r\n'],
    ['never ends its message', post(BODY).slice(0, -5)],
    ['never ends its snapshot', put('/peer/v1/snapshots/a').slice(0, -3)],
    ['never sends the small body that was refused', put('/peer/v1/snapshots/..', { 'content-length': '5000' })],
    ['never sends the large body that was refused', put('/peer/v1/snapshots/..', { 'content-length': '99999999' })],
    ['has nothing more to ask', post(BODY).replace('connection: close\r\n', '')],
  ] as const) {
    it(`cuts a client off that ${what}`, async () => {
      const limits = {
        headersTimeoutMs: 60,
        idleTimeoutMs: 60,
        bodyTimeoutMs: 60,
        lingerMs: 60,
        keepAliveTimeoutMs: 60,
      };
      const { port, machine } = await opened.listener(new FakeInbox(), { limits });
      await exchangeRaw(port, bytes);
      expect(await opened.transport().sendMessage(to(machine), MESSAGE, NEVER)).to.have.property('kind', 'answered');
    });
  }

  it('cuts a client off that drips its message, byte by byte', async () => {
    const { port } = await opened.listener(new FakeInbox(), { limits: { idleTimeoutMs: 100 } });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = closedOf(socket);
    socket.write(post(BODY).slice(0, -100));
    const controller = new AbortController();
    void closed.then(() => controller.abort());
    let sent = 0;
    while (!controller.signal.aborted && sent < 90) {
      socket.write(' ');
      sent += 1;
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    await closed;
    expect(sent).to.be.lessThan(90);
  });

  it('throws only so much away of a large body that it refused', async () => {
    const { port } = await opened.listener(new FakeInbox(), { limits: { lingerBytes: MIB, lingerMs: 60_000 } });
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(put('/peer/v1/snapshots/..', { 'content-length': '99999999999' }));
    socket.write(randomBytes(64 * MIB));
    await closedOf(socket);
    expect(answer).to.match(/^HTTP\/1\.1 400 .*\r\nconnection: close\r\n/is);
  });

  it('cuts a client off that does not read its answer', async () => {
    const inbox = new FakeInbox();
    const row = {
      workload: 'dc1',
      origin: 'o'.repeat(200),
      version: 1,
      sha256: 'ab'.repeat(32),
      fate: 'held',
    } as const;
    inbox.rows = Array.from({ length: 90_000 }, () => row);
    const { port } = await opened.listener(inbox, { limits: { idleTimeoutMs: 60 } });
    const whole = JSON.stringify(inbox.rows).length;
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(request('GET /peer/v1/snapshots', { 'crossdc-data-center': 'dc1' }));
    await new Promise((resolve) => setTimeout(resolve, 600));
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await closedOf(socket);
    expect(bytes).to.be.within(1, whole - 1);
  });

  it('writes no byte of a stranger into its log as it came, and one line for many', async () => {
    const inbox = new FakeInbox();
    const { port, lines } = await opened.listener(inbox, { limits: { lingerMs: 20 } });
    for (let i = 0; i < 20; i += 1) await exchangeRaw(port, `\u001b[31m\r\n${'\u0007'.repeat(300)}\r\n\r\n`);
    expect(lines).to.have.length(1);
    expect(lines[0]!.facts.start)
      .to.be.a('string')
      .that.matches(/^[\x20-\x7e…]{1,110}$/);
    expect(inbox.rejections).to.have.length(20);
  });

  it('goes on answering after 300 random requests', async function () {
    this.timeout(30_000);
    const seed = 20_260_102;
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const inbox = new FakeInbox();
    const { port, machine, lines } = await opened.listener(inbox, { limits: { lingerMs: 30 } });
    const samples = [
      post(BODY),
      put('/peer/v1/snapshots/a'),
      request('GET /peer/v1/snapshots', { 'crossdc-data-center': 'dc1' }),
    ];
    const mutations: ((bytes: Buffer) => Buffer)[] = [
      (bytes) => bytes.subarray(0, random(bytes.length)),
      (bytes) => {
        for (let i = random(5); i >= 0; i -= 1) bytes[random(bytes.length)] = random(256);
        return bytes;
      },
      (bytes) => Buffer.concat([bytes, bytes.subarray(random(bytes.length))]),
      (bytes) => {
        const at = random(bytes.length);
        return Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(Array.from({ length: random(50) }, () => random(256))),
          bytes.subarray(at),
        ]);
      },
      (bytes) => Buffer.concat([bytes.subarray(0, random(bytes.length)), bytes.subarray(random(bytes.length))]),
    ];
    const fuzz = async (): Promise<void> => {
      const bytes = mutations[random(mutations.length)]!(Buffer.from(samples[random(samples.length)]!));
      await exchangeRaw(port, bytes, false);
    };
    for (let round = 0; round < 30; round += 1) await Promise.all(Array.from({ length: 10 }, fuzz));
    const outcome = await opened.transport().sendMessage(to(machine), MESSAGE, NEVER);
    expect(outcome, `seed ${String(seed)}`).to.deep.include({ kind: 'answered', answer: ANSWER });
    expect(
      lines.filter((line) => line.level === 'error'),
      `seed ${String(seed)}`,
    ).to.be.empty;
  });
});
