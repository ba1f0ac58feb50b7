import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../ports/clock.ts';
import type { GatewayApi } from '../../ports/gateway-api.ts';
import type { Log } from '../../ports/log.ts';
import { SECOND_MS } from '../../units.ts';
import { Doorkeeper } from './doorkeeper.ts';
import type { Context } from './exchange.ts';
import { makeGuard } from './guard.ts';
import { DEFAULT_LIMITS, type LocalApiLimits } from './limits.ts';
import {
  closeListener,
  openListener,
  openSocket,
  refuseMalformed,
  type Address,
  type SocketAddress,
} from './listener.ts';
import { Places } from './places.ts';
import { makeApplication } from './routes.ts';

export interface LocalApiOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** The path of a Unix socket on which it listens instead; null or absent: there. */
  readonly socket?: string | null;
  readonly api: GatewayApi;
  /** null: none is wanted; then only loopback addresses are safe, which the configuration sees to. */
  readonly token: { reveal(): string } | null;
  /** Its bearer may only read; null or absent: there is none. */
  readonly readToken?: { reveal(): string } | null;
  /** The Prometheus text. */
  readonly metrics: () => Promise<string>;
  readonly limits: Pick<LocalApiLimits, 'snapshotMaxBytes'> & Partial<LocalApiLimits>;
  readonly clock: Clock;
  readonly log: Log;
  /** The parsed docs/openapi.json. */
  readonly openapi: object;
}

/** The API for the application, the operator and Prometheus (interface §3). */
export class LocalApiServer {
  readonly #options: LocalApiOptions;
  readonly #limits: LocalApiLimits;
  readonly #closing = new AbortController();
  readonly #server: Server;
  readonly #doorkeeper: Doorkeeper;
  /** The newest answer on each connection, for what the parser finds wrong later on it. */
  readonly #answers = new WeakMap<Duplex, ServerResponse>();

  constructor(options: LocalApiOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#server = createServer({
      // The guard refuses a request without one, with a problem that says why.
      requireHostHeader: false,
      maxHeaderSize: this.#limits.headerBytes,
      headersTimeout: this.#limits.headersMs,
      requestTimeout: this.#limits.requestMs,
      connectionsCheckingInterval: Math.min(this.#limits.headersMs, 5 * SECOND_MS),
    });
    this.#doorkeeper = new Doorkeeper(this.#limits);
    this.#doorkeeper.attach(this.#server);
    this.#server.on('clientError', (error: Error, socket) => {
      const { lingerMs } = this.#limits;
      void refuseMalformed(error, socket, { current: this.#answers.get(socket), clock: options.clock, lingerMs });
    });
  }

  /**
   * Opens the listener.
   * @returns where it is
   * @throws as `net.Server.listen`, for example EADDRINUSE; of a socket an Error that says what is in the way
   */
  async listen(): Promise<Address | SocketAddress> {
    const { host, port, socket = null, token, readToken = null } = this.#options;
    const place =
      socket === null ? await openListener(this.#server, host, port) : await openSocket(this.#server, socket);
    const address = 'port' in place ? { host, port: place.port } : null;
    const guard = this.#doorkeeper.before(makeGuard({ address, token, readToken }));
    const application = makeApplication(this.#context(), guard);
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answers.set(request.socket, response);
      if (this.#doorkeeper.enter(request, response)) application(request, response);
    };
    // With `Expect: 100-continue` a refusal is answered before the body is sent (see body.ts).
    this.#server.on('request', answer).on('checkContinue', answer);
    return place;
  }

  /** Takes no new request; event streams end after what is in the log; the rest has `graceMs` to finish. Idempotent. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    await closeListener(this.#server, this.#options.clock, graceMs);
  }

  #context(): Context {
    const { api, metrics, clock, log, openapi, token } = this.#options;
    // Every stream of events listens to it; as many listeners as subscribers are no leak.
    setMaxListeners(0, this.#closing.signal);
    const subscribers = new Places(this.#limits.subscribers);
    const readingSubscribers = new Places(this.#limits.readingSubscribers);
    const shared = { api, metrics, clock, log, openapi, subscribers, readingSubscribers };
    return { ...shared, isTokenWanted: token !== null, limits: this.#limits, closing: this.#closing.signal };
  }
}
