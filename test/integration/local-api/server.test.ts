import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { MetricsServer } from '../../../src/adapters/local-api/metrics-server.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { FakeGatewayApi } from '../../support/fake-gateway-api.ts';
import { assertProblem } from '../../support/openapi.ts';
import { Harness, readReply } from './harness.ts';

describe('local API: its listener', () => {
  it('says where it listens, and that a port is taken', async () => {
    const first = new Harness();
    const address = await first.server.listen();
    if (!('port' in address)) throw new Error('it listens on a socket');
    expect(address.host).to.equal('127.0.0.1');
    expect(address.port).to.be.above(0);
    const metrics = new MetricsServer({
      ...address,
      metrics: () => Promise.resolve(''),
      api: new FakeGatewayApi(),
      clock: new SystemClock(),
      log: silent,
    });
    let failure: unknown;
    await metrics.listen().catch((error: unknown) => (failure = error));
    expect(failure).to.have.property('code', 'EADDRINUSE');
    await first.stop();
    await first.stop();
  });

  it('lets a request finish when it closes, and does not wait for its connection to be given up', async () => {
    const api = await new Harness().start();
    let release: () => void = () => undefined;
    api.api.replicated = new Promise((resolve) => (release = resolve));
    const agent = new Agent({ keepAlive: true });
    const request = httpRequest({
      port: api.port,
      host: '127.0.0.1',
      method: 'PUT',
      path: '/v1/snapshots/o?wait=replicated',
      agent,
    });
    request.end('x');
    await api.api.called('awaitReplicated');
    const since = performance.now();
    const closed = api.server.close(60_000);
    release();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect((await readReply(response)).status).to.equal(200);
    // Well before the five seconds for which the server keeps an idle connection.
    await closed;
    expect(performance.now() - since).to.be.below(2500);
    agent.destroy();
  });

  it('cuts what has not finished after the grace', async () => {
    const api = await new Harness().start();
    api.api.replicated = new Promise(() => undefined);
    const request = httpRequest({
      port: api.port,
      host: '127.0.0.1',
      method: 'PUT',
      path: '/v1/snapshots/o?wait=replicated',
      agent: false,
    });
    const failed = once(request, 'error');
    request.end('x');
    await api.api.called('awaitReplicated');
    await api.server.close(1);
    expect((await failed)[0]).to.have.property('code', 'ECONNRESET');
  });
});

describe('the metrics listener', () => {
  const api = new FakeGatewayApi();
  let server: MetricsServer;
  let port: number;
  let text: () => Promise<string>;
  beforeEach(async () => {
    text = () => Promise.resolve('# metrics\n');
    server = new MetricsServer({
      host: '127.0.0.1',
      port: 0,
      metrics: () => text(),
      api,
      clock: new SystemClock(),
      log: silent,
    });
    port = (await server.listen()).port;
  });
  afterEach(() => server.close(0));

  async function ask(method: string, path: string): ReturnType<typeof readReply> {
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path,
      agent: false,
      headers: { host: 'metrics.example' },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return readReply(response);
  }

  it('serves the metrics and the health check', async () => {
    const metrics = await ask('GET', '/metrics?x=1');
    expect([metrics.status, metrics.text]).to.deep.equal([200, '# metrics\n']);
    expect((await ask('HEAD', '/metrics')).headers['content-length']).to.equal('10');
    expect((await ask('GET', '/healthz')).json).to.deep.equal(api.health);
    api.health = { status: 'failing', checks: {} };
    expect((await ask('GET', '/healthz')).status).to.equal(503);
  });

  it('has nothing else', async () => {
    for (const path of ['/', '/v1/status', '/readyz', '/metrics/', '/openapi.json']) {
      const reply = await ask('GET', path);
      expect(reply.status, path).to.equal(404);
      assertProblem(reply.json, path);
    }
    const post = await ask('POST', '/metrics');
    expect([post.status, post.headers.allow]).to.deep.equal([405, 'GET, HEAD']);
  });

  it('answers 500 when the metrics cannot be had', async () => {
    text = () => Promise.reject(new Error('the secret is 42'));
    const reply = await ask('GET', '/metrics');
    expect(reply.status).to.equal(500);
    expect(reply.text).not.to.contain('42');
  });
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
