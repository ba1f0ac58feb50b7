import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { sendTo, type PeerRequest } from '../support/forged-request.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { useStage, type Stage } from '../support/stage.ts';
import { KEY } from '../support/trust.ts';

/** Somebody on the line: sees every request to a gateway, lets it through unchanged, and keeps a copy. */
class Recorder {
  readonly requests: PeerRequest[] = [];
  readonly #port: number;
  readonly #server = createServer((request, response) => void this.#forward(request, response));

  constructor(port: number) {
    this.#port = port;
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

  /** The last of a type: 1 and 3 travel as messages, 2 and 4 as snapshots. */
  last(type: number): PeerRequest {
    const found = this.requests.findLast(({ method, headers, body }) =>
      method === 'POST'
        ? (JSON.parse(body.toString()) as { heartbeatMsgType: number }).heartbeatMsgType === type
        : headers['crossdc-msg-type'] === String(type),
    );
    if (found === undefined) throw new Error(`no message of type ${type} was seen`);
    return found;
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const { host: _host, connection: _connection, ...headers } = request.headers as Record<string, string>;
      const method = request.method as PeerRequest['method'];
      const path = request.url ?? '';
      this.requests.push({ method, path, headers, body });
      const onward = httpRequest({ host: '127.0.0.1', port: this.#port, method, path, headers, agent: false });
      onward.end(body);
      const [answer] = (await once(onward, 'response')) as [IncomingMessage];
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    } catch {
      response.destroy();
    }
  }
}

describe('a recorded request, with peerAuth=key', () => {
  const stage = useStage();

  /** dc1 is recorded on its way to dc2, and returned something, shipped something, and left in order. */
  async function recorded(): Promise<{ dc1: GatewayProcess; dc2: GatewayProcess; recorder: Recorder }> {
    const pair = await Pair.create(stage, { keys: { peerSharedKey: KEY } });
    const { dc1, dc2 } = pair;
    const recorder = new Recorder(dc2.site.peerPort);
    dc1.keys.remoteDataCenterApplicationMachineNames = `127.0.0.1:${await recorder.listen(stage)}`;
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    await dc1.putReplicated('orders', 'state of dc1');
    await dc2.putReplicated('accounts', 'state of dc2');
    await dc1.api('/v1/peers/dc2/return', { method: 'POST' });
    await dc1.events.until('snapshot-returned');
    await dc1.message('OrderlyShutdown');
    await dc2.events.until('peer-left');
    await dc1.untilEnded();
    return { dc1, dc2, recorder };
  }

  async function nothingComesOf(
    { dc2, recorder }: { dc2: GatewayProcess; recorder: Recorder },
    code: string,
  ): Promise<void> {
    const mark = dc2.events.mark;
    const view = async (): Promise<unknown> => {
      const { state, incarnation, lastHeartbeatCnt, transitions } = await dc2.peer('dc1');
      return {
        state,
        incarnation,
        lastHeartbeatCnt,
        transitions,
        held: await dc2.history('dc1'),
        deliveries: await dc2.deliveries(),
      };
    };
    const untouched = await view();
    for (const type of [1, 2, 3, 4]) {
      const answer = await sendTo(dc2.site.peerPort, recorder.last(type));
      expect({ type, status: answer.status, code: answer.code }).to.deep.equal({ type, status: 401, code });
    }
    expect(await view()).to.deep.equal(untouched);
    expect(dc2.events.types(mark)).to.deep.equal([]);
  }

  it('changes nothing when it is sent again at once, whatever its type', async () => {
    await nothingComesOf(await recorded(), 'token-replayed');
  });

  it('changes nothing after the receiver was started again', async () => {
    const { dc1, dc2, recorder } = await recorded();
    await dc2.stop();
    await dc2.start();
    await nothingComesOf({ dc2, recorder }, 'token-stale');
    // A farewell of long ago does not send away a new run of its sender.
    await dc1.start();
    await dc2.untilPeer('dc1', 'up', ({ state }) => state === 'up');
    expect((await sendTo(dc2.site.peerPort, recorder.last(3))).status).to.equal(401);
    expect((await dc2.peer('dc1')).state).to.equal('up');
  });
});
