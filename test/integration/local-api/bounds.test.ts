import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { MetricsServer } from '../../../src/adapters/local-api/metrics-server.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { MIB } from '../../../src/units.ts';
import { FakeGatewayApi } from '../../support/fake-gateway-api.ts';
import { assertProblem } from '../../support/openapi.ts';
import { Harness, problemOf } from './harness.ts';

const TOKEN = 'a-token-that-is-long-enough';

/** Every problem that was answered on a connection, in order. */
function problemsIn(text: string): string[] {
  return [...text.matchAll(/"type":"urn:crossdc:problem:([a-z-]+)"/g)].map(([, code = '']) => code);
}

/** However it was closed: whoever is still sending at that moment sees a reset. */
async function closedOf(socket: Socket): Promise<void> {
  socket.on('error', () => undefined).resume();
  if (!socket.closed) await new Promise((resolve) => void socket.once('close', resolve));
}

describe('local API: what one request may take up', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness({ limits: { jsonMs: 150, lingerMs: 200 } }).start()));
  afterEach(() => api.stop());

  it('is 100 header lines', async () => {
    const headers = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${String(index)}`, 'v']));
    // The client adds Host and Connection.
    expect((await api.ask('GET', '/v1/status', { headers: headers(98) })).status).to.equal(200);
    const reply = await api.checked('GET', '/v1/status', { headers: headers(99) });
    expect(problemOf(reply)).to.include({ status: 431, code: 'headers-too-large' });
    assertProblem(reply.json, '431');
  });

  it('is a path and query of 2048 characters', async () => {
    const padded = (length: number): string => '/v1/status?'.padEnd(length, 'x');
    expect((await api.ask('GET', padded(2048))).status).to.equal(200);
    expect(problemOf(await api.ask('GET', padded(2049)))).to.deep.equal({
      status: 400,
      code: 'bad-request',
      field: 'path',
    });
  });

  for (const name of ['host', 'authorization', 'content-type', 'crossdc-position', 'range', 'origin']) {
    it(`is one ${name}, as of two nobody knows which one counts`, async () => {
      const text = await api.raw(
        `GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:${String(api.port)}\r\nconnection: close\r\n` +
          `${name}: a\r\n${name.toUpperCase()}: b\r\n\r\n`,
      );
      expect(text).to.match(/^HTTP\/1\.1 400 /);
      expect(text).to.contain(`"field":"${name}"`);
    });
  }

  it('is JSON of 32 levels and 4096 keys and values', async () => {
    const deep = `{"status":"passing","x":${'['.repeat(40)}${']'.repeat(40)}}`;
    const wide = JSON.stringify({ status: 'passing', x: Array(5000).fill(0) });
    for (const body of [deep, wide, `{"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`]) {
      const reply = await api.checked('PUT', '/v1/health', { body, headers: { 'content-type': 'application/json' } });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: '(body)' });
    }
    expect(api.api.calls).to.deep.equal([]);
  });

  it('is no longer for a JSON body that trickles than its whole time', async () => {
    const socket = await api.dial();
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write(
      `PUT /v1/health HTTP/1.1\r\nHost: 127.0.0.1:${String(api.port)}\r\nContent-Length: 1000\r\n` +
        'Content-Type: application/json\r\n\r\n{',
    );
    const trickle = (): void => {
      if (!socket.destroyed) socket.write(' ', () => setTimeout(trickle, 10));
    };
    trickle();
    await closedOf(socket);
    expect(text).not.to.match(/^HTTP\/1\.1 2/);
    expect(api.api.calls).to.deep.equal([]);
  });
});

