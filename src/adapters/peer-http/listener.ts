import { randomUUID } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import { GatewayError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { PeerInbox } from '../../ports/peer-inbox.ts';
import type { PeerTrust } from '../peer-auth/peer-trust.ts';
import { TrustRefusal } from '../peer-auth/refusal.ts';
import { codeOf } from './outcomes.ts';
import { admit } from './admission.ts';
import { Exchange, farewell, problemAnswer, type Answer, type ExchangeContext } from './exchange.ts';
import { handle } from './handlers.ts';
import { listenProblem } from './listen-problem.ts';
import { DEFAULT_LISTENER_LIMITS, SOCKET_BUFFER_BYTES, type ListenerLimits } from './listener-limits.ts';
import { Entrance } from './entrance.ts';
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
  readonly trust: PeerTrust;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<ListenerLimits>;
}

/** So many connections may wait to be accepted; in a burst of strangers' the peer's must not wait a second for its next try. */
const BACKLOG = 4096;

const EXPECTS_SOMETHING_ELSE = new GatewayError('bad-request', 'Nothing but 100-continue can be expected.', {
  field: 'expect',
});

/**
 * The peer protocol's server (interface §5). Plain `node:http`: heartbeats are the hottest route of the gateway, and
 * nothing here makes one request wait for another.
 */
export class PeerHttpListener {
  readonly #options: PeerHttpListenerOptions;
  readonly #context: ExchangeContext;
  readonly #server: http.Server;
  readonly #entrance: Entrance;
  readonly #underWay = new Map<http.ServerResponse, Exchange>();
  /** The trust under which each connection was encrypted. */
  readonly #generations = new WeakMap<Socket, number>();
  /** With TLS: what lies under each connection, by the sender's address and port. */
  readonly #bareSockets = new Map<string, Socket>();
  readonly #unreadable: ThrottledWarning;
  readonly #acceptFailed: ThrottledWarning;
  /** A defect of ours, which somebody may bring about as often as he likes. */
  readonly #failed: ThrottledWarning;
  #isClosing = false;
  #onIdle: () => void = () => undefined;

