import { KIB, MIB, MINUTE_MS, SECOND_MS } from '../../units.ts';
import { DEFAULT_REQUEST_BOUNDS, type RequestBounds } from '../http/request-gate.ts';

/** Every bound of the local API. A test lowers them; the daemon gives `snapshotMaxBytes`. */
export interface LocalApiLimits extends RequestBounds {
  /** `dataSnapshotMaxBytes`: a longer upload is refused by its Content-Length, before a byte of it is read. */
  readonly snapshotMaxBytes: number;
  /** Of a JSON body. */
  readonly jsonBytes: number;
  /** Until all of a JSON body is here. */
  readonly jsonMs: number;
  /** Of all header lines together. Position and 16 labels of 1 KiB, each byte as `%XX`, are 51 KiB. */
  readonly headerBytes: number;
  /** How much of a refused body is read, so that the refusal reaches a client that is still sending. */
  readonly drainBytes: number;
  /** How long such a client has to notice before its connection is cut. */
  readonly lingerMs: number;
  /** Until all headers are here. */
  readonly headersMs: number;
  /** Until the whole request is here, however steadily it trickles. */
  readonly requestMs: number;
  /** Without a byte of the body, while we are reading. */
  readonly bodyIdleMs: number;
  /** Without a byte taken by the reader of a snapshot, or of another answer that is complete here. */
  readonly readerStallMs: number;
  /** Without a byte taken by a subscriber of events; it comes back and resumes. */
  readonly subscriberStallMs: number;
  readonly subscribers: number;
  /** Of those who may only read (`localApiReadToken`), beside the others. */
  readonly readingSubscribers: number;
  readonly connections: number;
  /** Of these, how many may be there on which nobody was let in by the guard. */
  readonly unprovenConnections: number;
  /** And how many of these from one address. */
  readonly connectionsPerAddress: number;
  /** Between two announcements of the open deliveries. */
  readonly repeatMs: number;
  /** Between two comment lines on a quiet event stream, for what sits between and closes idle connections. */
  readonly keepAliveMs: number;
}

export const DEFAULT_LIMITS: Omit<LocalApiLimits, 'snapshotMaxBytes'> = {
  ...DEFAULT_REQUEST_BOUNDS,
  jsonBytes: 64 * KIB,
  jsonMs: 30 * SECOND_MS,
  headerBytes: 64 * KIB,
  drainBytes: MIB,
  lingerMs: 2 * SECOND_MS,
  headersMs: 15 * SECOND_MS,
  requestMs: 60 * MINUTE_MS,
  bodyIdleMs: MINUTE_MS,
  readerStallMs: MINUTE_MS,
  subscriberStallMs: 30 * SECOND_MS,
  subscribers: 64,
  readingSubscribers: 16,
  connections: 1024,
  unprovenConnections: 512,
  connectionsPerAddress: 256,
  repeatMs: MINUTE_MS,
  keepAliveMs: 15 * SECOND_MS,
};
