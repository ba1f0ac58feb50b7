/**
 * Who does the work of a workload, and since which epoch (interface §8).
 *
 * The epoch is a fencing token in the sense of Kleppmann's "How to do distributed locking" and of Chubby's sequencers:
 * it only grows, every change of owner raises it, and wherever two rows meet the higher one wins. Rows spread with
 * every heartbeat and every answer; `hearRow` is the only way in for a row of somebody else.
 */

/**
 * The greatest epoch that anybody gives or believes. A peer is heard with it and nobody goes beyond it, so that what we say
 * ourselves is never refused as too great; and far below 2^53, so that no sum of it is rounded to a number given already.
 */
export const LARGEST_EPOCH = 2 ** 52;

/** The most rows that a message carries; the wire refuses one with more. */
export const ROWS_MOST = 64;
/** The most data centres that may know each other: each has a workload, and a contested one has two rows. */
export const DATA_CENTERS_MOST = ROWS_MOST / 2;

export type OwnershipReason = 'initial' | 'takeover' | 'switchover' | 'failback';

export interface OwnershipRow {
  readonly workload: string;
  readonly owner: string;
  /** 1 for the initial row, which every gateway makes for itself without asking. */
  readonly epoch: number;
  /** RFC 3339, UTC, of the clock of whoever made the row: a record, never an order. */
  readonly since: string;
  readonly reason: OwnershipReason;
}

/** Two data centres owned the same work for a time; kept until an operator has acknowledged it. */
export interface Conflict {
  readonly workload: string;
  /** The row that counts now; at equal epochs the one of the owner whose name comes first. */
  readonly winner: OwnershipRow;
  readonly loser: OwnershipRow;
  /** For how long both may have worked, in milliseconds of the loser's clock; for equal epochs as far as it is known. */
  readonly overlapMs: number;
  /** RFC 3339, UTC: when it was found. */
  readonly at: string;
  readonly acknowledged: boolean;
}

/** What one gateway knows of one workload. Durable before it is sent. */
export interface Ownership {
  readonly row: OwnershipRow;
  /** The highest epoch that is known to have been given to anybody, in a row or only in a delivery; never below the row's. */
  readonly used: number;
  /**
   * A row of another owner with the row's own epoch: neither is primary until an operator forces one. Of several such
   * owners the one whose name comes first.
   */
  readonly contested: OwnershipRow | null;
  readonly conflict: Conflict | null;
}

export interface HeardRow {
  readonly row: OwnershipRow;
  readonly used: number;
  /** How long ago its row was made, by the sender's word; only lengths of time travel, so no wall clock decides. */
  readonly ageMs: number;
  /** The highest epoch that an operator has acknowledged, as far as the sender knows. */
  readonly acknowledged?: number | undefined;
}

export interface HearContext {
  readonly self: string;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** RFC 3339, for the record of a conflict. */
  readonly at: string;
  /** Until when this gateway ran as the owner, monotonic; null when it did not in this run. */
  readonly ranUntil: number | null;
}

export type HearEffect =
  /** The row is another one now. */
  | { readonly kind: 'changed'; readonly from: OwnershipRow; readonly to: OwnershipRow }
  /** We were the owner and are not any more. */
  | { readonly kind: 'superseded'; readonly from: OwnershipRow; readonly to: OwnershipRow }
  | { readonly kind: 'conflict'; readonly conflict: Conflict };

export interface Heard {
  readonly ownership: Ownership;
  readonly effects: readonly HearEffect[];
}

export function initialOwnership(workload: string, since: string): Ownership {
  const row = { workload, owner: workload, epoch: 1, since, reason: 'initial' } as const;
  return { row, used: 1, contested: null, conflict: null };
}

/**
 * Takes in a row that somebody else has. The same row, or an older one, changes nothing but what is known to be used.
 *
 * Of several rivals under one epoch the one whose name comes first is kept. Which rival is kept then only ever moves to an
 * earlier name, so that each tells of at most as many conflicts as it has rivals, and all come to the same first name in
 * whatever order they hear each other. Were the last one heard kept, two rivals would take turns at a third one for ever,
 * each time with another conflict and a heartbeat that says so at once.
 */
