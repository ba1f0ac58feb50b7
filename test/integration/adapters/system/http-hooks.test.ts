import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { HttpEventSink } from '../../../../src/adapters/system/http-event-sink.ts';
import { HttpHealthProbe } from '../../../../src/adapters/system/http-health-probe.ts';
import type { GatewayEvent } from '../../../../src/core/events.ts';

const EVENT: GatewayEvent = { type: 'shutdown', orderly: true, id: 7, at: '2026-01-01T00:00:00.000Z' };
const NEVER = new AbortController().signal;

describe('hooks over HTTP', () => {
  const closing: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server: Server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }

  function sinkTo(url: string, timeoutMs?: number): HttpEventSink {
    const sink = new HttpEventSink(timeoutMs === undefined ? { url } : { url, timeoutMs });
    closing.push(() => sink.close());
    return sink;
  }

  function probeOf(url: string, timeoutMs?: number): HttpHealthProbe {
    const probe = new HttpHealthProbe(timeoutMs === undefined ? { url } : { url, timeoutMs });
    closing.push(() => probe.close());
    return probe;
  }

  it('post an event as JSON and take any 2xx for its delivery', async () => {
    let seen: unknown;
    const url = await serve((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        seen = {
          method: request.method,
          path: request.url,
          type: request.headers['content-type'],
          body: JSON.parse(body) as unknown,
        };
        response.writeHead(204).end();
      });
    });
    expect(await sinkTo(`${url}/hook?a=1`).post(EVENT, NEVER)).to.deep.equal({ delivered: true, detail: 'status 204' });
    expect(seen).to.deep.equal({ method: 'POST', path: '/hook?a=1', type: 'application/json', body: EVENT });
  });

  it('take every other answer for no delivery, a redirect too, and say what it was', async () => {
    const url = await serve((request, response) => {
      response.writeHead(Number(request.url?.slice(1)), { location: '/200' }).end('the reason\nand more');
    });
    for (const status of [301, 400, 500, 503]) {
      expect(await sinkTo(`${url}/${String(status)}`).post(EVENT, NEVER)).to.deep.equal({
        delivered: false,
        detail: `status ${String(status)}: the reason`,
      });
    }
  });

  it('send the credentials of the URL as a header and never tell them', async () => {
    let authorization: string | undefined;
    const url = await serve((request, response) => {
      authorization = request.headers.authorization;
      response.writeHead(401).end();
    });
    const { detail } = await sinkTo(url.replace('//', '//me:hunter%212@')).post(EVENT, NEVER);
    expect(authorization).to.equal(`Basic ${Buffer.from('me:hunter!2').toString('base64')}`);
    expect(detail).to.equal('status 401');
  });

  it('give up on a server that never answers', async () => {
    const url = await serve(() => undefined);
    expect(await sinkTo(url, 50).post(EVENT, NEVER)).to.deep.equal({
      delivered: false,
      detail: 'no answer within 0.05 s',
    });
    expect(await probeOf(url, 50).check(NEVER)).to.deep.equal({ status: 'critical', note: 'no answer within 0.05 s' });
  });

  it('give up on an answer that begins and never ends', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200).write('a');
    });
    expect((await sinkTo(url, 100).post(EVENT, NEVER)).delivered).to.equal(false);
  });

  it('read no more of an endless answer than a line needs', async () => {
    const url = await serve((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      more();
    });
    const { delivered, detail } = await sinkTo(url, 5000).post(EVENT, NEVER);
    expect(delivered).to.equal(true);
    expect(detail.length).to.be.lessThan(300);
  });

  it('end at once when the gateway stops', async () => {
    const stop = new AbortController();
    const url = await serve(() => stop.abort());
    expect(await sinkTo(url).post(EVENT, stop.signal)).to.deep.equal({
      delivered: false,
      detail: 'the gateway is stopping',
    });
    expect((await probeOf(url).check(stop.signal)).status).to.equal('critical');
  });

  it('never reject, whatever is wrong with the address', async () => {
    const url = await serve((request) => request.socket.destroy());
    expect((await sinkTo(url).post(EVENT, NEVER)).delivered).to.equal(false);
    for (const wrong of ['http://127.0.0.1:1/', 'no url', 'http://no-such-host.invalid/', 'ftp://127.0.0.1/']) {
      const { delivered, detail } = await sinkTo(wrong, 3000).post(EVENT, NEVER);
      expect(delivered, wrong).to.equal(false);
      expect(detail, wrong).not.to.equal('');
    }
  });

  it('go on with the next event after a failure', async () => {
    let calls = 0;
    const url = await serve((request, response) => {
      calls += 1;
      if (calls === 1) request.socket.destroy();
      else response.end();
    });
    const sink = sinkTo(url);
    expect((await sink.post(EVENT, NEVER)).delivered).to.equal(false);
    expect((await sink.post(EVENT, NEVER)).delivered).to.equal(true);
  });

  it('find an application passing at 2xx and critical at anything else', async () => {
    let status = 200;
    const url = await serve((request, response) => {
      expect(request.method).to.equal('GET');
      response.writeHead(status).end(status === 200 ? '' : 'queue full');
    });
    const probe = probeOf(url);
    expect(await probe.check(NEVER)).to.deep.equal({ status: 'passing', note: 'status 200' });
    status = 503;
    expect(await probe.check(NEVER)).to.deep.equal({ status: 'critical', note: 'status 503: queue full' });
    status = 302;
    expect((await probe.check(NEVER)).status).to.equal('critical');
  });

  it('find an application that is not there critical', async () => {
    const { status, note } = await probeOf('http://127.0.0.1:1/').check(NEVER);
    expect(status).to.equal('critical');
    expect(note).not.to.equal('');
  });
});
