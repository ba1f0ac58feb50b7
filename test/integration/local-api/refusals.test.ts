import { expect } from 'chai';
import { assertProblem } from '../../support/openapi.ts';
import { Harness, problemOf } from './harness.ts';

/** What every answer says, whatever it answers. */
function assertBrowserSafe(headers: Readonly<Record<string, unknown>>): void {
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).to.deep.equal([]);
  expect(headers).to.include({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  });
  expect(headers).not.to.have.any.keys('x-powered-by', 'etag');
}

describe('local API: what it refuses of every caller', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness({ limits: { lingerMs: 500 } }).start()));
  afterEach(() => api.stop());

  it('answers 404 to paths that it does not have', async () => {
    for (const path of [
      '/v2/status',
      '/v1',
      '/v1/Status',
      '/v1/status/',
      '/v1/snapshots/',
      '/v1/peers/dc2/snapshots/a/b',
      '//',
      '/v1/deliveries/d-1/snapshots/o/nack',
    ]) {
      const reply = await api.ask('GET', path);
      expect(problemOf(reply), path).to.deep.equal({ status: 404, code: 'not-found', field: undefined });
      assertProblem(reply.json, path);
    }
  });

  const wrong: [string, string, string][] = [
    ['DELETE', '/v1/snapshots/orders', 'GET, HEAD, PUT, POST'],
    ['POST', '/v1/status', 'GET, HEAD'],
    ['GET', '/v1/messages', 'POST'],
    ['HEAD', '/v1/messages', 'POST'],
    ['POST', '/v1/health', 'PUT'],
    ['OPTIONS', '/v1/peers', 'GET, HEAD'],
    ['PATCH', '/v1/deliveries', 'GET, HEAD, POST'],
    ['TRACE', '/metrics', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of wrong) {
    it(`answers 405 to ${method} ${path} and says what may be used`, async () => {
      const reply = await api.ask(method, path);
      expect([reply.status, reply.headers.allow]).to.deep.equal([405, allow]);
      if (method !== 'HEAD') assertProblem(reply.json, path);
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  it('answers 431 to more headers than it takes', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `x-${String(i)}: ${'a'.repeat(2000)}`).join('\r\n');
    const text = await api.raw(`GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:${String(api.port)}\r\n${lines}\r\n\r\n`);
    expect(text).to.match(/^HTTP\/1\.1 431 /);
    const body: unknown = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
    expect(body).to.include({ type: 'urn:crossdc:problem:headers-too-large', status: 431 });
    assertProblem(body, '431');
  });

  it('answers 400 to what is no HTTP and to a request that ends early in its headers', async () => {
    expect(await api.raw('\x16\x03\x01 hello\r\n\r\n')).to.match(/^HTTP\/1\.1 400 [^]*urn:crossdc:problem:bad-request/);
    expect(
      await api.raw('GET /v1/status HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'),
    ).to.match(/^HTTP\/1\.1 400 /);
  });

  it('cuts a client that does not finish its headers', async () => {
    const impatient = await new Harness({ limits: { headersMs: 50, lingerMs: 50 } }).start();
    expect(await impatient.raw('GET /v1/status HTTP/1.1\r\nHost: 127')).to.match(
      /^HTTP\/1\.1 400 [^]*not complete in time/,
    );
    await impatient.stop();
  });

  it('answers a malformed body in the middle of an upload without mixing it into an answer', async () => {
    const head = `PUT /v1/snapshots/o HTTP/1.1\r\nHost: 127.0.0.1:${String(api.port)}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const text = await api.raw(`${head}5\r\nstate\r\nzz\r\n`);
    expect(text.match(/HTTP\/1\.1/g)).to.have.length(1);
    expect(text).to.match(/^HTTP\/1\.1 400 /);
    expect(api.api.own.size).to.equal(0);
  });

  it('sends no header that lets a web page of another origin in', async () => {
    const preflight = { origin: 'http://evil.example', 'access-control-request-method': 'PUT' };
    for (const [method, path, headers, status] of [
      ['GET', '/v1/status', {}, 200],
      ['GET', '/', {}, 302],
      ['GET', '/nowhere', {}, 404],
      ['POST', '/v1/status', {}, 405],
      ['GET', '/v1/status', { origin: 'http://evil.example' }, 403],
      ['OPTIONS', '/v1/snapshots/orders', preflight, 403],
    ] as const) {
      const reply = await api.ask(method, path, { headers });
      expect(reply.status, `${method} ${path}`).to.equal(status);
      assertBrowserSafe(reply.headers);
    }
  });

  it('says to a browser how little it may do, also where a request is malformed', async () => {
    const text = await api.raw('GET /v1/status HTTP/9\r\n\r\n');
    const lines = text.split('\r\n\r\n')[0]!.split('\r\n').slice(1);
    assertBrowserSafe(Object.fromEntries(lines.map((line) => line.split(': ') as [string, string])));
  });

  it('takes no target that names a host, and no two Hosts, whichever of them is ours', async () => {
    const own = `127.0.0.1:${String(api.port)}`;
    for (const [target, hosts] of [
      [`http://evil.example/v1/status`, [own]],
      [`http://${own}/v1/status`, [own]],
      ['*', [own]],
      ['/v1/status', [own, 'evil.example']],
      ['/v1/status', ['evil.example', own]],
      ['/v1/status', [own, own]],
    ] as const) {
      const lines = hosts.map((host) => `Host: ${host}\r\n`).join('');
      const text = await api.raw(`GET ${target} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);
      expect(text, `${target} ${hosts.join(' ')}`).to.match(/^HTTP\/1\.1 400 [^]*urn:crossdc:problem:bad-request/);
    }
    expect(api.api.calls).to.deep.equal([]);
  });
});

describe('local API: who may ask, without a token', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness().start()));
  afterEach(() => api.stop());

  it('answers whoever names it', async () => {
    for (const host of ['127.0.0.1', 'localhost', '[::1]', 'LOCALHOST']) {
      const reply = await api.checked('GET', '/v1/status', { headers: { host: `${host}:${String(api.port)}` } });
      expect(reply.status, host).to.equal(200);
    }
  });

  it('refuses another Host on every path, so that a rebound name reads nothing', async () => {
    for (const host of ['evil.example', '127.0.0.1', 'localhost:1', `localhost.evil.example:${String(api.port)}`]) {
      for (const path of ['/v1/status', '/metrics', '/healthz', '/v1/snapshots/orders', '/', '/openapi.json']) {
        const reply = await api.checked('GET', path, { headers: { host } });
        expect(problemOf(reply), `${host} ${path}`).to.deep.equal({
          status: 403,
          code: 'forbidden-host',
          field: 'host',
        });
      }
    }
    expect(api.api.calls).to.deep.equal([]);
  });

  it('refuses a request without a Host', async () => {
    for (const request of [
      'GET /v1/status HTTP/1.0',
      'GET /v1/status HTTP/1.1\r\nConnection: close',
      'GET / HTTP/1.1\r\nConnection: close\r\nHost:',
    ]) {
      expect(await api.raw(`${request}\r\n\r\n`)).to.match(/^HTTP\/1\.1 403 [^]*urn:crossdc:problem:forbidden-host/);
    }
    expect(api.api.calls).to.deep.equal([]);
  });

  const foreign: Record<string, string>[] = [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  for (const headers of foreign) {
    it(`lets no page change anything that sends ${JSON.stringify(headers)}`, async () => {
      for (const [method, path] of [
        ['POST', '/v1/messages'],
        ['PUT', '/v1/snapshots/orders'],
        ['PUT', '/v1/health'],
      ] as const) {
        const reply = await api.checked(method, path, {
          headers,
          body: '{"msg":"OrderlyShutdown","status":"critical"}',
        });
        expect(problemOf(reply)).to.deep.equal({ status: 403, code: 'forbidden-host', field: 'origin' });
      }
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  it('lets its own page change something', async () => {
    const headers = { origin: `http://localhost:${String(api.port)}`, 'sec-fetch-site': 'same-origin' };
    expect((await api.checked('PUT', '/v1/health', { headers, body: '{"status":"passing"}' })).status).to.equal(204);
  });
});

