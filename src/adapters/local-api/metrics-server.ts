import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError, messageOf, problemOf } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { GatewayApi } from '../../ports/gateway-api.ts';
import type { Log } from '../../ports/log.ts';
import { KIB, SECOND_MS } from '../../units.ts';
import { cutSlowReader, DEFAULT_REQUEST_BOUNDS, RequestGate } from '../http/request-gate.ts';
import { CONNECTIONS_IN_PASSING, ConnectionBudget } from '../peer-http/connection-budget.ts';
import { checked, METRICS_TYPE } from './health.ts';
import { closeListener, openListener, type Address } from './listener.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: () => Promise<string>;
  readonly api: Pick<GatewayApi, 'healthz'>;
  readonly clock: Clock;
  readonly log: Log;
}

const CONNECTIONS = 64;
const PATIENCE = {
  maxHeaderSize: 16 * KIB,
  headersTimeout: 15 * SECOND_MS,
  requestTimeout: 30 * SECOND_MS,
  connectionsCheckingInterval: 5 * SECOND_MS,
};
/** Without a byte taken of an answer. */
const STALL_MS = 30 * SECOND_MS;

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * A listener for Prometheus on a network that must not reach the local API (`metricsHost`): nothing but /metrics and
 * /healthz, no token, nothing that changes anything.
 */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #server: Server;
  readonly #gate = new RequestGate({ ...DEFAULT_REQUEST_BOUNDS, requests: CONNECTIONS });

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#server = createServer(PATIENCE);
    this.#server.maxConnections = CONNECTIONS + CONNECTIONS_IN_PASSING;
    // Nobody proves anything here: a scrape gets through a flood because it is newer than what hangs.
    const budget = new ConnectionBudget({ total: CONNECTIONS + 1, unproven: CONNECTIONS, perAddress: CONNECTIONS / 2 });
    this.#server.on('connection', (socket: Socket) => budget.admit(socket));
  }

  /** Opens the listener. @returns where it is. @throws as `net.Server.listen` */
  async listen(): Promise<Address> {
    const address = await openListener(this.#server, this.#options.host, this.#options.port);
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    return address;
  }

  /** Idempotent. */
  async close(graceMs: number): Promise<void> {
    await closeListener(this.#server, this.#options.clock, graceMs);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#gate.enter(request, response);
    if (refusal === 'cut') return;
    cutSlowReader(request, response, STALL_MS);
    const page = refusal === null ? this.#page(request) : Promise.reject(refusal);
    const { status, type, body } = await page.catch((error: unknown) => this.#problem(error));
    const headers = {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      ...Object.fromEntries(SECURITY_HEADERS),
    };
    response.writeHead(status, status === 405 ? { ...headers, allow: 'GET, HEAD' } : headers);
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #page(request: IncomingMessage): Promise<Page> {
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== '/metrics' && path !== '/healthz')
      throw new GatewayError('not-found', 'There is only /metrics and /healthz here.');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new GatewayError('method-not-allowed', 'GET and HEAD may be used.');
    if (path === '/metrics') return { status: 200, type: METRICS_TYPE, body: await this.#options.metrics() };
    const [status, view] = checked(this.#options.api.healthz());
    return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(view) };
  }

  #problem(error: unknown): Page {
    if (!(error instanceof GatewayError))
      this.#options.log.error({ error: messageOf(error) }, 'A scrape of the metrics failed');
    const problem = problemOf(error);
    return { status: problem.status, type: 'application/problem+json', body: JSON.stringify(problem) };
  }
}
