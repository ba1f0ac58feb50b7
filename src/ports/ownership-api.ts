import type { ApplicationStatus } from '../core/peer-state.ts';
import type { Conflict, OwnershipRow } from '../core/ownership.ts';
import type { MoveNotice } from '../core/move.ts';
import type { Takeover } from '../core/takeover.ts';
import type { Watermark, Watermarks } from '../core/watermarks.ts';
import type { MovePlan } from '../wire/ownership.ts';

/** A row of `GET /v1/ownership` (interface §8). */
export interface OwnershipView extends OwnershipRow {
  readonly local: {
    /** Whether an application is there: it follows the events, or was heard of by its health. */
    readonly attached: boolean;
    readonly applicationStatus: ApplicationStatus;
  };
  /** Whether `/primary?workload=…` is 200 here, and if not, why. */
  readonly primary: boolean;
  readonly notPrimaryBecause: string | null;
  /** Where we own it: what the peer that lacks most of it lacks. Where we do not: null. */
  readonly behind: { readonly versions: number; readonly seconds: number } | null;
  /** A row of the same epoch and another owner. */
  readonly contestedBy: OwnershipRow | null;
  /** The newest conflict that nobody has acknowledged. */
  readonly conflict: Conflict | null;
  /** The last takeover of it by this gateway, under way or over; `acknowledged`: an operator has seen it, here or at a peer. */
  readonly takeover: (Takeover & { readonly acknowledged: boolean }) | null;
  /** The last planned move of it that this gateway knows of, under way or over. */
  readonly move: MoveNotice | null;
  /** Why nothing happens by itself though something could. */
  readonly blockedBy: string | null;
  /** RFC 3339: no automatic takeover by this gateway before; null when one may come at once. */
  readonly blockedUntil: string | null;
}

export interface MoveRequest {
  readonly workload: string;
  readonly to: string;
  readonly ifEpoch: number | null;
  readonly force: boolean;
  readonly acceptDataLoss: boolean;
  readonly dryRun: boolean;
  /** Who asks: automatic, or which operator token. */
  readonly actor: string;
}

/** A decision as it was made, with what it was made from. */
export interface HistoryEntry {
  readonly id: number;
  readonly at: string;
  /** verdict: of a peer's state. */
  readonly kind:
    'verdict' | 'takeover' | 'switchover' | 'failback' | 'superseded' | 'conflict' | 'acknowledged' | 'refused';
  readonly workload: string | null;
  readonly dataCenter: string | null;
  readonly actor: string;
  readonly outcome: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly steps: readonly { readonly step: string; readonly at: string; readonly seconds: number }[];
}

export interface OwnershipApi {
  /** Ours first, then by name. */
  rows(): readonly OwnershipView[];
  /** @throws GatewayError `not-found` */
  row(workload: string): OwnershipView;
  /**
   * The bare row, and why it is not served here (null: it is). Load balancers ask every few milliseconds, so it costs
   * the same however much is stored. @throws GatewayError `not-found`
   */
  serving(workload: string): { readonly row: OwnershipRow; readonly notPrimaryBecause: string | null };
  /**
   * Begins a change of owner, or with `dryRun` only tells what it would do. Where another gateway has to decide, it is asked.
   * @throws GatewayError `ownership-refused` (facts.plan) when a check fails and nothing has changed,
   *   `peer-unavailable` when the gateway that has to decide does not answer, `not-found`
   */
  move(request: MoveRequest): Promise<MovePlan>;
  /** The application has let go of the work. Idempotent. @throws GatewayError `not-found`, `not-releasing` */
  released(workload: string): Promise<void>;
  /** An operator has seen the takeover or the conflict: the block period ends. @throws GatewayError `not-found` */
  acknowledge(workload: string, actor: string): Promise<void>;
  /** Oldest first. */
  history(after: number, limit: number): Promise<readonly HistoryEntry[]>;
}

export interface RestoreCandidate {
  readonly source: 'own' | 'returned' | 'held';
  /** From whom it is held, or who returned it; our own name for our own. */
  readonly dataCenter: string;
  readonly version: number;
  readonly takenAt: string;
  readonly position: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly sha256: string;
  readonly href: string;
}

export interface RestoreView {
  readonly workload: string;
  readonly owner: string;
  readonly epoch: number;
  /** Another DC owns this workload although it is at home here, or we were its owner before. */
  readonly superseded: boolean;
  readonly origins: readonly { readonly origin: string; readonly candidates: readonly RestoreCandidate[] }[];
  readonly watermarks: Watermarks;
}

export interface WatermarksApi {
  /** @throws GatewayError `watermarks-too-large` (413) */
  put(name: string, watermark: Watermark, options: { flush: boolean }): Promise<void>;
  own(): Watermarks;
  /** @throws GatewayError `not-found` */
  ofPeer(dc: string): { readonly incarnation: number | null; readonly watermarks: Watermarks };
}

/** How one origin of a snapshot request fared. */
export interface RequestRow {
  readonly workload: string;
  readonly origin: string;
  /** replicated: every peer that is up, and at least one, has the version too. */
  readonly state: 'accepted' | 'replicated' | 'missing';
  /** The version that was posted in answer; null when none was. */
  readonly version: number | null;
}

/** How one (workload, origin) that went out compares with what the peer holds. */
export interface VerifyRow {
  readonly workload: string;
  readonly origin: string;
  /** `on-its-way`: it is still pending, which is no difference. */
  readonly state: 'same' | 'missing' | 'older' | 'newer' | 'other-bytes' | 'lost' | 'on-its-way';
  /** Ours; 0 when we have none that could be offered. */
  readonly version: number;
  readonly peerVersion: number | null;
  /**
   * What `repair` did: it goes again, under a greater version where the peer has the number with other bytes. Not possible
   * where what the peer has is newer than all that was posted in this run: a fresh snapshot goes above it. null: nothing.
   */
  readonly repair: 'sent-again' | 'renumbered' | 'not-possible' | 'failed' | null;
}
