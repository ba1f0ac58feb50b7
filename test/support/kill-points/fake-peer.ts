import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { HeardRow } from '../../../src/core/ownership.ts';
import type { PeerAnswer, PeerMessage } from '../../../src/wire/messages.ts';
import { envelopeHeaders, type SnapshotEnvelope } from '../../../src/wire/snapshot-headers.ts';
import { PROTOCOL } from '../../../src/units.ts';
import { httpCall, type HttpAnswer } from '../http-call.ts';
import type { GatewayProcess } from '../gateway-process.ts';
import { sha256 } from '../test-app.ts';

export interface Shipment {
  readonly origin: string;
  readonly version: number;
  readonly bytes: Buffer;
  /** Of one that is returned: which return it belongs to. */
  readonly batch?: { readonly id: string; readonly total: number };
}

/**
 * The other data centre, in the test's own process: its heartbeats, its snapshots, its death at a word. What it sends and
 * what it was answered is known to the test at once, and it dies and returns without the cost of a process.
 */
export class FakePeer {
  readonly name: string;
  readonly port: number;
  readonly #gateway: GatewayProcess;
  readonly #intervalMs: number;
  #incarnation = Date.now();
  #count = 0;
  /** The epoch under which it owns its workload, by its own word. */
  #epoch = 1;
  #server: Server | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: string, port: number, options: { gateway: GatewayProcess; intervalMs: number }) {
    this.name = name;
    this.port = port;
    this.#gateway = options.gateway;
    this.#intervalMs = options.intervalMs;
  }

  /** Begins a run: it listens, and heartbeats leave on the interval whatever becomes of them. */
  async live(): Promise<void> {
    this.#incarnation = Math.max(Date.now(), this.#incarnation + 1);
    this.#count = 0;
    const server = createServer((request, response) => {
      request.resume();
      const answer: PeerAnswer = {
        dataCenterOrigin: this.name,
        heartbeatCnt: this.#count,
        incarnation: this.#incarnation,
        inventory: '',
      };
      const body = request.method === 'POST' ? JSON.stringify(answer) : '[]';
      request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(body));
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#beat();
  }

  /** It has its workload again, because an operator there forced it: every beat says so. */
  own(epoch: number): void {
    this.#epoch = epoch;
  }

  /** Dead at once: it is silent, and nobody listens where it was. */
  async die(): Promise<void> {
    clearTimeout(this.#timer);
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  /** Replicates a snapshot (type 2), or gives one back (type 4). @throws Error when the gateway goes away meanwhile */
  send({ origin, version, bytes, batch }: Shipment): Promise<HttpAnswer> {
    const envelope: SnapshotEnvelope = {
      heartbeatMsgType: batch === undefined ? 2 : 4,
      heartbeatCnt: (this.#count += 1),
      dataCenterOrigin: this.name,
      applicationName: 'default',
      incarnation: this.#incarnation,
      workload: batch === undefined ? this.name : this.#gateway.name,
      origin,
      description: {
        version,
        bytes: bytes.length,
        sha256: sha256(bytes),
        takenAt: new Date().toISOString(),
        position: null,
        labels: {},
        withdrawn: bytes.length === 0,
      },
      batch: batch ?? null,
    };
    const path = `/peer/v1/snapshots/${encodeURIComponent(origin)}`;
    return httpCall(this.#gateway.peerUrl + path, { method: 'PUT', headers: envelopeHeaders(envelope), body: bytes });
  }

  get #row(): HeardRow {
    const reason = this.#epoch === 1 ? ('initial' as const) : ('takeover' as const);
    const row = { workload: this.name, owner: this.name, epoch: this.#epoch, since: new Date().toISOString(), reason };
    // As young as the message: nobody went on with the work after the other had begun.
    return { row, used: this.#epoch, ageMs: 0 };
  }

  #beat(): void {
    this.#count += 1;
    const message: PeerMessage = {
      heartbeatMsgType: 1,
      heartbeatCnt: this.#count,
      dataCenterOrigin: this.name,
      applicationName: 'default',
      incarnation: this.#incarnation,
      sentAt: new Date().toISOString(),
      interval: this.#intervalMs / 1000,
      application: { status: 'unknown' },
      lastHeard: null,
      ownership: { rows: [this.#row], conflicts: [], moves: [], progress: [] },
      protocol: PROTOCOL,
    };
    const url = `${this.#gateway.peerUrl}/peer/v1/messages`;
    // The gateway is away between its runs; the next one is sent all the same.
    httpCall(url, { method: 'POST', json: message }).catch(() => undefined);
    this.#timer = setTimeout(() => this.#beat(), this.#intervalMs);
  }
}
