import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError, problemOf } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { HEADER } from '../../wire/snapshot-headers.ts';
import { BodyTooLong, readBounded } from './bounded-body.ts';
import type { ListenerLimits } from './listener-limits.ts';
import { ListenerRefusal } from './refusal.ts';
import { Watchdog } from './watchdog.ts';

/** What every exchange of a listener shares. */
export interface ExchangeContext {
  readonly clock: Clock;
  readonly limits: ListenerLimits;
  /** Our own name: every answer bears it. */
  readonly dataCenter: string;
  /** Whether a connection is not kept: the listener is closing, or its certificates were exchanged. */
  readonly isLast: (socket: Socket) => boolean;
}

/** An answer as it goes out. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export function jsonAnswer(value: unknown): Answer {
  return { status: 200, body: Buffer.from(JSON.stringify(value)), headers: { 'content-type': 'application/json' } };
}

export function problemAnswer(error: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const problem = problemOf(error);
  const body = Buffer.from(JSON.stringify(problem));
  return { status: problem.status, body, headers: { 'content-type': 'application/problem+json', ...headers } };
}

/**
 * One request and its answer: a bounded body, and an answer that arrives even when the body was not read.
 *
 * A server that answers early and closes has its answer destroyed on the way: bytes that it did not read make its
 * kernel send a reset, and the client's kernel then throws away what the client had not read yet. So after an early
 * answer to a large body our direction is closed, and the other one is read and thrown away for a bounded while.
 */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The sender's address, without its port: that changes with every connection. */
  readonly from: string;
  readonly #context: ExchangeContext;
  readonly #gone = new AbortController();
  /** The client waits for our 100 before it sends its body. */
  #awaitsContinue: boolean;
  #receivedBytes = 0;

  constructor(req: IncomingMessage, res: ServerResponse, context: ExchangeContext & { awaitsContinue: boolean }) {
    this.req = req;
    this.res = res;
    this.#context = context;
    this.#awaitsContinue = context.awaitsContinue;
    this.from = (req.socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    res.once('close', () => {
      if (!res.writableFinished) this.#gone.abort(new GatewayError('interrupted', 'The peer went away.'));
    });
    // Its errors reach us through the body, or as the signal.
    res.on('error', () => undefined);
    req.on('error', () => undefined);
  }

  /** Aborted when the client went away before it had its answer, or when the listener was destroyed. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The listener is destroyed: whoever works for this exchange is told at once. */
  abandon(): void {
    this.#gone.abort(new GatewayError('shutting-down', 'The peer listener was closed.'));
  }

  /**
   * The body, as it comes. While a chunk is waited for, and only then, the client must show progress within `idleMs`;
   * otherwise its connection is cut.
   *
   * @throws GatewayError `interrupted` when the body does not come to its end
   */
  async *content(idleMs: number): AsyncGenerator<Uint8Array, void, undefined> {
    const watchdog = new Watchdog(this.#context.clock, () => this.req.socket.destroy());
    // Leaving early must not destroy the connection: the answer has still to go out on it.
    const chunks = this.req.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    if (this.#awaitsContinue) this.res.writeContinue();
    this.#awaitsContinue = false;
    try {
      for (;;) {
        watchdog.arm(idleMs);
        const next = await chunks.next().catch((cause: unknown) => {
          const how = watchdog.isExpired ? 'stopped sending' : 'went away';
          throw new GatewayError('interrupted', `The peer ${how} before its body was complete.`, { cause });
        });
        watchdog.disarm();
        if (next.done === true) return;
        this.#receivedBytes += next.value.length;
        yield next.value;
      }
    } finally {
      watchdog.stop();
      await chunks.return?.();
    }
  }

  /**
   * The whole body, which must have come within `withinMs`.
   *
   * @throws ListenerRefusal `too-large`; GatewayError `interrupted`
   */
  async body(maxBytes: number, withinMs: number): Promise<Buffer> {
    const tooLarge = new ListenerRefusal('too-large', `A message has at most ${String(maxBytes)} bytes.`);
    if (this.#announcedBytes() > maxBytes) throw tooLarge;
    const watchdog = new Watchdog(this.#context.clock, () => this.req.socket.destroy());
    watchdog.arm(withinMs);
    try {
      return await readBounded(this.content(withinMs), maxBytes);
    } catch (error) {
      throw error instanceof BodyTooLong ? tooLarge : error;
    } finally {
      watchdog.stop();
    }
  }

  /** Answers, once; later answers and those to a client that went away are dropped. */
  answer({ status, body, headers }: Answer): void {
    const { socket } = this.req;
    if (this.res.headersSent || socket.destroyed || socket.writableEnded) return;
    const leftover = this.#leftoverBytes();
    const isLast = leftover > this.#context.limits.drainBytes || this.#context.isLast(socket);
    const all = {
      ...headers,
      'content-length': String(body.length),
      [HEADER.dataCenter]: this.#context.dataCenter,
      ...(isLast ? { connection: 'close' } : {}),
    };
    // A client that does not read its answer is let go; the next request on the connection resets this.
    socket.setTimeout(this.#context.limits.idleTimeoutMs);
    if (leftover === 0) {
      this.res.writeHead(status, all).end(body);
    } else if (isLast) {
      // Not through `res`: with `Connection: close` that would destroy the connection as soon as it has written.
      socket.end(rawAnswer(status, all, body));
      this.#discardBody(() => socket.destroy());
    } else {
      this.res.writeHead(status, all).end(body);
      this.#discardBody(() => undefined);
    }
  }

  #announcedBytes(): number {
    const length = Number(this.req.headers['content-length'] ?? '0');
    return Number.isSafeInteger(length) ? length : Infinity;
  }

  /** How much of the body we have not taken: infinite when its sender did not say how much it is. */
  #leftoverBytes(): number {
    if (this.req.headers['transfer-encoding'] !== undefined) return this.req.readableEnded ? 0 : Infinity;
    return this.#announcedBytes() - this.#receivedBytes;
  }

  /** Reads the rest and throws it away, within `lingerMs` and `lingerBytes`; the connection is destroyed beyond them. */
  #discardBody(onEnd: () => void): void {
    const { socket } = this.req;
    const { lingerMs, lingerBytes } = this.#context.limits;
    const watchdog = new Watchdog(this.#context.clock, () => socket.destroy());
    watchdog.arm(lingerMs);
    let bytes = 0;
    this.req.removeAllListeners('readable');
    this.req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > lingerBytes) socket.destroy();
    });
    const onClose = (): void => watchdog.stop();
    socket.once('close', onClose);
    this.req.once('end', () => {
      watchdog.stop();
      // The connection may live on for many more requests.
      socket.off('close', onClose);
      onEnd();
    });
    this.req.resume();
  }
}

/** An answer as bytes, for where there is no ServerResponse to write it. */
export function rawAnswer(status: number, headers: Readonly<Record<string, string>>, body: Buffer): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

/** Says goodbye on a connection whose request could not be read, and destroys it a little later. */
export function farewell(socket: Socket, error: GatewayError, context: ExchangeContext): void {
  const { status, body, headers: described } = problemAnswer(error);
  const headers = {
    ...described,
    'content-length': String(body.length),
    [HEADER.dataCenter]: context.dataCenter,
    connection: 'close',
  };
  const watchdog = new Watchdog(context.clock, () => socket.destroy());
  watchdog.arm(context.limits.lingerMs);
  socket.once('close', () => watchdog.stop());
  socket.end(rawAnswer(status, headers, body));
}
