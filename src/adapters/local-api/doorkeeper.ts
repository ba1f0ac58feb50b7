import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError } from '../../errors.ts';
import { cutSlowReader, RequestGate } from '../http/request-gate.ts';
import { CONNECTIONS_IN_PASSING, ConnectionBudget } from '../peer-http/connection-budget.ts';
import { OPEN_PATHS, type Guard } from './guard.ts';
import type { LocalApiLimits } from './limits.ts';

type Bounds = Omit<LocalApiLimits, 'snapshotMaxBytes'>;

/**
 * Stands before the guard: bounds what all requests and connections together may take up. A connection on which the
 * guard let somebody in is not cut for those on which it let in nobody, so that the application is answered while
 * strangers hold on to thousands.
 */
export class Doorkeeper {
  readonly #bounds: Bounds;
  readonly #gate: RequestGate;
  readonly #budget: ConnectionBudget;
  readonly #entered = new WeakMap<object, { readonly socket: Socket; readonly refusal: GatewayError | null }>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#gate = new RequestGate(bounds);
    const { connections: total, unprovenConnections, connectionsPerAddress } = bounds;
    const unproven = Math.min(unprovenConnections, Math.ceil(total / 2));
    this.#budget = new ConnectionBudget({ total, unproven, perAddress: Math.min(connectionsPerAddress, unproven) });
  }

  attach(server: Server): void {
    server.maxConnections = this.#bounds.connections + CONNECTIONS_IN_PASSING;
    server.on('connection', (socket: Socket) => this.#budget.admit(socket));
  }

  /** Takes in a request. @returns false: its connection was cut, and nobody need answer it */
  enter(request: IncomingMessage, response: ServerResponse): boolean {
    const refusal = this.#gate.enter(request, response);
    if (refusal === 'cut') return false;
    this.#entered.set(request, { socket: request.socket, refusal });
    cutSlowReader(request, response, this.#bounds.readerStallMs);
    return true;
  }

  /** Asks the guard about what has entered and was not refused for its form; notes whom it lets in. */
  before(guard: Guard): Guard {
    return (asked) => {
      const entered = this.#entered.get(asked);
      if (entered?.refusal instanceof GatewayError) return entered.refusal;
      const access = guard(asked);
      if (entered !== undefined && !(access instanceof GatewayError) && !OPEN_PATHS.has(asked.path)) {
        this.#budget.proven(entered.socket);
      }
      return access;
    };
  }
}
