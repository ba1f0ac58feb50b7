import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { ROUTES } from '../../../src/adapters/local-api/routes.ts';
import { Harness, problemOf, type Reply } from './harness.ts';

const TOKEN = 'the-token-of-the-application';
const READ = 'the-token-of-the-dashboard';
const as = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });
/** The path of a snapshot's bytes. */
const BYTES = /\/(snapshots|returned)\/:origin$/;

/** A path of the route that leads somewhere or to nothing: the token is judged before that. */
const example = (path: string): string =>
  path.replace(':origin', 'orders').replace(':dc', 'dc2').replace(':id', '2026-01-01T00:00:00.000Z');

describe('local API: the token that may only read', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness({ token: TOKEN, readToken: READ }).start()));
  afterEach(() => api.stop());

  const ask = (method: string, path: string, token = READ): Promise<Reply> => {
    const headers = { ...as(token), ...(method === 'GET' ? { accept: 'application/json' } : {}) };
    return api.checked(method, path, { headers, ...(method === 'GET' || method === 'HEAD' ? {} : { body: '{}' }) });
  };

  for (const { path, methods } of ROUTES.filter(
    (route) => route.methods.get !== undefined && !BYTES.test(route.path),
  )) {
    it(`reads ${path} as the other does`, async () => {
      expect(methods.get).not.to.equal(undefined);
      const [mine, full] = [await ask('GET', example(path)), await ask('GET', example(path), TOKEN)];
      expect(mine.status).to.equal(full.status).and.not.to.be.oneOf([401, 403]);
      const head = await ask('HEAD', example(path));
      expect([head.status, head.text]).to.deep.equal([mine.status, '']);
    });
  }

  for (const { path } of ROUTES.filter((route) => BYTES.test(route.path))) {
    it(`reads no bytes at ${path}`, async () => {
      const reply = await ask('GET', example(path));
      expect(problemOf(reply)).to.include({ status: 403, code: 'read-only-token' });
      expect(reply.headers['www-authenticate']).to.equal('Bearer realm="crossdc", error="insufficient_scope"');
      expect((await ask('HEAD', example(path))).status).to.equal(403);
      const part = await api.ask('GET', example(path), { headers: { ...as(READ), range: 'bytes=0-0' } });
      expect(part.status).to.equal(403);
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  for (const { path, methods } of ROUTES) {
    for (const method of ['put', 'post'] as const) {
      if (methods[method] === undefined) continue;
      it(`changes nothing by ${method.toUpperCase()} ${path}`, async () => {
        const reply = await ask(method.toUpperCase(), example(path));
        expect(problemOf(reply)).to.include({ status: 403, code: 'read-only-token' });
        expect(api.api.calls).to.deep.equal([]);
      });
    }
  }

  it('changes nothing by another method or on a path that there is not', async () => {
    for (const [method, path] of [
      ['DELETE', '/v1/snapshots/orders'],
      ['PATCH', '/v1/peers'],
      ['OPTIONS', '/v1/status'],
      ['POST', '/v1/nowhere'],
      ['POST', '/v1/ownership/dc1'],
    ] as const) {
      const reply = await api.ask(method, path, { headers: as(READ) });
      expect(problemOf(reply), `${method} ${path}`).to.include({ status: 403, code: 'read-only-token' });
    }
  });

  it('hears the events, and takes no place that the application could miss', async () => {
    await api.stop();
    const limits = { subscribers: 1, readingSubscribers: 2 };
    api = await new Harness({ token: TOKEN, readToken: READ, limits }).start();
    const open: IncomingMessage[] = [];
    const listen = async (token: string): Promise<number | undefined> => {
      const headers = { ...as(token), accept: 'text/event-stream' };
      const request = httpRequest({ host: '127.0.0.1', port: api.port, path: '/v1/events', headers, agent: false });
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.on('error', () => undefined).resume();
      open.push(response);
      return response.statusCode;
    };
    expect(await listen(READ)).to.equal(200);
    expect(await listen(READ)).to.equal(200);
    expect(await listen(READ)).to.equal(503);
    expect(await listen(TOKEN)).to.equal(200);
    expect(await listen(TOKEN)).to.equal(503);
    // Those that only look on are no application that would take over the work.
    await api.api.events.attachedBy(1);
    for (const response of open) response.destroy();
  });

  it('is of no use under another scheme, and cut or longer', async () => {
    for (const authorization of [`Basic ${READ}`, `Bearer ${READ.slice(1)}`, `Bearer ${READ}x`, READ])
      expect((await api.ask('GET', '/v1/status', { headers: { authorization } })).status).to.equal(401);
  });
});
