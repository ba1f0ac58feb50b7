import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { PeerHttpListener, type PeerHttpListenerOptions } from '../../../src/adapters/peer-http/listener.ts';
import { HttpPeerTransport, type HttpPeerTransportOptions } from '../../../src/adapters/peer-http/transport.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import type { PeerRow } from '../../../src/core/replication-plan.ts';
import type { PeerInbox } from '../../../src/ports/peer-inbox.ts';
import type { Destination } from '../../../src/ports/peer-transport.ts';
import { PeerTrust } from '../../../src/adapters/peer-auth/peer-trust.ts';
import type { PeerAnswer, PeerMessage } from '../../../src/wire/messages.ts';
import type { SnapshotEnvelope } from '../../../src/wire/snapshot-headers.ts';
import { MIB } from '../../../src/units.ts';

export const clock = new SystemClock();
export const NEVER = new AbortController().signal;

/** Whose gateway answers at the machine is not known. */
export function to(machine: string): Destination {
  return { machine, dataCenter: null };
}

/** Nothing is asked for. */
export const NO_TRUST = new PeerTrust('dc2', () => clock.wallMs());

export const MESSAGE: PeerMessage = {
  heartbeatMsgType: 1,
  heartbeatCnt: 7,
  dataCenterOrigin: 'dc1',
  applicationName: 'orders',
  incarnation: 1_700_000_000_000,
  sentAt: '2026-01-02T03:04:05.678Z',
  interval: 30,
  application: { status: 'passing' },
  lastHeard: { heartbeatCnt: 3, ageMs: 12.5 },
  protocol: 1,
};

export const ANSWER: PeerAnswer = {
  dataCenterOrigin: 'dc2',
  heartbeatCnt: 9,
  incarnation: 4,
  inventory: 'ab'.repeat(32),
};

export function envelope(content: Uint8Array, origin = 'orders/ö 1'): SnapshotEnvelope {
  return {
    heartbeatMsgType: 2,
    heartbeatCnt: 11,
    dataCenterOrigin: 'dc1',
    applicationName: 'orders – main',
    incarnation: 5,
    workload: 'dc1',
    origin,
    description: {
      version: 42,
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
      takenAt: '2026-01-02T03:04:05.678Z',
      position: 'partition 3, offset 17 – ü',
      labels: { schema: 'v2; "x"' },
      withdrawn: content.length === 0,
    },
    batch: null,
  };
}

/** Records what came; answers, or throws, what it is told to. */
export class FakeInbox implements PeerInbox {
  readonly messages: PeerMessage[] = [];
  readonly snapshots: { envelope: SnapshotEnvelope; bytes: number; sha256: string; chunks: number }[] = [];
  readonly rejections: { reason: string; detail: string }[] = [];
  rows: PeerRow[] = [];
  onMessage: () => Promise<PeerAnswer> = () => Promise.resolve(ANSWER);
  /** Runs before the content is read. */
  onSnapshot: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  /** Runs when the content was read. */
  onContent: () => Promise<void> = () => Promise.resolve();
  onInventory: (dataCenter: string) => void = () => undefined;
  onChunk: (bytes: number) => Promise<void> = () => Promise.resolve();

  async receiveMessage(message: PeerMessage): Promise<PeerAnswer> {
    this.messages.push(message);
    return this.onMessage();
  }

  async receiveSnapshot(of: SnapshotEnvelope, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await this.onSnapshot(signal);
    const hash = createHash('sha256');
    let bytes = 0;
    let chunks = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      bytes += chunk.length;
      chunks += 1;
      await this.onChunk(bytes);
    }
    await this.onContent();
    this.snapshots.push({ envelope: of, bytes, sha256: hash.digest('hex'), chunks });
  }

  inventory(dataCenter: string): readonly PeerRow[] {
    this.onInventory(dataCenter);
    return this.rows;
  }

  rejected(reason: string, detail: string): void {
    this.rejections.push({ reason, detail });
  }
}

export interface LogLine {
  readonly level: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly sentence: string;
}

/** What a test opened, to be closed after it in reverse. */
export class Opened {
  readonly #closers: (() => unknown)[] = [];

  add<T>(thing: T, close: (thing: T) => unknown): T {
    this.#closers.push(() => close(thing));
    return thing;
  }

  async closeAll(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  transport(options: Partial<HttpPeerTransportOptions> = {}): HttpPeerTransport {
    const transport = new HttpPeerTransport({
      clock,
      trust: NO_TRUST,
      connectionTimeoutMs: 5000,
      readTimeoutMs: 5000,
      ...options,
    });
    return this.add(transport, (it) => it.close());
  }

  async listener(
    inbox: PeerInbox,
    options: Partial<PeerHttpListenerOptions> = {},
  ): Promise<{ port: number; machine: string; lines: LogLine[]; listener: PeerHttpListener }> {
    const lines: LogLine[] = [];
    const write =
      (level: string) =>
      (facts: Readonly<Record<string, unknown>>, sentence: string): void => {
        lines.push({ level, facts, sentence });
      };
    const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
    const fixed = {
      host: '127.0.0.1',
      port: 0,
      dataCenter: 'dc2',
      maxBytes: 256 * MIB,
      inbox,
      trust: NO_TRUST,
      clock,
      log,
    };
    const listener = this.add(new PeerHttpListener({ ...fixed, ...options }), (it) => it.close(0));
    const { port } = await listener.listen();
    return { port, machine: `127.0.0.1:${String(port)}`, lines, listener };
  }

  /** A server that speaks whatever the script writes. */
  async scripted(script: (socket: Socket, connection: number) => void): Promise<{ port: number; machine: string }> {
    const sockets = new Set<Socket>();
    let connections = 0;
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      connections += 1;
      script(socket, connections);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.add(server, () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    const { port } = server.address() as AddressInfo;
    return { port, machine: `127.0.0.1:${String(port)}` };
  }
}

/** An HTTP/1.1 answer with its length. */
export function httpAnswer(status: string, body: string, headers = ''): string {
  return `HTTP/1.1 ${status}\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\n${headers}\r\n${body}`;
}

export function problem(code: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ type: `urn:crossdc:problem:${code}`, title: 'T', status: 400, detail: 'D', ...more });
}

/** Resolves when the socket is closed, with or without an error. */
export async function closedOf(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** Sends bytes, and gives what came back until the connection was closed, however it was. */
export async function exchangeRaw(port: number, bytes: string | Uint8Array, keepOpen = true): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await once(socket, 'connect');
  if (keepOpen) socket.write(bytes);
  else socket.end(bytes);
  await closedOf(socket);
  return text;
}

export function randomBytes(bytes: number): Buffer {
  return Buffer.alloc(bytes, createHash('sha512').update(String(bytes)).digest());
}

/** Content in pieces, which notes whether it was closed early and how much was asked for. */
export class Source implements AsyncIterable<Uint8Array> {
  isClosed = false;
  givenBytes = 0;
  readonly #content: Uint8Array;
  readonly #pieceBytes: number;

  constructor(content: Uint8Array, pieceBytes = MIB) {
    this.#content = content;
    this.#pieceBytes = pieceBytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; at < this.#content.length; at += this.#pieceBytes) {
        const piece = this.#content.subarray(at, at + this.#pieceBytes);
        this.givenBytes += piece.length;
        yield await Promise.resolve(piece);
      }
    } finally {
      this.isClosed = true;
    }
  }
}
