import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { MIB } from '../../../src/units.ts';
import { reprDigest } from '../../../src/wire/snapshot-headers.ts';
import { AT, fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { Harness, problemOf, readReply } from './harness.ts';

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

describe('local API: posting a snapshot', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness({ limits: { lingerMs: 300, bodyIdleMs: 150 } }).start()));
  afterEach(() => api.stop());

  it('answers 202 with what was accepted once it is durable', async () => {
    const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: 'state' });
    expect(reply.status).to.equal(202);
    expect(reply.headers['crossdc-version']).to.equal('1');
    expect(reply.json).to.deep.equal({
      workload: 'dc1',
      origin: 'orders',
      version: 1,
      bytes: 5,
      sha256: sha256('state'),
      takenAt: AT,
      replication: [{ peer: 'dc2', state: 'pending' }],
    });
  });

  it('takes POST as it takes PUT', async () => {
    expect((await api.checked('POST', '/v1/snapshots/orders', { body: 'state' })).status).to.equal(202);
  });

  it('hands on length, digest, position, labels and workload', async () => {
    await api.checked('PUT', '/v1/snapshots/a%2Fb%20%C3%BC?workload=dc9', {
      body: 'state',
      headers: {
        'crossdc-position': encodeURIComponent('größe 12'),
        'crossdc-label-Kind': encodeURIComponent('a, b'),
        'repr-digest': `sha-512=:AAAA:, ${reprDigest(sha256('state'))}`,
      },
    });
    expect(api.api.requestsOf('putSnapshot')).to.deep.equal([
      {
        origin: 'a/b ü',
        workload: 'dc9',
        position: 'größe 12',
        labels: { kind: 'a, b' },
        bytes: 5,
        sha256: sha256('state'),
      },
    ]);
  });

  it('takes a body of unknown length, and an empty one', async () => {
    const chunked = await api.checked('PUT', '/v1/snapshots/orders', {
      body: 'state',
      headers: { 'transfer-encoding': 'chunked' },
    });
    const empty = await api.checked('PUT', '/v1/snapshots/orders', { headers: { 'content-length': '0' } });
    expect([chunked.status, empty.status]).to.deep.equal([202, 202]);
    expect(
      api.api.requestsOf('putSnapshot').map((request) => (request as { bytes: number | null }).bytes),
    ).to.deep.equal([null, 0]);
  });

  it('takes sixteen labels and a position of the longest kind', async () => {
    const longest = encodeURIComponent('€'.repeat(341));
    const labels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`crossdc-label-l${String(i)}`, longest]));
    const reply = await api.checked('PUT', '/v1/snapshots/orders', {
      body: 'x',
      headers: { ...labels, 'crossdc-position': longest },
    });
    expect(reply.status).to.equal(202);
  });

  it('waits until it is replicated when asked to', async () => {
    const reply = await api.checked('PUT', '/v1/snapshots/orders?wait=replicated&timeout=2.5', { body: 'x' });
    expect(reply.status).to.equal(200);
    expect(reply.json).to.have.deep.property('replication', [{ peer: 'dc2', state: 'stored' }]);
    expect(api.api.requestsOf('awaitReplicated')).to.deep.equal([{ origin: 'orders', version: 1, timeoutMs: 2500 }]);
  });

  it('waits 30 seconds when no timeout is given', async () => {
    await api.checked('PUT', '/v1/snapshots/orders?wait=replicated', { body: 'x' });
    expect(api.api.requestsOf('awaitReplicated')).to.deep.equal([{ origin: 'orders', version: 1, timeoutMs: 30_000 }]);
  });

  it('answers 504 and the version when it is not replicated in time', async () => {
    api.api.refuse('awaitReplicated', new GatewayError('not-in-time', 'Version 1 stays queued.'));
    const reply = await api.checked('PUT', '/v1/snapshots/orders?wait=replicated', { body: 'x' });
    expect(problemOf(reply)).to.deep.equal({ status: 504, code: 'not-in-time', field: undefined });
    expect(reply.headers['crossdc-version']).to.equal('1');
  });

  it('stops waiting when the client goes away', async () => {
    api.api.replicated = new Promise(() => undefined);
    const request = httpRequest({
      port: api.port,
      method: 'PUT',
      path: '/v1/snapshots/orders?wait=replicated',
      agent: false,
    });
    request.on('error', () => undefined);
    request.end('x');
    await api.api.called('awaitReplicated');
    const signal = api.api.lastSignal!;
    const aborted = once(signal, 'abort');
    request.destroy();
    await aborted;
    expect(signal.aborted).to.equal(true);
  });

  it('stores nothing when the client goes away in the middle, and logs no error', async () => {
    const request = httpRequest({
      port: api.port,
      method: 'PUT',
      path: '/v1/snapshots/orders',
      agent: false,
      headers: { 'content-length': '100' },
    });
    request.on('error', () => undefined);
    request.write('only this');
    await api.api.called('putSnapshot');
    const aborted = once(api.api.lastSignal!, 'abort');
    request.destroy();
    await aborted;
    await api.stop();
    expect(api.api.own.size).to.equal(0);
    expect(api.lines.filter((line) => line.level === 'error')).to.deep.equal([]);
  });

  it('cuts a client that stops sending', async () => {
    const socket = await api.dial();
    socket.write(
      `PUT /v1/snapshots/orders HTTP/1.1\r\nHost: 127.0.0.1:${String(api.port)}\r\nContent-Length: 100\r\n\r\nonly this`,
    );
    socket.resume().on('error', () => undefined);
    await once(socket, 'close');
    expect(api.api.own.size).to.equal(0);
  });

  const badHeaders: [string, Record<string, string | string[]>, string][] = [
    ['an encoded body', { 'content-encoding': 'gzip' }, 'content-encoding'],
    ['a part of a snapshot', { 'content-range': 'bytes 0-4/10' }, 'content-range'],
    ['a position that is not percent-encoded', { 'crossdc-position': '100%' }, 'crossdc-position'],
    ['a position in raw bytes', { 'crossdc-position': 'gr\u00f6\u00dfe' }, 'crossdc-position'],
    ['a position with control characters', { 'crossdc-position': 'a%0Ab' }, 'crossdc-position'],
    ['a position given twice', { 'crossdc-position': ['a', 'b'] }, 'crossdc-position'],
    ['a position that is too long', { 'crossdc-position': 'a'.repeat(1025) }, 'crossdc-position'],
    ['a label without a name', { 'crossdc-label-': 'a' }, 'crossdc-label-'],
    ['a digest that is none', { 'repr-digest': 'sha-256=:abc:' }, 'repr-digest'],
  ];
  for (const [what, headers, field] of badHeaders) {
    it(`refuses ${what}`, async () => {
      const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: 'state', headers });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field });
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  it('refuses a seventeenth label', async () => {
    const labels = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`crossdc-label-l${String(i)}`, 'x']));
    const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: 'state', headers: labels });
    expect(problemOf(reply)).to.deep.include({ status: 400, code: 'bad-request' });
  });

  const badQueries: [string, string][] = [
    ['wait=forever', 'wait'],
    ['wait=replicated&timeout=-1', 'timeout'],
    ['wait=replicated&timeout=soon', 'timeout'],
    ['wait=replicated&timeout=86401', 'timeout'],
    ['workload=a&workload=b', 'workload'],
    ['workload=', 'workload'],
    ['workload=..%2Fx', 'workload'],
  ];
  for (const [query, field] of badQueries) {
    it(`refuses ?${query}`, async () => {
      const reply = await api.checked('PUT', `/v1/snapshots/orders?${query}`, { body: 'state' });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field });
    });
  }

  for (const origin of ['.', '..', '%2E%2E', 'a%00b', 'a%0Ab', 'x'.repeat(201), '%F0%9F%98%80'.repeat(51)]) {
    it(`refuses the origin ${origin.slice(0, 20)}`, async () => {
      const reply = await api.checked('PUT', `/v1/snapshots/${origin}`, { body: 'state' });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'origin' });
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  for (const origin of ['%', '%zz', '%E4', '%C3%28']) {
    it(`refuses the path segment ${origin}, which is no percent-encoding`, async () => {
      const reply = await api.checked('GET', `/v1/snapshots/${origin}`);
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'path' });
    });
  }

  for (const origin of [
    '__proto__',
    'constructor',
    'a%2F..%2F..%2Fetc%2Fpasswd',
    '%5C..%5C',
    '...',
    ' ',
    '%25',
    '%3F%23',
    'é',
    '%F0%9F%98%80',
  ]) {
    const name = origin === 'é' ? '%C3%A9' : origin === ' ' ? '%20' : origin;
    it(`takes the origin ${name} as one name`, async () => {
      await api.checked('PUT', `/v1/snapshots/${name}`, { body: 'state' });
      const read = await api.checked('GET', `/v1/snapshots/${name}`);
      expect(read.text).to.equal('state');
      expect(api.api.requestsOf('putSnapshot')).to.have.nested.property('[0].origin', decodeURIComponent(name));
    });
  }

  it('answers 422 for bytes that do not match their digest', async () => {
    const headers = { 'repr-digest': reprDigest(sha256('other')) };
    const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: 'state', headers });
    expect(problemOf(reply)).to.deep.include({ status: 422, code: 'digest-mismatch' });
  });

  it('answers 409 with the number that is there', async () => {
    api.api.refuse('putSnapshot', new GatewayError('version-older', 'Version 9 is there.', { facts: { has: 9 } }));
    const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: 'state' });
    expect(reply.json).to.deep.include({ status: 409, has: 9 });
  });

  for (const [code, status] of [
    ['shutting-down', 503],
    ['store-unavailable', 503],
    ['store-full', 507],
  ] as const) {
    it(`answers ${String(status)} ${code}`, async () => {
      api.api.refuse('putSnapshot', new GatewayError(code, 'Not now.'));
      const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: 'state' });
      expect(problemOf(reply)).to.deep.include({ status, code });
      expect(reply.headers['retry-after']).to.equal(status === 503 ? '1' : undefined);
    });
  }

  it('refuses what is too large by its length alone', async () => {
    const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: Buffer.alloc(4 * MIB + 1) });
    expect(problemOf(reply)).to.deep.include({ status: 413, code: 'snapshot-too-large' });
    expect(api.api.calls).to.deep.equal([]);
  });

  it('gets a refusal through to a client that is still sending, and closes its connection', async () => {
    api.api.refusalInTheMiddle = new GatewayError('store-full', 'There is no room.');
    const request = httpRequest({
      port: api.port,
      method: 'PUT',
      path: '/v1/snapshots/orders',
      agent: false,
      headers: { 'transfer-encoding': 'chunked' },
    });
    const failed = once(request, 'close');
    request.on('error', () => undefined);
    const chunk = randomBytes(256 * 1024);
    const send = (): void => {
      while (!request.destroyed && request.write(chunk));
      request.once('drain', send);
    };
    send();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const reply = await readReply(response);
    expect(problemOf(reply)).to.deep.include({ status: 507, code: 'store-full' });
    expect(reply.headers.connection).to.equal('close');
    await failed;
  });

  it('keeps the connection after a refusal of a small body', async () => {
    api.api.refusalInTheMiddle = new GatewayError('store-full', 'There is no room.');
    const socket = await api.dial();
    const host = `Host: 127.0.0.1:${String(api.port)}`;
    const body = 'x'.repeat(200_000);
    socket.write(`PUT /v1/snapshots/o HTTP/1.1\r\n${host}\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`);
    socket.write(`GET /v1/peers HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    socket.on('data', (part: Buffer) => chunks.push(part));
    await once(socket, 'close');
    const statuses = [
      ...Buffer.concat(chunks)
        .toString()
        .matchAll(/HTTP\/1\.1 (\d+)/g),
    ].map((match) => match[1]);
    expect(statuses).to.deep.equal(['507', '200']);
  });

  it('asks for a body that is held back only when it wants it', async () => {
    const headers = { expect: '100-continue', 'content-length': String(5 * MIB) };
    const refused = httpRequest({ port: api.port, method: 'PUT', path: '/v1/snapshots/orders', agent: false, headers });
    let isContinued = false;
    refused.on('continue', () => (isContinued = true)).on('error', () => undefined);
    refused.flushHeaders();
    const [response] = (await once(refused, 'response')) as [IncomingMessage];
    expect([response.statusCode, isContinued]).to.deep.equal([413, false]);
    refused.destroy();

    const wanted = httpRequest({
      port: api.port,
      method: 'PUT',
      path: '/v1/snapshots/orders',
      agent: false,
      headers: { expect: '100-continue', 'content-length': '5' },
    });
    wanted.flushHeaders();
    await once(wanted, 'continue');
    wanted.end('state');
    const [accepted] = (await once(wanted, 'response')) as [IncomingMessage];
    expect((await readReply(accepted)).status).to.equal(202);
  });
});

describe('local API: reading a snapshot', () => {
  let api: Harness;
  const content = 'The state of the orders';
  const etag = `"${sha256(content)}"`;
  beforeEach(async () => {
    api = await new Harness().start();
    const key = { dataCenter: 'dc2', workload: 'dc2', origin: 'orders' };
    api.api.heldFrom.set('dc2', [
      fakeSnapshot('orders', content, { key, version: 41, position: 'größe 1', labels: { kind: 'a b' } }),
    ]);
  });
  afterEach(async () => {
    await Promise.all(api.api.readers.map((reader) => reader.closed));
    await api.stop();
  });
  const path = '/v1/peers/dc2/snapshots/orders';

  it('gives the bytes and everything that is known of them', async () => {
    const reply = await api.checked('GET', `${path}?version=41&workload=dc2`);
    expect(reply.status).to.equal(200);
    expect(reply.text).to.equal(content);
    expect(reply.headers).to.include({
      etag,
      'content-length': String(content.length),
      'content-type': 'application/octet-stream',
      'repr-digest': reprDigest(sha256(content)),
      'crossdc-version': '41',
      'crossdc-taken-at': AT,
      'crossdc-workload': 'dc2',
      'crossdc-position': encodeURIComponent('größe 1'),
      'crossdc-label-kind': 'a%20b',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect(api.api.requestsOf('openHeld')).to.deep.equal([
      { peer: 'dc2', origin: 'orders', workload: 'dc2', version: 41 },
    ]);
  });

  it('answers HEAD with the same headers and no bytes', async () => {
    const reply = await api.checked('HEAD', path);
    expect(reply.headers).to.include({ etag, 'content-length': String(content.length) });
    expect([reply.status, reply.bytes.length]).to.deep.equal([200, 0]);
  });

  const ranges: [string, number, string, string | undefined][] = [
    ['bytes=4-8', 206, 'state', 'bytes 4-8/23'],
    ['bytes=17-', 206, 'orders', 'bytes 17-22/23'],
    ['bytes=-6', 206, 'orders', 'bytes 17-22/23'],
    ['bytes=0-9999', 206, content, 'bytes 0-22/23'],
    ['bytes=0-1,4-5', 200, content, undefined],
    ['lines=1-2', 200, content, undefined],
    ['bytes=8-4', 200, content, undefined],
  ];
  for (const [range, status, text, contentRange] of ranges) {
    it(`honours the range ${range} with ${String(status)}`, async () => {
      const reply = await api.checked('GET', path, { headers: { range } });
      expect([reply.status, reply.text, reply.headers['content-range']]).to.deep.equal([status, text, contentRange]);
      expect(reply.headers['content-length']).to.equal(String(text.length));
    });
  }

  for (const range of ['bytes=23-', 'bytes=99-100', 'bytes=-0']) {
    it(`answers 416 to ${range}`, async () => {
      const reply = await api.checked('GET', path, { headers: { range } });
      expect(problemOf(reply)).to.deep.equal({ status: 416, code: 'range-not-satisfiable', field: 'range' });
      expect(reply.headers['content-range']).to.equal('bytes */23');
    });
  }

  it('honours a range under If-Range only while the snapshot is the same', async () => {
    const same = await api.checked('GET', path, { headers: { range: 'bytes=4-8', 'if-range': etag } });
    const other = await api.checked('GET', path, { headers: { range: 'bytes=4-8', 'if-range': '"other"' } });
    const weak = await api.checked('GET', path, { headers: { range: 'bytes=4-8', 'if-range': `W/${etag}` } });
    expect([same.status, other.status, weak.status]).to.deep.equal([206, 200, 200]);
  });

  it('answers 304 to whoever has it', async () => {
    for (const tags of [etag, `"x", W/${etag}`, '*']) {
      const reply = await api.checked('GET', path, { headers: { 'if-none-match': tags, range: 'bytes=0-1' } });
      expect([reply.status, reply.bytes.length, reply.headers.etag]).to.deep.equal([304, 0, etag]);
    }
    expect((await api.checked('GET', path, { headers: { 'if-none-match': '"x"' } })).status).to.equal(200);
  });

  it('closes the reader when the client goes away, and reads no further', async () => {
    api.api.heldFrom.set('dc2', [fakeSnapshot('orders', Buffer.alloc(64 * MIB))]);
    const request = httpRequest({ port: api.port, path, agent: false });
    request.on('error', () => undefined).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    await once(response, 'readable');
    request.destroy();
    await api.api.readers[0]!.closed;
    expect(api.api.readers[0]!.readBytes).to.be.below(64 * MIB);
  });

  it('cuts the connection when the bytes end early, so that nobody takes a part for the whole', async () => {
    api.api.readerFailure = new Error('the disk is gone');
    const request = httpRequest({ port: api.port, path, agent: false });
    request.end();
    api.api.pieceBytes = 4;
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let failure: unknown;
    await readReply(response).catch((error: unknown) => (failure = error));
    expect(failure).to.be.instanceOf(Error).with.property('code', 'ECONNRESET');
    expect(api.lines.map((line) => [line.level, line.facts.error])).to.deep.equal([['error', 'the disk is gone']]);
  });

  it('cuts a reader of the bytes that takes nothing', async () => {
    const slow = await new Harness({ limits: { readerStallMs: 50 } }).start();
    slow.api.heldFrom.set('dc2', [fakeSnapshot('orders', Buffer.alloc(64 * MIB))]);
    const socket = await slow.dial();
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${String(slow.port)}\r\n\r\n`);
    await slow.api.called('openHeld');
    await slow.api.readers[0]?.closed;
    expect(slow.api.readers[0]!.readBytes).to.be.below(64 * MIB);
    socket.destroy();
    await slow.stop();
  });

  it('gives own snapshots and lists them', async () => {
    await api.checked('PUT', '/v1/snapshots/orders', { body: 'own state', headers: { 'crossdc-position': '12' } });
    expect((await api.checked('GET', '/v1/snapshots/orders')).text).to.equal('own state');
    const list = await api.checked('GET', '/v1/snapshots?workload=dc1');
    expect(list.json).to.have.nested.property('[0].position', '12');
    expect(api.api.requestsOf('outgoing')).to.deep.equal(['dc1']);
  });

  it('answers 404 for what is not there and 500 for what is damaged', async () => {
    expect(problemOf(await api.checked('GET', '/v1/snapshots/none'))).to.deep.include({
      status: 404,
      code: 'not-found',
    });
    api.api.refuse('openHeld', new GatewayError('snapshot-damaged', 'Version 41 is damaged.'));
    const damaged = await api.checked('GET', path);
    expect(problemOf(damaged)).to.deep.include({ status: 500, code: 'snapshot-damaged' });
    expect(api.lines).to.have.nested.property('[0].facts.requestId', damaged.headers['crossdc-request-id']);
  });
});