  constructor(options: PeerHttpListenerOptions) {
    this.#options = options;
    const limits = { ...DEFAULT_LISTENER_LIMITS, ...options.limits };
    const { clock, log, dataCenter } = options;
    const isLast = (socket: Socket): boolean => this.#isClosing || this.#isOutdated(socket);
    this.#context = { clock, limits, dataCenter, isLast };
    this.#unreadable = new ThrottledWarning(clock, log, 'A request at the peer listener could not be read.');
    this.#failed = new ThrottledWarning(clock, log, 'A request of a peer failed.', 'error');
    this.#acceptFailed = new ThrottledWarning(clock, log, 'The peer listener could not accept a connection.');
    this.#entrance = new Entrance(limits);
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
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
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

  #createServer(limits: ListenerLimits): http.Server {
    const server = this.#bareServer({
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
    this.#entrance.attach(server);
    server.on('secureConnection', (socket: Socket) => {
      this.#generations.set(socket, this.#options.trust.generation);
    });
    server.on('request', (req, res) => this.#accept(req, res));
    server.on('checkContinue', (req, res) => this.#accept(req, res, { awaitsContinue: true }));
    server.on('checkExpectation', (req, res) => this.#accept(req, res, { expects: 'something else' }));
    server.on('clientError', (error, socket) => socket instanceof Socket && this.#onClientError(error, socket));
    return server;
  }

  #bareServer(options: http.ServerOptions & { readonly headersTimeout: number }): http.Server {
    const { trust } = this.#options;
    if (trust.tls === null) return http.createServer(options);
    const { headersTimeout: handshakeTimeout } = options;
    const server = https.createServer({ ...options, ...trust.tls.serverOptions(), handshakeTimeout });
    server.on('connection', (bare: Socket) => {
      const name = nameOf(bare);
      this.#bareSockets.set(name, bare);
      bare.once('close', () => this.#bareSockets.delete(name));
    });
    trust.onTlsChanged(() => {
      if (trust.tls !== null) server.setSecureContext(trust.tls.serverOptions());
    });
    return server;
  }

  /** A connection that was made under certificates that are no longer in force ends with its next answer. */
  #isOutdated(socket: Socket): boolean {
    const generation = this.#generations.get(socket);
    return generation !== undefined && generation !== this.#options.trust.generation;
  }

  #accept(
    req: http.IncomingMessage,
    res: http.ServerResponse,
    how: { awaitsContinue?: boolean; expects?: string } = {},
  ): void {
    const refusal = this.#entrance.enter(req, res);
    if (refusal === 'cut') return;
    const exchange = new Exchange(req, res, { ...this.#context, awaitsContinue: how.awaitsContinue ?? false });
    this.#underWay.set(res, exchange);
    res.once('close', () => {
      this.#underWay.delete(res);
      if (this.#underWay.size === 0) this.#onIdle();
    });
    const early = how.expects === undefined ? refusal : EXPECTS_SOMETHING_ELSE;
    void this.#serve(exchange, early);
  }

  /** @param refusal what it is refused with before anybody looks at what it wants */
  async #serve(exchange: Exchange, refusal: GatewayError | null): Promise<void> {
    const answer = await this.#answerOf(exchange, refusal);
    const { tokens } = this.#options.trust;
    const seal = tokens === null ? {} : await tokens.seal(exchange.req.headers, answer.status, answer.body);
    exchange.answer({ ...answer, headers: { ...answer.headers, ...seal } });
  }

  async #answerOf(exchange: Exchange, refusal: GatewayError | null): Promise<Answer> {
    const { inbox, maxBytes, trust } = this.#options;
    try {
      if (refusal !== null) throw new ListenerRefusal(refusal.code, refusal.message, refusal.field);
      const caller = await admit(trust, exchange.req);
      if (trust.isRequired) this.#entrance.proven(exchange.req.socket);
      const answer = await handle(exchange, { inbox, caller, maxBytes, limits: this.#context.limits });
      if (!trust.isRequired) this.#entrance.proven(exchange.req.socket);
      return answer;
    } catch (error) {
      if (error instanceof ListenerRefusal || error instanceof TrustRefusal)
        inbox.rejected(error.code, error.message, exchange.from);
      if (error instanceof GatewayError) return problemAnswer(error);
      const requestId = randomUUID();
      const { method, url } = exchange.req;
      this.#failed.note({ requestId, error, method, target: quoted(url ?? ''), from: exchange.from });
      return problemAnswer(error, { 'crossdc-request-id': requestId });
    }
  }

  /** What is no HTTP, or headers that are too long or too slow. Nothing of it is believed or kept. */
  #onClientError(error: Error & { code?: string; rawPacket?: Buffer }, socket: Socket): void {
    const code = codeOf(error);
    if (this.#options.trust.tls !== null && !this.#generations.has(socket)) {
      this.#onHandshakeFailed(code, socket);
      return;
    }
    if (socket.destroyed || socket.writableEnded) return;
    const from = addressOf(socket);

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
    this.#unreadable.note({ code, from, start: quoted(error.rawPacket?.toString('latin1', 0, 100) ?? '') });
    // A client that begins to encrypt takes this gateway for one with TLS.
    const isTls = error.rawPacket?.[0] === 0x16;
    this.#options.inbox.rejected(isTls ? 'tls-unexpected' : refusal.code, refusal.message, from);
    farewell(socket, refusal, this.#context);
  }

  #onHandshakeFailed(code: string, socket: Socket): void {
    const from = addressOf(socket);
    this.#unreadable.note({ code, from });
    this.#options.inbox.rejected('tls-handshake', `The connection could not be encrypted: ${code}.`, from);
    const bare = this.#bareSockets.get(nameOf(socket));
    if (code !== 'ERR_SSL_HTTP_REQUEST' || bare === undefined) socket.destroy();
    // Whoever speaks plain HTTP is told so: it must not take this gateway for dead.
    else farewell(bare, new GatewayError('certificate-missing', 'This gateway speaks TLS alone.'), this.#context);
  }
}

function addressOf({ remoteAddress }: Socket): string {
  return (remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${String(remotePort)}`;
}
