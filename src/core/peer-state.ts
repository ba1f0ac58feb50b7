import type { DownReason } from './events.ts';
import type { MessageOrder } from './ordering.ts';

/**
 * What we believe of one peer, and when silence changes it.
 *
 * unknown -> up -> suspect -> down -> up; left after an orderly shutdown. The states and the arithmetic are those of
 * interface §4. Time is the caller's monotonic clock in milliseconds; only our own clock counts, from arrival, so no
 * jump of a wall clock on either side can change a verdict.
 */
export type PeerState = 'unknown' | 'up' | 'suspect' | 'down' | 'left';
export type ApplicationStatus = 'unknown' | 'passing' | 'critical';
export type SuspectReason = 'silence' | 'one-way';

export interface HealthConfig {
  /** Our own heartbeat interval; Infinity when the exchange is switched off. */
  readonly intervalMs: number;
  /** N: the peer is down at the N-th consecutive miss; at least 1. */
  readonly missesAllowed: number;
  /** Heartbeats in a row before a down peer is up again; at least 1. */
  readonly beatsToRecover: number;
  /** How many machines our heartbeats go round, so that a refusal by one of them lasts until its next turn; 1 when not given. */
  readonly machines?: number;
}

export interface PeerHealth {
  readonly state: PeerState;
  readonly reason: SuspectReason | DownReason | null;
  /** The newest message of type 1 or 3 that was taken; anything not newer is stale and changes nothing. */
  readonly order: MessageOrder | null;
  /** The interval that the peer announced; 0 before its first heartbeat. */
  readonly announcedMs: number;
  /** Silence is counted from here: the last heartbeat, or the opening of our listener; moved by our own pauses. */
  readonly countFrom: number;
  readonly missed: number;
  readonly beatsInRow: number;
  readonly criticalInRow: number;
  readonly application: ApplicationStatus;
  /** When a heartbeat of ours was last answered; null when none was in this run. */
  readonly answeredAt: number | null;
  /** When, by the peer's own word, it last heard us; null when it said that it never did. */
  readonly heardUsAt: number | null;
  /** Whether a heartbeat of the peer was taken in this run of ours. */
  readonly wasHeard: boolean;
  /** When a machine of the peer last accepted our connection and refused us; null when none does. */
  readonly refusedAt: number | null;
}

export type HealthEvent =
  | {
      readonly kind: 'heartbeat';
      readonly order: MessageOrder;
      readonly intervalMs: number;
      readonly application: ApplicationStatus;
      /** How long ago the peer heard us, by its word; null when it never did. */
      readonly heardUsAgoMs: number | null;
    }
  | { readonly kind: 'orderly-shutdown'; readonly order: MessageOrder }
  | { readonly kind: 'answered' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'tick' }
  /** We were stopped ourselves for this long: nothing could be heard, so nothing was missed. */
  | { readonly kind: 'own-pause'; readonly ms: number };

export type HealthEffect =
  | { readonly kind: 'missed'; readonly missed: number }
  | {
      readonly kind: 'changed';
      readonly from: PeerState;
      readonly to: PeerState;
      readonly reason: SuspectReason | DownReason | null;
    }
  /** The peer stays down, but nobody refuses us any more: what the refusal held back may go on. */
  | { readonly kind: 'refusal-ended' }
  | { readonly kind: 'stale'; readonly has: MessageOrder };

export interface HealthStep {
  readonly health: PeerHealth;
  readonly effects: readonly HealthEffect[];
}

/** A peer of which nothing is known. */
export function unknownPeer(now: number): PeerHealth {
  return {
    state: 'unknown',
    reason: null,
    order: null,
    announcedMs: 0,
    countFrom: now,
    missed: 0,
    beatsInRow: 0,
    criticalInRow: 0,
    application: 'unknown',
    answeredAt: null,
    heardUsAt: null,
    wasHeard: false,
    refusedAt: null,
  };
}

export interface RememberedPeer {
  readonly state: PeerState;
  readonly reason: SuspectReason | DownReason | null;
  readonly order: MessageOrder | null;
  /** The interval that it last announced: until it is heard again a slow peer is judged by its own pace, not by ours. */
  readonly announcedMs?: number;
}

/**
 * A peer as it was before our restart. Up and suspect peers get N full intervals from the moment the listener is open;
 * down stays down and left stays left, without a second event; one from whom something is held is never unknown.
 *
 * @param listeningSince the monotonic moment at which our peer listener was open
 */
export function rememberedPeer(remembered: RememberedPeer | null, holds: boolean, listeningSince: number): PeerHealth {
  const state = remembered?.state ?? 'unknown';
  const reason = remembered?.reason ?? null;
  const known: PeerHealth = {
    ...unknownPeer(listeningSince),
    order: remembered?.order ?? null,
    announcedMs: remembered?.announcedMs ?? 0,
    // Who refused us before the restart is taken to refuse us still, until our heartbeats had the time to find out.
    refusedAt: state === 'down' && reason === 'refused' ? listeningSince : null,
  };
  return state === 'unknown' && holds ? { ...known, state: 'suspect', reason: 'silence' } : { ...known, state, reason };
}
