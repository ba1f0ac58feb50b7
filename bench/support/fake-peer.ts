import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A peer that answers every heartbeat at once, notes how late each one was, and takes no snapshots. */
export class FakePeer {
  readonly name: string;
  readonly port: number;
  /** For each heartbeat taken: milliseconds from the time in it to its being here. */
  readonly delays: number[] = [];
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #incarnation = Date.now();
  #sent = 0;

  private constructor(name: string, server: Server) {
    this.name = name;
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(name: string): Promise<FakePeer> {
    const server = createServer();
    server.keepAliveTimeout = 60_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const peer = new FakePeer(name, server);
    server.on('request', (incoming, answer) => {
      void peer.#take(incoming).then((text) => {
        // Without an inventory nothing is shipped: this peer is there for its heartbeats alone.
        answer.writeHead(text === null ? 503 : 200, { 'content-type': 'application/json' }).end(text ?? '{}');
      });
    });
    return peer;
  }

  async #take(incoming: IncomingMessage): Promise<string | null> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    if (incoming.method !== 'POST') return null;
    const { sentAt } = JSON.parse(Buffer.concat(chunks).toString()) as { sentAt: string };
    this.delays.push(Date.now() - Date.parse(sentAt));
    return JSON.stringify({
      dataCenterOrigin: this.name,
      heartbeatCnt: this.#sent,
      incarnation: this.#incarnation,
      inventory: 'none',
    });
  }

  /** Sends one heartbeat and takes the answer. */
  async beat(port: number, intervalSeconds: number): Promise<void> {
    this.#sent += 1;
    const body = JSON.stringify({
      heartbeatMsgType: 1,
      heartbeatCnt: this.#sent,
      dataCenterOrigin: this.name,
      applicationName: 'default',
      incarnation: this.#incarnation,
      sentAt: new Date().toISOString(),
      interval: intervalSeconds,
      application: { status: 'unknown' },
      lastHeard: null,
      watermarks: {},
      ownership: [],
      protocol: 1,
    });
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: '/peer/v1/messages',
      method: 'POST',
      agent: this.#agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
