import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** From the client to the target, or back. */
export type Direction = 'forward' | 'backward';

export interface RelayStats {
  /** Connections that were accepted. */
  readonly connections: number;
  /** Connections that were reset because of `refuse` or because the target could not be reached. */
  readonly refused: number;
  /** Bytes that were delivered. */
  readonly forwardBytes: number;
  readonly backwardBytes: number;
  /** Connections that are open now, stalled ones among them. */
  readonly open: number;
}

/** No more than this is taken from a socket before it is delivered: a stalled line fills up, as a real one does. */
const QUEUE_BYTES = 256 * 1024;

/**
 * A line between a client and a target on loopback that can be cut, silently, in one direction or both; that can
 * refuse, delay and break off.
 *
 * Cut: nothing arrives any more, neither bytes nor the end of a connection, and nobody is told. A new connection is
 * accepted (by the kernel, which the relay cannot prevent) but not answered, whichever direction is cut, as a
 * handshake needs both. Healed: what was stalled goes on, as TCP's retransmission would have it, or is lost for ever,
 * as with a firewall that forgot the connection.
 */
export class Relay {
  readonly #targetPort: number;
  readonly #random: () => number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #gates = { forward: new Gate(), backward: new Gate() };
  readonly #bytes = { forward: 0, backward: 0 };
  #connections = 0;
  #refused = 0;
  #onConnection: () => void = () => undefined;
  #isRefusing = false;
  #delay = { ms: 0, jitterMs: 0 };
  #breakAt: { direction: Direction; bytes: number; how: 'silent' | 'reset' } | null = null;

