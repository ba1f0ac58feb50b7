import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import { GatewayError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { PeerInbox } from '../../ports/peer-inbox.ts';
import { codeOf } from './outcomes.ts';
import { Exchange, farewell, type ExchangeContext } from './exchange.ts';
import { handle } from './handlers.ts';
import { listenProblem } from './listen-problem.ts';
import { DEFAULT_LISTENER_LIMITS, SOCKET_BUFFER_BYTES, type ListenerLimits } from './listener-limits.ts';
import { ListenerRefusal } from './refusal.ts';
import { quoted } from './safe-text.ts';
import { ThrottledWarning } from './throttled-warning.ts';

export interface PeerHttpListenerOptions {
  /** `crossDCHttpHost`. */
  readonly host: string;
  /** `crossDCHttpPort`; 0 takes a free one. */
  readonly port: number;
  /** Our own name; every answer bears it. */
  readonly dataCenter: string;
  /** `dataSnapshotMaxBytes`: a larger snapshot is refused before any of it is read. */
  readonly maxBytes: number;
  readonly inbox: PeerInbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<ListenerLimits>;
}

/**
 * The peer protocol's server (interface §5). Plain `node:http`: heartbeats are the hottest route of the gateway, and
 * nothing here makes one request wait for another.
 */
export class PeerHttpListener {
  readonly #options: PeerHttpListenerOptions;
  readonly #context: ExchangeContext;
  readonly #server: Server;
  readonly #underWay = new Map<ServerResponse, Exchange>();
  readonly #unreadable: ThrottledWarning;
  readonly #acceptFailed: ThrottledWarning;
  #isClosing = false;
  #onIdle: () => void = () => undefined;

  constructor(options: PeerHttpListenerOptions) {
    this.#options = options;
    const limits = { ...DEFAULT_LISTENER_LIMITS, ...options.limits };
    const { clock, log, dataCenter } = options;
    this.#context = { clock, limits, dataCenter, isClosing: () => this.#isClosing };
    this.#unreadable = new ThrottledWarning(clock, log, 'A request at the peer listener could not be read.');
    this.#acceptFailed = new ThrottledWarning(clock, log, 'The peer listener could not accept a connection.');
    this.#server = this.#createServer(limits);
  }

  /**
   * Opens the port.
   *
   * @throws ListenError naming the configuration key, when the port or address cannot be had
   */
  async listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error): void => reject(listenProblem(error, host, port));
      this.#server.once('error', onError);
      this.#server.listen({ host, port, backlog: 511 }, () => {
        this.#server.off('error', onError);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.#acceptFailed.note({ error: error.message }));
    const address = this.#server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  /** Accepts nothing more, lets what is under way end within `graceMs`, then destroys every connection. Idempotent. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const over = new AbortController();
    this.#onIdle = () => over.abort();
    if (this.#underWay.size > 0) await this.#options.clock.sleep(graceMs, over.signal);
    for (const exchange of this.#underWay.values()) exchange.abandon();
    this.#server.closeAllConnections();
    await closed;
  }

  #createServer(limits: ListenerLimits): Server {
    const server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.max(50, limits.headersTimeoutMs / 4),
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      // A snapshot may take as long as its line needs; its progress is watched instead.
      requestTimeout: 0,
      // Its own answer to a missing Host would be no problem document, and Host decides nothing here.
      requireHostHeader: false,
      noDelay: true,
      highWaterMark: SOCKET_BUFFER_BYTES,
    });
    server.maxConnections = limits.maxConnections;
    server.on('request', (req, res) => this.#accept(req, res));
    server.on('checkContinue', (req, res) => this.#accept(req, res, { awaitsContinue: true }));
    server.on('checkExpectation', (req, res) => this.#accept(req, res, { expects: 'something else' }));
    server.on('clientError', (error, socket) => socket instanceof Socket && this.#onClientError(error, socket));
    return server;
  }

  #accept(req: IncomingMessage, res: ServerResponse, how: { awaitsContinue?: boolean; expects?: string } = {}): void {
    const exchange = new Exchange(req, res, { ...this.#context, awaitsContinue: how.awaitsContinue ?? false });
    this.#underWay.set(res, exchange);
    res.once('close', () => {
      this.#underWay.delete(res);
      if (this.#underWay.size === 0) this.#onIdle();
    });
    void this.#serve(exchange, how.expects !== undefined);
  }

  async #serve(exchange: Exchange, expectsUnknown: boolean): Promise<void> {
    const { inbox, maxBytes, log } = this.#options;
    try {
      if (expectsUnknown)
        throw new ListenerRefusal('bad-request', 'Nothing but 100-continue can be expected.', 'expect');
      await handle(exchange, { inbox, maxBytes, limits: this.#context.limits });
    } catch (error) {
      if (error instanceof ListenerRefusal) inbox.rejected(error.code, error.message, exchange.from);
      if (error instanceof GatewayError) {
        exchange.answerProblem(error);
        return;
      }
      const requestId = randomUUID();
      const { method, url } = exchange.req;
      log.error(
        { requestId, error, method, target: quoted(url ?? ''), from: exchange.from },
        'A request of a peer failed.',
      );
      exchange.answerProblem(error, { 'crossdc-request-id': requestId });
    }
  }

  /** What is no HTTP, or headers that are too long or too slow. Nothing of it is believed or kept. */
  #onClientError(error: Error & { code?: string; rawPacket?: Buffer }, socket: Socket): void {
    if (socket.destroyed || socket.writableEnded) return;
    const code = codeOf(error);
    const isBroken = code === 'ECONNRESET' || code === 'EPIPE' || !socket.writable;
    const isAnswering = [...this.#underWay.values()].some(({ req, res }) => req.socket === socket && res.headersSent);
    if (isBroken || isAnswering) {
      socket.destroy(error);
      return;
    }
    const refusal =
      code === 'HPE_HEADER_OVERFLOW'
        ? new GatewayError('headers-too-large', 'The headers are too long.')
        : new GatewayError(
            'bad-request',
            code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'The headers did not come in time.' : 'This is no HTTP request.',
          );
    const from = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    this.#unreadable.note({ code, from, start: quoted(error.rawPacket?.toString('latin1', 0, 100) ?? '') });
    this.#options.inbox.rejected(refusal.code, refusal.message, from);
    farewell(socket, refusal, this.#context);
  }
}
