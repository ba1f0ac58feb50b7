import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import { DEATH_MS, Pair } from '../support/pair.ts';
import { Seen } from '../support/seen.ts';
import { useStage, type Stage } from '../support/stage.ts';

type Behaviour = 'ok' | 'error' | 'hang';

/** A webhook that behaves as the test wants it to. */
class Hook {
  behaviour: Behaviour = 'ok';
  /** What it answered 2xx, in order. */
  readonly taken = new Seen<GatewayEvent>();
  /** What it was sent, also where it did not take it. */
  readonly asked = new Seen<GatewayEvent>();
  readonly #server: Server;
  readonly #hanging: ServerResponse[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.#answer(JSON.parse(Buffer.concat(chunks).toString()) as GatewayEvent, response));
    });
  }

  async listen(stage: Stage): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    stage.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  /** It works again, and so do the calls that hung: they break, and are made again. */
  recover(): void {
    this.behaviour = 'ok';
    for (const response of this.#hanging.splice(0)) response.destroy();
  }

  #answer(event: GatewayEvent, response: ServerResponse): void {
    this.asked.add(event);
    if (this.behaviour === 'hang') {
      this.#hanging.push(response);
      return;
    }
    if (this.behaviour === 'ok') this.taken.add(event);
    response.writeHead(this.behaviour === 'ok' ? 204 : 500).end();
  }
}

describe('a webhook', () => {
  const stage = useStage();

  for (const behaviour of ['error', 'hang'] as const) {
    it(`that ${behaviour === 'error' ? 'answers 500' : 'does not answer'} holds nothing up, and gets every event in order when it is back`, async () => {
      const hook = new Hook();
      const { dc1, dc2 } = await Pair.running(stage, { dc2: { appWebhookUrl: await hook.listen(stage) } });
      await hook.taken.until('an event at the webhook', (event) => event.type === 'peer-up');
      hook.behaviour = behaviour;
      const from = hook.asked.all.length;
      await dc1.putReplicated('orders', 'state');
      const killedAt = performance.now();
      await dc1.kill9();
      const delivered = await dc2.events.until('delivery');
      expect(delivered.at - killedAt).to.be.below(DEATH_MS + 3000);
      expect((await dc2.put('orders', 'own')).status).to.equal(202);
      await hook.asked.until('an attempt', () => true, from);
      expect(hook.taken.all.some((event) => event.type === 'delivery')).to.equal(false);

      hook.recover();
      await hook.taken.until('the delivery at the webhook', (event) => event.type === 'delivery');
      const logged = dc2.events.all.filter((seen) => seen.id !== null).map((seen) => seen.id);
      const posted = hook.taken.all.map((event) => event.id);
      expect(posted).to.deep.equal(logged.slice(0, posted.length));
    });
  }

  it('gets what happened while the gateway was restarted, without a gap and without a repeat', async () => {
    const hook = new Hook();
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { appWebhookUrl: await hook.listen(stage) } });
    hook.behaviour = 'error';
    await dc1.putReplicated('orders', 'state');
    await dc1.kill9();
    await dc2.events.until('delivery');
    await dc2.stop();
    await dc2.start();
    hook.recover();
    await hook.taken.until('the delivery at the webhook', (event) => event.type === 'delivery' && event.id > 0);
    const logged = dc2.events.all.filter((seen) => seen.id !== null).map((seen) => seen.id);
    const posted = hook.taken.all.map((event) => event.id);
    expect(posted).to.deep.equal(logged.slice(0, posted.length));
  });

  it('that is not there does not keep the gateway from stopping', async () => {
    const { dc2 } = await Pair.running(stage, { dc2: { appWebhookUrl: 'http://127.0.0.1:9/' } });
    const stoppedAt = performance.now();
    expect(await dc2.stop()).to.deep.equal({ status: 0, signal: null });
    expect(performance.now() - stoppedAt).to.be.below(3000);
  });
});

describe('a subscriber of events that never reads', () => {
  const stage = useStage();

  /** Asks for every event there is and takes none of them. */
  async function deafSubscriber(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    stage.after(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.pause();
    await once(socket, 'connect');
    const head = `GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\nLast-Event-ID: 0\r\n\r\n`;
    await new Promise((resolve) => socket.write(head, resolve));
    return socket;
  }

  it('slows nobody: others hear everything, snapshots travel, a death is found in time', async function () {
    this.timeout(90_000);
    const { dc1, dc2 } = await Pair.running(stage);
    const deaf = await Promise.all([1, 2, 3].map(() => deafSubscriber(dc2.site.localPort)));
    // Deliveries by hand of many snapshots make events that are too large for any socket's buffer.
    const origins = Array.from({ length: 200 }, (_, index) => `origin ${index}`);
    for (const origin of origins) await dc1.put(origin, origin);
    await Promise.all(
      origins.map((origin) => dc1.events.until('snapshot-replicated', (event) => event.origin === origin)),
    );
    for (let n = 0; n < 100; n += 1) {
      const answer = await dc2.api('/v1/deliveries', { method: 'POST', json: { dataCenter: 'dc1' } });
      expect(answer.status).to.equal(201);
    }
    await dc1.putReplicated('orders', 'after');
    const killedAt = performance.now();
    await dc1.kill9();
    const delivered = await dc2.events.until('delivery', (event) => event.delivery.reason === 'takeover');
    expect(delivered.at - killedAt).to.be.below(DEATH_MS + 3000);
    expect(
      dc2.events.of('delivery').filter((seen) => seen.data.delivery.reason === 'manual' && seen.id !== null),
    ).to.have.length(100);
    // They did not simply get everything: more was sent than they could have been given.
    for (const socket of deaf) expect(socket.bytesRead).to.equal(0);
  });
});