export function hearRow(known: Ownership, heard: HeardRow, context: HearContext): Heard {
  const used = Math.max(known.used, heard.used, heard.row.epoch);
  if (heard.row.workload !== known.row.workload) return { ownership: known, effects: [] };
  if (isHigher(heard.row, known.row)) return adopt({ ...known, used }, heard, context);
  if (isFirstRival(heard.row, known)) return contest({ ...known, used }, heard.row, context);
  return { ownership: used === known.used ? known : { ...known, used }, effects: [] };
}

/** Compared with `>` alone: at equal epochs nobody has lost, and both must be told so. */
export function isHigher(a: OwnershipRow, b: OwnershipRow): boolean {
  return a.epoch > b.epoch;
}

function isFirstRival(heard: OwnershipRow, { row, contested }: Ownership): boolean {
  const isRival = heard.epoch === row.epoch && heard.owner !== row.owner;
  return isRival && (contested === null || heard.owner < contested.owner);
}

function adopt(known: Ownership, heard: HeardRow, context: HearContext): Heard {
  const { row } = heard;
  const wasOurs = known.row.owner === context.self;
  const isLost = wasOurs && row.owner !== context.self;
  const overlapMs = isLost ? (overlap(heard, context) ?? rivalry(row, context)) : null;
  const conflict: Conflict | null =
    overlapMs === null
      ? known.conflict
      : { workload: row.workload, winner: row, loser: known.row, overlapMs, at: context.at, acknowledged: false };
  const effects: HearEffect[] = [];
  if (isLost) effects.push({ kind: 'superseded', from: known.row, to: row });
  effects.push({ kind: 'changed', from: known.row, to: row });
  if (conflict !== null && conflict !== known.conflict) effects.push({ kind: 'conflict', conflict });
  return { ownership: { row, used: known.used, contested: null, conflict }, effects };
}

/**
 * A planned change is made by the owner alone: one that we, the owner, did not make was made by somebody who took itself
 * for the owner beside us, for a time that is not known here; null when it was a takeover, or we did not run.
 */
function rivalry({ reason }: OwnershipRow, { ranUntil }: HearContext): number | null {
  return reason === 'takeover' || ranUntil === null ? null : 0;
}

/** How long we went on as the owner after the winner's row had begun; null when we did not. */
function overlap(heard: HeardRow, { now, ranUntil }: HearContext): number | null {
  if (ranUntil === null) return null;
  const began = now - heard.ageMs;
  return ranUntil > began ? ranUntil - began : null;
}

/** A row that was ours, and until when we ran as its owner, monotonic. */
export interface LostRow {
  readonly row: OwnershipRow;
  readonly ranUntil: number;
}

/**
 * Takes in the row that we lost to once more. The first word of it may have been under way for long, in a line that was
 * cut or in the socket of a process that was stopped, and its age is that of its sending: the row began no later than any
 * of its messages says, so a later one may show that we went on after it had begun.
 */
export function hearWinnerAgain(known: Ownership, lost: LostRow, heard: HeardRow, context: HearContext): Heard {
  const { row: winner } = known;
  const isTold = known.conflict !== null && known.conflict.winner.epoch >= winner.epoch;
  const isWinner = heard.row.epoch === winner.epoch && heard.row.owner === winner.owner;
  const overlapMs = isWinner && !isTold ? overlap(heard, { ...context, ranUntil: lost.ranUntil }) : null;
  if (overlapMs === null) return { ownership: known, effects: [] };
  const { workload } = winner;
  const conflict = { workload, winner, loser: lost.row, overlapMs, at: context.at, acknowledged: false };
  return { ownership: { ...known, conflict }, effects: [{ kind: 'conflict', conflict }] };
}

