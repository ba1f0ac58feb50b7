import { isIPv6 } from 'node:net';
import { Crowds } from './crowds.ts';

export interface ConnectionSizes {
  /** Connections at once, in all. */
  readonly total: number;
  /** Of these, how many may be there on which nobody has authenticated himself; the others are the peers' alone. */
  readonly unproven: number;
  /** How many of the unproven may come from one address. */
  readonly perAddress: number;
}

/** What the budget needs of a connection: a `net.Socket`, or a test's. */
export interface BudgetedSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** `address`: too many of one address; `unproven`: too many in all; `proven`: too many, and all were authenticated. */
export type CutReason = 'address' | 'unproven' | 'proven';

interface Connection {
  readonly socket: BudgetedSocket;
  readonly crowd: string;
  readonly ends: string | null;
  isProven: boolean;
  leave: () => void;
}

/** From how many addresses an authenticated request is remembered. */
const REMEMBERED_ADDRESSES = 64;

/** So many unproven connections a remembered address may have before it counts like a stranger with one. */
const ALLOWANCE = 64;

/**
 * How many more connections than the budget's `total` the server must let in (`server.maxConnections`): beyond it
 * Node.js drops the newest by itself, and that may be the peer. A connection that was cut still counts until its
 * handle is closed, one turn of the event loop later, and a turn accepts as many as wait in the backlog.
 */
export const CONNECTIONS_IN_PASSING = 1024;

/**
 * Decides which connections of the peer listener are kept while thousands want to be.
 *
 * A newcomer is always let in: nobody can tell yet whether it is the peer, which must come through in the middle of a
 * flood. Another one goes for it: the oldest unproven one of the address that has the most, as the real peer proves
 * itself within moments and a connection that only hangs never does. That also works when flood and peer share an
 * address. A connection on which a request was authenticated is beyond the reach of the unproven; only more proven
 * ones than there is room for displace the one that has been quiet longest, of the address that has the most.
 */
export class ConnectionBudget {
  readonly #sizes: ConnectionSizes;
  readonly #connections = new Map<BudgetedSocket, Connection>();
  /** By both ends: over TLS the request's socket is another object than the connection that was accepted. */
  readonly #byEnds = new Map<string, Connection>();
  readonly #unproven: Crowds<Connection>;
  readonly #proven = new Crowds<Connection>();
  /** The latest last. */
  readonly #remembered = new Set<string>();
  readonly #cut: Record<CutReason, number> = { address: 0, unproven: 0, proven: 0 };

  /** @throws RangeError when the sizes leave no room for one kind */
  constructor(sizes: ConnectionSizes) {
    if (!(sizes.perAddress >= 1 && sizes.unproven >= sizes.perAddress && sizes.total > sizes.unproven)) {
      throw new RangeError('A budget of connections needs total > unproven >= perAddress >= 1.');
    }
    this.#sizes = sizes;
    this.#unproven = new Crowds((name, count) => (this.#remembered.has(name) ? count : count + ALLOWANCE));
  }

  get open(): { readonly proven: number; readonly unproven: number } {
    return { proven: this.#proven.size, unproven: this.#unproven.size };
  }

  /** How many were cut since the start. */
  get cut(): Readonly<Record<CutReason, number>> {
    return this.#cut;
  }

  /** Takes in a connection that was just accepted, before anything is read from it; may destroy another one for it. */
  admit(socket: BudgetedSocket): void {
    const crowd = crowdOf(socket.remoteAddress);
    if (this.#unproven.countOf(crowd) >= this.#sizes.perAddress) {
      this.#cutOff(this.#unproven.oldestOf(crowd), 'address');
    } else if (this.#unproven.size >= this.#sizes.unproven) {
      this.#cutOff(this.#unproven.oldestOfLargest(), 'unproven');
    }
    const connection: Connection = { socket, crowd, ends: endsOf(socket), isProven: false, leave: () => undefined };
    connection.leave = this.#unproven.add(crowd, connection);
    this.#connections.set(socket, connection);
    if (connection.ends !== null) this.#byEnds.set(connection.ends, connection);
    socket.once('close', () => this.#forget(connection));
  }

  /** Tells that a request on this connection was authenticated. Any number of times; a connection that was cut is ignored. */
  proven(socket: BudgetedSocket): void {
    const connection = this.#connections.get(socket) ?? this.#byEnds.get(endsOf(socket) ?? '');
    if (connection === undefined) return;
    this.#remember(connection.crowd);
    connection.leave();
    const room = this.#sizes.total - this.#sizes.unproven;
    if (!connection.isProven && this.#proven.size >= room) this.#cutOff(this.#proven.oldestOfLargest(), 'proven');
    connection.isProven = true;
    connection.leave = this.#proven.add(connection.crowd, connection);
  }

  #remember(crowd: string): void {
    this.#remembered.delete(crowd);
    this.#remembered.add(crowd);
    this.#unproven.rankAgain(crowd);
    if (this.#remembered.size <= REMEMBERED_ADDRESSES) return;
    const [oldest] = this.#remembered;
    if (oldest === undefined) return;
    this.#remembered.delete(oldest);
    this.#unproven.rankAgain(oldest);
  }

  #cutOff(connection: Connection | undefined, reason: CutReason): void {
    if (connection === undefined) return;
    this.#cut[reason] += 1;
    this.#forget(connection);
    connection.socket.destroy();
  }

  #forget(connection: Connection): void {
    connection.leave();
    this.#connections.delete(connection.socket);
    if (connection.ends !== null && this.#byEnds.get(connection.ends) === connection) {
      this.#byEnds.delete(connection.ends);
    }
  }
}

/**
 * Whom an address stands for: an IPv6 network hands out 2^64 addresses to one machine, so their first half counts; an
 * IPv4 address that came in over IPv6 is an IPv4 address.
 */
export function crowdOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const bare = address.replace(/^::ffff:(?=[0-9.]+$)/i, '').replace(/%.*$/, '');
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    while (groups.length + after < 8) groups.push('0');
    if (tail !== '') groups.push(...tail.split(':'));
  }
  const network = groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16));
  // Loopback and what is written like it share their first half with nobody who is elsewhere.
  return `${network.join(':')}::/64`;
}

function endsOf({ remoteAddress, remotePort, localAddress }: BudgetedSocket): string | null {
  if (remoteAddress === undefined || remotePort === undefined) return null;
  return `${remoteAddress} ${String(remotePort)} ${localAddress ?? ''}`;
}
