import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { GatewayError } from '../../errors.ts';
import { RequestGate } from '../http/request-gate.ts';
import { CONNECTIONS_IN_PASSING, ConnectionBudget } from './connection-budget.ts';
import type { ListenerLimits } from './listener-limits.ts';

/**
 * Bounds what strangers may take up at the peer listener, so that the peers are heard while thousands of connections
 * hang: their own connections are out of reach of the others, and a new one of theirs always gets its chance.
 */
export class Entrance {
  readonly #limits: ListenerLimits;
  readonly #budget: ConnectionBudget;
  readonly #gate: RequestGate;

  constructor(limits: ListenerLimits) {
    this.#limits = limits;
    const total = limits.maxConnections;
    const unproven = Math.min(limits.unprovenConnections, Math.ceil(total / 2));
    this.#budget = new ConnectionBudget({
      total,
      unproven,
      perAddress: Math.min(limits.connectionsPerAddress, unproven),
    });
    this.#gate = new RequestGate(limits);
  }

  /** To be called before the server listens. */
  attach(server: Server): void {
    server.maxConnections = this.#limits.maxConnections + CONNECTIONS_IN_PASSING;
    // Also of a server with TLS this is the connection itself, before anything was negotiated on it.
    server.on('connection', (socket: Socket) => this.#budget.admit(socket));
  }

  /** As `RequestGate.enter`. */
  enter(request: IncomingMessage, response: ServerResponse): GatewayError | 'cut' | null {
    return this.#gate.enter(request, response);
  }

  /**
   * A request on this connection, the request's own or the one below TLS, was authenticated; with `peerAuth=none`, it
   * was a valid one of a peer that is configured.
   */
  proven(socket: Socket): void {
    this.#budget.proven(socket);
  }
}