function contest(known: Ownership, rival: OwnershipRow, context: HearContext): Heard {
  const [winner, loser] = known.row.owner < rival.owner ? [known.row, rival] : [rival, known.row];
  const conflict = { workload: rival.workload, winner, loser, overlapMs: 0, at: context.at, acknowledged: false };
  return { ownership: { ...known, contested: rival, conflict }, effects: [{ kind: 'conflict', conflict }] };
}

/** Takes in a conflict that somebody else found: an acknowledgement spreads, a conflict of a higher epoch replaces. */
export function hearConflict(known: Ownership, heard: Conflict): Heard {
  const mine = known.conflict;
  if (heard.workload !== known.row.workload) return { ownership: known, effects: [] };
  if (mine !== null && isSameConflict(mine, heard)) {
    if (mine.acknowledged || !heard.acknowledged) return { ownership: known, effects: [] };
    return { ownership: { ...known, conflict: { ...mine, acknowledged: true } }, effects: [] };
  }
  if (mine !== null && mine.winner.epoch >= heard.winner.epoch) return { ownership: known, effects: [] };
  const effects: HearEffect[] = heard.acknowledged ? [] : [{ kind: 'conflict', conflict: heard }];
  return { ownership: { ...known, conflict: heard }, effects };
}

function isSameConflict(a: Conflict, b: Conflict): boolean {
  return a.winner.epoch === b.winner.epoch && a.winner.owner === b.winner.owner && a.loser.owner === b.loser.owner;
}

/**
 * The epoch that a change of owner will have, noted as used: it is given to nobody else, whatever becomes of the change.
 * @param jump how many to leave out, where the note may not have become durable and must not be given out again; fewer
 *   where so many are not left
 * @throws RangeError when {@link LARGEST_EPOCH} was given already: one given twice would make two owners
 */
export function reserveEpoch(known: Ownership, jump = 0): { readonly ownership: Ownership; readonly epoch: number } {
  const used = Math.max(known.used, known.row.epoch);
  if (used >= LARGEST_EPOCH)
    throw new RangeError(`the workload "${known.row.workload}" has no epoch left: ${used} was given already`);
  const epoch = Math.min(used + 1 + jump, LARGEST_EPOCH);
  return { ownership: { ...known, used: epoch }, epoch };
}

/**
 * Gives the workload to an owner under an epoch that was reserved.
 * @returns null when the row has come as far meanwhile: somebody else was given the work, and this change is void
 */
export function changeOwner(
  known: Ownership,
  change: { readonly owner: string; readonly epoch: number; readonly since: string; readonly reason: OwnershipReason },
): Ownership | null {
  const row: OwnershipRow = { workload: known.row.workload, ...change };
  if (!isHigher(row, known.row)) return null;
  return { ...known, row, used: Math.max(known.used, change.epoch), contested: null };
}

/** An operator has seen it. */
export function acknowledgeConflict(known: Ownership): Ownership {
  if (known.conflict === null) return known;
  return { ...known, conflict: { ...known.conflict, acknowledged: true } };
}

export interface PrimaryFacts {
  readonly self: string;
  /** Every peer was heard since our start or our own long pause, or the time for that has passed. */
  readonly isSettled: boolean;
  readonly isCritical: boolean;
  readonly hasOpenDelivery: boolean;
  /** A takeover that is not completed, or a planned move for which we stand down. */
  readonly isChanging: boolean;
  readonly isShuttingDown: boolean;
}

/** Why this data centre does not serve the workload now; null when it does (`/primary` 200). */
export function notPrimaryBecause(known: Ownership, facts: PrimaryFacts): string | null {
  if (known.row.owner !== facts.self) return `owned by "${known.row.owner}" (epoch ${known.row.epoch})`;
  if (known.contested !== null) return `contested with "${known.contested.owner}" at epoch ${known.row.epoch}`;
  if (facts.isShuttingDown) return 'shutting down';
  if (!facts.isSettled) return 'the peers were not heard yet';
  if (facts.isChanging) return 'the owner is changing';
  if (facts.hasOpenDelivery) return 'a delivery is open';
  if (facts.isCritical) return 'the application is critical';
  return null;
}