describe('local API: who may ask, with a token', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness({ token: 'größe 42' }).start()));
  afterEach(() => api.stop());
  const bytes = (text: string): string => Buffer.from(text).toString('latin1');

  it('answers its bearer, under whatever name it was reached', async () => {
    for (const authorization of ['Bearer größe 42', 'bearer   größe 42']) {
      const headers = { authorization: bytes(authorization), host: 'gateway.example' };
      expect((await api.checked('GET', '/v1/status', { headers })).status).to.equal(200);
    }
  });

  it('refuses everybody else on every path', async () => {
    for (const authorization of [undefined, 'Bearer', 'Bearer x', 'Bearer größe 4', 'Basic größe 42', 'größe 42']) {
      for (const path of [
        '/v1/status',
        '/metrics',
        '/',
        '/openapi.json',
        '/v1/events',
        '/v1/snapshots/orders',
        '/healthz/',
      ]) {
        const headers = authorization === undefined ? {} : { authorization: bytes(authorization) };
        const reply = await api.ask('GET', path, { headers });
        expect(problemOf(reply), path).to.deep.include({ status: 401, code: 'unauthorized' });
        expect(reply.headers['www-authenticate']).to.equal('Bearer realm="crossdc"');
      }
    }
    const reply = await api.checked('PUT', '/v1/snapshots/orders', { body: 'state' });
    expect(reply.status).to.equal(401);
    expect(api.api.calls).to.deep.equal([]);
  });

  it('answers the health checks without it', async () => {
    const statuses = [];
    for (const path of ['/healthz', '/readyz', '/primary', '/standby'])
      statuses.push((await api.ask('GET', path)).status);
    expect(statuses).to.deep.equal([200, 200, 200, 503]);
  });
});