  /** @param seed of the jitter; the same seed gives the same delays */
  constructor(targetPort: number, seed = 1) {
    this.#targetPort = targetPort;
    this.#random = mulberry32(seed);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  /** Listens on a free loopback port, which it resolves with. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this.port;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `host:port`, as a gateway's configuration has it. */
  get machine(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  get stats(): RelayStats {
    const { forward, backward } = this.#bytes;
    const counts = { connections: this.#connections, refused: this.#refused, open: this.#links.size };
    return { ...counts, forwardBytes: forward, backwardBytes: backward };
  }

  /** Resolves once that many connections were accepted, from the beginning on. */
  async reached(connections: number): Promise<void> {
    while (this.#connections < connections) await new Promise<void>((resolve) => (this.#onConnection = resolve));
  }

  cut(direction: Direction | 'both'): void {
    if (direction !== 'backward') this.#gates.forward.shut();
    if (direction !== 'forward') this.#gates.backward.shut();
  }

  /** Resets every connection, and every new one from now on. */
  refuse(): void {
    this.#isRefusing = true;
    for (const link of this.#links) link.reset();
  }

  /**
   * Undoes `cut`, `refuse` and a `cutAfterBytes` that happened or has still to happen; a delay stays.
   *
   * @param stalled what becomes of the connections that there are: `resumed`, or `lost`, stalled for ever
   */
  heal(stalled: 'resumed' | 'lost' = 'resumed'): void {
    if (stalled === 'lost') for (const link of this.#links) link.lose();
    this.#isRefusing = false;
    this.#breakAt = null;
    this.#gates.forward.open();
    this.#gates.backward.open();
  }

  /**
   * After `bytes` more from clients, or to them, the line is cut in both directions, or every connection is reset, once.
   */
  cutAfterBytes(bytes: number, how: 'silent' | 'reset' = 'silent', direction: Direction = 'forward'): void {
    this.#breakAt = { direction, bytes: this.#bytes[direction] + bytes, how };
  }

  /** From now on every piece arrives `ms` later, plus up to `jitterMs` by the seed; the order is kept. */
  delay(ms: number, jitterMs = 0): void {
    this.#delay = { ms, jitterMs };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const link of this.#links) link.reset();
    await closed;
  }

  #accept(client: Socket): void {
    this.#connections += 1;
    this.#onConnection();
    if (this.#isRefusing) {
      this.#refused += 1;
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, {
      gates: this.#gates,
      delayMs: () => this.#delay.ms + this.#random() * this.#delay.jitterMs,
      allowance: (direction, bytes) => this.#allowance(direction, bytes),
      onTargetAway: () => (this.#refused += 1),
      onClosed: () => this.#links.delete(link),
    });
    this.#links.add(link);
    void link.run(this.#targetPort);
  }

  /** How many of the bytes may pass; less than all when the line breaks among them. */
  #allowance(direction: Direction, bytes: number): number {
    const limit = this.#breakAt?.direction === direction ? this.#breakAt.bytes - this.#bytes[direction] : Infinity;
    const passed = Math.min(bytes, limit);
    this.#bytes[direction] += passed;
    if (passed === bytes && bytes < limit) return passed;
    if (this.#breakAt?.how === 'silent') this.cut('both');
    else queueMicrotask(() => this.#links.forEach((link) => link.reset()));
    this.#breakAt = null;
    return passed;
  }
}

interface LinkOptions {
  readonly gates: Readonly<Record<Direction, Gate>>;
  readonly delayMs: () => number;
  readonly allowance: (direction: Direction, bytes: number) => number;
  readonly onTargetAway: () => void;
  readonly onClosed: () => void;
}

/** One client's connection and ours to the target. */
class Link {
  readonly #client: Socket;
  readonly #options: LinkOptions;
  readonly #lost = new Gate();
  #target: Socket | undefined;

  constructor(client: Socket, options: LinkOptions) {
    this.#client = client;
    this.#options = options;
    client.on('error', () => undefined);
    client.once('close', () => this.#maybeClosed());
  }

  async run(targetPort: number): Promise<void> {
    await this.#passable('forward');
    await this.#passable('backward');
    if (this.#client.destroyed) return;
    const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#target = target;
    target.once('close', () => this.#maybeClosed());
    target.on('error', () => {
      if (target.pending) {
        this.#options.onTargetAway();
        this.reset();
      }
    });
    target.once('connect', () => {
      void this.#flow(this.#client, target, 'forward');
      void this.#flow(target, this.#client, 'backward');
    });
  }

  /** It stays as it is, for ever: neither bytes nor its end arrive. */
  lose(): void {
    this.#lost.shut();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#target?.resetAndDestroy();
  }

  /** Delivers everything of one direction in order, each piece at its time, and at last how it ended. */
  async #flow(from: Socket, to: Socket, direction: Direction): Promise<void> {
    for await (const { chunk, at } of arrivals(from, this.#options.delayMs)) {
      if (at > performance.now()) await sleep(at - performance.now());
      for (let rest = chunk; rest.length > 0;) {
        await this.#passable(direction);
        if (to.destroyed) return;
        const passed = this.#options.allowance(direction, rest.length);
        if (passed > 0 && !to.write(rest.subarray(0, passed))) await drained(to);
        rest = rest.subarray(passed);
      }
    }
    await this.#passable(direction);
    if (from.readableEnded) to.end();
    else to.resetAndDestroy();
  }

  /** Resolves when the direction is open; never, when this connection is lost. */
  async #passable(direction: Direction): Promise<void> {
    await this.#options.gates[direction].wait();
    await this.#lost.wait();
  }

  #maybeClosed(): void {
    if (this.#client.destroyed && (this.#target?.destroyed ?? true)) this.#options.onClosed();
  }
}

/** What arrives at a socket, with the time at which it is due. Ends, without an error, however the connection ends. */
async function* arrivals(from: Socket, delayMs: () => number): AsyncGenerator<{ chunk: Buffer; at: number }> {
  const queue: { chunk: Buffer; at: number }[] = [];
  let bytes = 0;
  let lastAt = 0;
  let isOver = false;
  let wake: () => void = () => undefined;
  const over = (): void => {
    isOver = true;
    wake();
  };
  from.once('end', over);
  from.once('close', over);
  if (from.destroyed || from.readableEnded) isOver = true;
  from.on('data', (chunk: Buffer) => {
    lastAt = Math.max(lastAt, performance.now() + delayMs());
    queue.push({ chunk, at: lastAt });
    bytes += chunk.length;
    if (bytes >= QUEUE_BYTES) from.pause();
    wake();
  });
  for (;;) {
    const next = queue.shift();
    if (next !== undefined) {
      yield next;
      bytes -= next.chunk.length;
      if (bytes < QUEUE_BYTES) from.resume();
    } else if (isOver) {
      return;
    } else {
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}

/** Open or shut; whoever waits goes on when it opens. */
class Gate {
  #waiting: (() => void)[] = [];
  #isOpen = true;

  open(): void {
    this.#isOpen = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  shut(): void {
    this.#isOpen = false;
  }

  async wait(): Promise<void> {
    while (!this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** A small generator of random numbers in [0, 1) that a seed determines. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
