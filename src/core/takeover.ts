import type { ApplicationStatus, PeerState } from './peer-state.ts';

/**
 * A takeover is a row of visible steps (interface §8); each is retried, and none is left half done by a crash:
 * due -> delivering -> changing -> completed, or cancelled as long as the owner has not changed.
 */
export type TakeoverPhase = 'due' | 'delivering' | 'changing' | 'completed' | 'cancelled';

export interface TakeoverStep {
  readonly step: 'started' | 'checked' | 'delivered' | 'acknowledged' | 'owner-changed' | 'completed' | 'cancelled';
  /** RFC 3339, UTC. */
  readonly at: string;
  /** Since the step before. */
  readonly seconds: number;
}

export interface Takeover {
  readonly id: string;
  readonly workload: string;
  /** The owner that went down, or that an operator takes the work from. */
  readonly from: string;
  /** Reserved before anything is announced under it; 0 before that. */
  readonly epoch: number;
  readonly phase: TakeoverPhase;
  readonly actor: string;
  /** An operator's: no check holds it up, and the owner's return does not call it off. */
  readonly forced: boolean;
  readonly startedAt: string;
  readonly steps: readonly TakeoverStep[];
  readonly delivery: string | null;
  /** What was known when it was begun, and from its checks on: when they let it through. As JSON has it. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Why it does not go on; null while nothing is in its way. */
  readonly blockedBy: TakeoverBlock | null;
}

export type TakeoverBlock =
  /** Nothing begins by itself. */
  | 'passive'
  | 'manual'
  | 'refused'
  | 'block-period'
  | 'not-our-turn'
  /** Begun, and held up. */
  | 'store-unavailable'
  /** The state folder takes nothing, and an owner's row is durable before it is sent. */
  | 'state-unwritable'
  /** The greatest epoch was given already, and no number is given twice. */
  | 'epochs-exhausted'
  | 'app-critical'
  | 'nothing-held'
  | 'held-too-old';

export interface TakeoverFacts {
  readonly owner: { readonly state: PeerState; readonly reason: string | null };
  /** Who made it due: an operator's word overrules what only keeps a gateway from acting by itself. */
  readonly byHand: boolean;
  readonly forced: boolean;
  readonly mode: 'active' | 'passive';
  readonly policy: 'automatic' | 'manual';
  readonly isOurTurn: boolean;
  /** No second automatic takeover of the workload yet. */
  readonly isInBlockPeriod: boolean;
  readonly application: ApplicationStatus;
  readonly isStoreKnown: boolean;
  /** The owner has replicated something for this workload and has not withdrawn all of it. */
  readonly hasReplicated: boolean;
  readonly offered: number;
  /** Age of the newest that is held; null when nothing is. */
  readonly heldAgeMs: number | null;
  readonly maxHeldAgeMs: number;
}

/** Why a takeover does not begin or go on; null when it may. In the order in which an operator would want to know. */
export function takeoverBlock(facts: TakeoverFacts): TakeoverBlock | null {
  const { owner, byHand, forced } = facts;
  if (!byHand) {
    if (owner.reason === 'refused') return 'refused';
    if (facts.mode === 'passive') return 'passive';
    if (facts.policy === 'manual') return 'manual';
    if (facts.isInBlockPeriod) return 'block-period';
    if (!facts.isOurTurn) return 'not-our-turn';
  }
  // Not even a forced one can deliver what cannot be read; what is forced must not be lost silently.
  if (!facts.isStoreKnown) return 'store-unavailable';
  if (forced) return null;
  if (facts.application === 'critical') return 'app-critical';
  if (facts.offered === 0 && facts.hasReplicated) return 'nothing-held';
  if (facts.heldAgeMs !== null && facts.heldAgeMs > facts.maxHeldAgeMs) return 'held-too-old';
  return null;
}

export function isUnderWay(takeover: Takeover | undefined): takeover is Takeover {
  return takeover !== undefined && takeover.phase !== 'completed' && takeover.phase !== 'cancelled';
}

/** What keeps a gateway from acting by itself is no event of a takeover that has begun. */
export function isHeldBack(block: TakeoverBlock): boolean {
  return (
    block === 'passive' ||
    block === 'manual' ||
    block === 'refused' ||
    block === 'block-period' ||
    block === 'not-our-turn'
  );
}

export interface Survivor {
  readonly name: string;
  readonly isActive: boolean;
  readonly state: PeerState;
}

/**
 * Whether anybody is left who may hear the owner though we do not. When we heard only after its death that it owns the work,
 * such a one has the word: two who only do not hear each other would take the work from each other for ever.
 */
export function hasWitness(owner: string, survivors: readonly Survivor[]): boolean {
  return survivors.some(({ name, state }) => name !== owner && state !== 'down' && state !== 'left');
}

/**
 * How many survivors come before us: the first in the order that is active and not down or left takes over, each next
 * one waits N more intervals for that row.
 * @param order names that come first, in this order; everybody else follows by name
 */
export function turnOf(self: string, from: string, survivors: readonly Survivor[], order: readonly string[]): number {
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const isBefore = (name: string): boolean => rank(name) < rank(self) || (rank(name) === rank(self) && name < self);
  return survivors.filter(
    ({ name, isActive, state }) =>
      name !== from && name !== self && isActive && state !== 'down' && state !== 'left' && isBefore(name),
  ).length;
}
