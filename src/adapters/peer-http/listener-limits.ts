import { KIB, MIB, SECOND_MS } from '../../units.ts';
import { DEFAULT_REQUEST_BOUNDS, type RequestBounds } from '../http/request-gate.ts';

/** The bounds of the peer listener. Each keeps one kind of client from holding what others need. */
export interface ListenerLimits extends RequestBounds {
  /** A message must have come within this time; an answer must be taken within it. */
  readonly idleTimeoutMs: number;
  /** How long a snapshot's body may stand still. The peer's `httpReadTimeout` is its counterpart. */
  readonly bodyTimeoutMs: number;
  /** From a connection's (or request's) beginning until its headers are complete. */
  readonly headersTimeoutMs: number;
  /** How long an idle connection is kept; longer than the usual intervals, so that heartbeats find one. */
  readonly keepAliveTimeoutMs: number;
  /** Must hold 16 labels and a position of 1 KiB each, percent-encoded: 3 bytes for one in the worst case. */
  readonly maxHeaderBytes: number;
  /** Connections at once; for one more another one goes (see ConnectionBudget). */
  readonly maxConnections: number;
  /** Of these, how many may be there on which no peer has proven who it is. */
  readonly unprovenConnections: number;
  /** And how many of these from one address. */
  readonly connectionsPerAddress: number;
  /** An unread rest of a body up to here is read and thrown away, and the connection kept. */
  readonly drainBytes: number;
  /** How long and how far a larger rest is thrown away before the connection is destroyed. */
  readonly lingerMs: number;
  readonly lingerBytes: number;
}

export const DEFAULT_LISTENER_LIMITS: ListenerLimits = {
  ...DEFAULT_REQUEST_BOUNDS,
  // As many as all connections together may have: strangers must not use up what the peers need.
  requests: 4096,
  idleTimeoutMs: 30 * SECOND_MS,
  bodyTimeoutMs: 100 * SECOND_MS,
  headersTimeoutMs: 10 * SECOND_MS,
  keepAliveTimeoutMs: 65 * SECOND_MS,
  maxHeaderBytes: 64 * KIB,
  maxConnections: 1024,
  unprovenConnections: 512,
  connectionsPerAddress: 256,
  drainBytes: MIB,
  lingerMs: 2 * SECOND_MS,
  lingerBytes: 16 * MIB,
};

/** How far a socket of the listener reads ahead of a store that is busy: the next chunk is there when it is wanted. */
export const SOCKET_BUFFER_BYTES = 256 * KIB;
