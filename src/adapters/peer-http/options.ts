import type { Clock } from '../../ports/clock.ts';
import type { PeerLink } from '../peer-auth/peer-link.ts';
import { KIB, MIB } from '../../units.ts';

/** What the two kinds of lines to a machine need. */
export interface LineOptions {
  readonly clock: Clock;
  /** Signs what leaves, and says which answer is believed. */
  readonly link: PeerLink;
  /** `httpConnectionTimeout`: until a connection is there. */
  readonly connectionTimeoutMs: number;
  /** `httpReadTimeout`: until a message is answered; for a snapshot, how long nothing may move. */
  readonly readTimeoutMs: number;
}

/** The most bytes of a message, of its answer and of the answer to a snapshot. */
export const MESSAGE_MAX_BYTES = 64 * KIB;
/** The most bytes of an inventory. */
export const INVENTORY_MAX_BYTES = 64 * MIB;

/**
 * With several addresses of one name, how long the first is waited for before the next one is tried. The platform's
 * 250 ms would give up every line with a longer round trip, all but the last address.
 */
export function addressAttemptMs(connectionTimeoutMs: number): number {
  return Math.max(10, Math.min(5000, Math.floor(connectionTimeoutMs / 4)));
}
