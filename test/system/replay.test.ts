import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import type { PeerMessage } from '../../src/wire/messages.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { httpCall, type HttpAnswer } from '../support/http-call.ts';
import { DEATH_MS, Pair } from '../support/pair.ts';
import { useStage, type Stage } from '../support/stage.ts';

/** Stands between two gateways, keeps what it forwards, and may lose the first so many farewells. */
class Recorder {
  readonly messages: PeerMessage[] = [];
  lostFarewells = 0;
  readonly #server = createServer((request, response) => void this.#forward(request, response));
  readonly #target: GatewayProcess;

  constructor(target: GatewayProcess) {
    this.#target = target;
  }

  async listen(stage: Stage): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    stage.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    return (this.#server.address() as AddressInfo).port;
  }

  get farewells(): PeerMessage[] {
    return this.messages.filter((message) => message.heartbeatMsgType === 3);
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (request.url === '/peer/v1/messages') {
      const message = JSON.parse(body.toString()) as PeerMessage;
      this.messages.push(message);
      if (message.heartbeatMsgType === 3 && this.lostFarewells > 0) {
        this.lostFarewells -= 1;
        request.socket.destroy();
        return;
      }
    }
    try {
      const { host: _host, connection: _connection, ...headers } = request.headers as Record<string, string>;
      const answer = await httpCall(this.#target.peerUrl + request.url!, { method: request.method!, headers, body });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    } catch {
      response.destroy();
    }
  }
}

function say(to: GatewayProcess, message: PeerMessage): Promise<HttpAnswer> {
  return httpCall(`${to.peerUrl}/peer/v1/messages`, { method: 'POST', json: message });
}

describe('the message of an orderly shutdown', () => {
  const stage = useStage();

  async function recordedPair(): Promise<{ dc1: GatewayProcess; dc2: GatewayProcess; recorder: Recorder }> {
    const pair = await Pair.create(stage);
    const { dc1, dc2 } = pair;
    const recorder = new Recorder(dc2);
    dc1.keys.remoteDataCenterApplicationMachineNames = `127.0.0.1:${await recorder.listen(stage)}`;
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    await dc1.putReplicated('orders', 'state');
    return { dc1, dc2, recorder };
  }

  it('sent again to a new run of the data centre changes nothing, and is counted', async () => {
    const { dc1, dc2, recorder } = await recordedPair();
    await dc1.message('OrderlyShutdown');
    await dc2.events.until('peer-left');
    await dc1.untilEnded();
    const [farewell] = recorder.farewells;
    await dc1.start();
    await dc2.events.until('peer-up', (event) => event.from === 'left');
    const from = dc2.events.mark;

    const answer = await say(dc2, farewell!);
    expect(answer.status).to.equal(409);
    expect(answer.json()).to.include({ type: 'urn:crossdc:problem:stale-incarnation' });
    // A heartbeat that is late on a busy machine makes it suspect and up again, which has nothing to do with this.
    const isNews = (event: GatewayEvent): boolean => event.type !== 'peer-up' || event.from !== 'suspect';
    await dc2.events.noneFor(DEATH_MS, ['peer-left', 'peer-down', 'peer-up'], from, isNews);
    expect((await dc2.peer('dc1')).state).to.equal('up');
    expect(await dc2.metric('crossdc_peer_requests_rejected_total', { reason: 'stale-incarnation' })).to.equal(1);

    // Days later, that is after restarts of the receiver as well, it is as stale as ever.
    await dc2.stop();
    await dc2.start();
    expect((await say(dc2, farewell!)).status).to.equal(409);
    expect((await dc2.peer('dc1')).state).to.equal('up');
  });

  it('that comes twice is answered twice and is one event', async () => {
    const { dc1, dc2, recorder } = await recordedPair();
    await dc1.message('OrderlyShutdown');
    await dc1.untilEnded();
    expect((await say(dc2, recorder.farewells[0]!)).status).to.equal(200);
    await dc2.events.until('peer-left');
    await dc2.events.noneFor(DEATH_MS, ['peer-up', 'peer-down']);
    expect(dc2.events.of('peer-left')).to.have.length(1);
  });

  it('that is lost is said again until it was heard', async () => {
    const { dc1, dc2, recorder } = await recordedPair();
    recorder.lostFarewells = 1;
    await dc1.message('OrderlyShutdown');
    await dc2.events.until('peer-left');
    expect((await dc1.untilEnded()).status).to.equal(0);
    expect(recorder.farewells.length).to.be.at.least(2);
    expect(dc2.events.types(0, 'peer-down', 'delivery')).to.deep.equal([]);
  });

  it('and an old heartbeat, replayed after a death, is no sign of life', async () => {
    const { dc1, dc2, recorder } = await recordedPair();
    await dc1.kill9();
    await dc2.events.until('delivery');
    const old = [...recorder.messages];
    for (const message of old) await say(dc2, message);
    await dc2.events.noneFor(DEATH_MS, ['peer-up', 'takeover-cancelled']);
    expect((await dc2.peer('dc1')).state).to.equal('down');
    expect(await dc2.metric('crossdc_peer_requests_rejected_total', { reason: 'stale' })).to.be.at.least(old.length);
  });
});
