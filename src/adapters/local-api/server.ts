import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../ports/clock.ts';
import type { GatewayApi } from '../../ports/gateway-api.ts';
import type { Log } from '../../ports/log.ts';
import { SECOND_MS } from '../../units.ts';
import type { Context } from './exchange.ts';
import { makeGuard } from './guard.ts';
import { DEFAULT_LIMITS, type LocalApiLimits } from './limits.ts';
import { closeListener, openListener, refuseMalformed, type Address } from './listener.ts';
import { Places } from './places.ts';
import { makeApplication } from './routes.ts';

export interface LocalApiOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly api: GatewayApi;
  /** null: none is wanted; then only loopback addresses are safe, which the configuration sees to. */
  readonly token: { reveal(): string } | null;
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
    this.#server.maxConnections = this.#limits.connections;
    this.#server.on('clientError', (error: Error, socket) => {
      const { lingerMs } = this.#limits;
      void refuseMalformed(error, socket, { current: this.#answers.get(socket), clock: options.clock, lingerMs });
    });
  }

  /** Opens the listener. @returns where it is. @throws as `net.Server.listen`, for example EADDRINUSE */
  async listen(): Promise<Address> {
    const { host, port } = this.#options;
    const address = await openListener(this.#server, host, port);
    const application = makeApplication(
      this.#context(),
      makeGuard({ host, port: address.port, token: this.#options.token }),
    );
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answers.set(request.socket, response);
      application(request, response);
    };
    // With `Expect: 100-continue` a refusal is answered before the body is sent (see body.ts).
    this.#server.on('request', answer).on('checkContinue', answer);
    return address;
  }

  /** Takes no new request; event streams end after what is in the log; the rest has `graceMs` to finish. Idempotent. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    await closeListener(this.#server, this.#options.clock, graceMs);
  }

  #context(): Context {
    const { api, metrics, clock, log, openapi } = this.#options;
    // Every stream of events listens to it; as many listeners as subscribers are no leak.
    setMaxListeners(0, this.#closing.signal);
    const subscribers = new Places(this.#limits.subscribers);
    return { api, metrics, clock, log, openapi, subscribers, limits: this.#limits, closing: this.#closing.signal };
  }
}