describe('local API: what one connection may take up', () => {
  const opened: Harness[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const api of opened.splice(0)) await api.stop();
  });

  async function harness(options: ConstructorParameters<typeof Harness>[0]): Promise<Harness> {
    const api = await new Harness(options).start();
    opened.push(api);
    return api;
  }

  const request = (api: Harness, line: string, headers = ''): string =>
    `${line} HTTP/1.1\r\nHost: 127.0.0.1:${String(api.port)}\r\n${headers}\r\n`;

  it('is as many requests without waiting for answers as the bound, then it is cut', async () => {
    const api = await harness({});
    api.api.replicated = new Promise(() => undefined);
    const put = request(api, 'PUT /v1/snapshots/o?wait=replicated', 'Content-Length: 0\r\n');
    const socket = await api.dial();
    sockets.push(socket);
    socket.write(put.repeat(4));
    await api.api.called('awaitReplicated');
    expect(socket.destroyed).to.equal(false);
    socket.write(put);
    await closedOf(socket);
  });

  it('is as many requests in one piece as the bound, however soon each is answered', async () => {
    const api = await harness({});
    const text = await api.raw(request(api, 'GET /healthz').repeat(500));
    expect(text.match(/^HTTP\/1\.1 200/gm) ?? []).to.have.length.below(10);
    const onOne = await api.dial();
    sockets.push(onOne);
    for (let each = 0; each < 50; each += 1) {
      onOne.write(request(api, 'GET /healthz'));
      await once(onOne, 'data');
    }
    expect(onOne.destroyed).to.equal(false);
  });

  it('is given back when a connection breaks, also by requests that waited behind another', async () => {
    const api = await harness({ limits: { requests: 4 } });
    api.api.replicated = new Promise(() => undefined);
    const put = request(api, 'PUT /v1/snapshots/o?wait=replicated', 'Content-Length: 0\r\n');
    const full = await api.dial();
    sockets.push(full);
    full.write(put.repeat(4));
    await api.api.called('awaitReplicated');
    const refused = await api.raw(request(api, 'GET /v1/status', 'Connection: close\r\n'));
    expect(problemsIn(refused)).to.deep.equal(['busy']);
    full.destroy();
    for (let status = 503; status !== 200;) status = (await api.ask('GET', '/v1/status')).status;
  });

  it('ends with it for whoever works for a request that waited behind another', async () => {
    const api = await harness({ limits: { subscribers: 1 } });
    api.api.replicated = new Promise(() => undefined);
    const socket = await api.dial();
    sockets.push(socket);
    socket.write(request(api, 'PUT /v1/snapshots/o?wait=replicated', 'Content-Length: 0\r\n'));
    socket.write(request(api, 'GET /v1/events'));
    await api.api.called('awaitReplicated');
    for (let status = 200; status !== 503;) status = await subscribe(api);
    socket.destroy();
    for (let status = 503; status !== 200;) status = await subscribe(api);
  });

  /** Subscribes on a connection of its own, and leaves again. */
  async function subscribe(api: Harness): Promise<number> {
    const asked = httpRequest({ host: '127.0.0.1', port: api.port, path: '/v1/events', agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    asked.destroy();
    return response.statusCode ?? 0;
  }

  it('is the whole answer, which it has to take', async () => {
    const api = await harness({ limits: { readerStallMs: 100, requests: 1 } });
    const detail = 'n'.repeat(16 * MIB);
    api.api.readiness = { status: 'failing', checks: { store: { ok: false, detail } } };
    const socket = await api.dial();
    sockets.push(socket);
    socket.pause();
    socket.write(request(api, 'GET /readyz'));
    await api.api.called('readyz');
    // Of a client that does not read only the server sees the end: the one place is free again.
    const statuses = new Set<number>();
    while (!statuses.has(200)) statuses.add((await api.ask('GET', '/healthz')).status);
    expect([...statuses]).to.deep.equal([503, 200]);
  });
});

describe('local API: connections that hang', () => {
  const sockets: Socket[] = [];
  let close: () => Promise<void> = () => Promise.resolve();
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await close();
  });

  async function hang(port: number, many: number): Promise<void> {
    for (let each = 0; each < many; each += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
      socket.write('GET /');
    }
  }

  it('keep nobody out, and cut no connection on which somebody proved that he may ask', async () => {
    const limits = { connections: 12, unprovenConnections: 8, connectionsPerAddress: 8 };
    const api = await new Harness({ token: TOKEN, limits }).start();
    close = () => api.stop();
    const mine = await api.dial();
    sockets.push(mine);
    const answers: string[] = [];
    mine.on('data', (chunk: Buffer) => answers.push(chunk.toString()));
    const mineAsks = async (): Promise<void> => {
      mine.write(`GET /v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
      await once(mine, 'data');
    };
    await mineAsks();
    await hang(api.port, 40);
    await mineAsks();
    expect(answers.join('').match(/HTTP\/1\.1 200/g)).to.have.length(2);
    const reply = await api.ask('GET', '/v1/status', { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(reply.status).to.equal(200);
  });

  it('give way to newer ones where an open path was asked for, which proves nothing', async () => {
    const limits = { connections: 12, unprovenConnections: 4, connectionsPerAddress: 4 };
    const api = await new Harness({ token: TOKEN, limits }).start();
    close = () => api.stop();
    const socket = await api.dial();
    sockets.push(socket);
    socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n`);
    await once(socket, 'data');
    const cut = closedOf(socket);
    await hang(api.port, 8);
    await cut;
  });

  it('do not keep Prometheus from the metrics listener', async () => {
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const server = new MetricsServer({
      host: '127.0.0.1',
      port: 0,
      metrics: () => Promise.resolve('# metrics\n'),
      api: new FakeGatewayApi(),
      clock: new SystemClock(),
      log,
    });
    const { port } = await server.listen();
    close = () => server.close(0);
    await hang(port, 100);
    const answer = await fetch(`http://127.0.0.1:${String(port)}/metrics`);
    expect([answer.status, await answer.text()]).to.deep.equal([200, '# metrics\n']);
  });
});
