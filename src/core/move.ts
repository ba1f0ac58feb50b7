import type { OwnershipRow } from './ownership.ts';
import type { ApplicationStatus, PeerState } from './peer-state.ts';

/**
 * A planned change of owner: switchover, or fail-back to the home DC. The present owner alone decides, so that there is
 * nothing to agree on: it stands down, the target's application absorbs the last snapshots, and only the owner's own
 * durable row with the higher epoch makes the target the owner. Until that row is written the owner may roll back.
 *
 * snapshots -> releasing -> flushing -> handing-over -> committed, or rolled-back from every phase before the last.
 */
export type MovePhase = 'snapshots' | 'releasing' | 'flushing' | 'handing-over' | 'committed' | 'rolled-back';

export interface Move {
  readonly id: string;
  readonly workload: string;
  readonly from: string;
  readonly to: string;
  /** Reserved before the first word about the move is sent. */
  readonly epoch: number;
  readonly phase: MovePhase;
  readonly actor: string;
  readonly startedAt: string;
  readonly steps: readonly { readonly step: string; readonly at: string; readonly seconds: number }[];
  /** Origins that were not posted in time: the last version that there is serves. */
  readonly missing: readonly string[];
  /** How many snapshots the target has to deliver, once they are handed over. */
  readonly snapshots: number;
  /** Why it was rolled back; null otherwise. */
  readonly reason: string | null;
}

/** Of many, so many are named to the others; the owner's own log and history have all. */
const MISSING_TOLD = 20;
/** Of why one was rolled back; the rest is in the owner's history. */
const REASON_TOLD = 200;
/** The same where there is no more room. */
const REASON_TOLD_LEAST = 40;
/**
 * The room for names and reasons in all notices together, in bytes: they travel with every heartbeat, and one that were
 * too long would be refused by everybody, as if we were dead.
 */
const TEXT_TOLD_BYTES = 4000;
/** A character of a string has so many in UTF-8 at most. */
const BYTES_MOST = 3;

/** What the owner tells everybody about its move: in every heartbeat and answer, until the next one. */
export interface MoveNotice {
  readonly id: string;
  readonly workload: string;
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
  readonly phase: MovePhase;
  readonly startedAt: string;
  readonly reason: string | null;
  /** How many snapshots the target has to deliver, once they are handed over. */
  readonly snapshots: number;
  /** Origins that were not posted in time, some of them where they are very many: the last version that there is serves. */
  readonly missing: readonly string[];
}

/** What the target says of it. */
export interface MoveProgress {
  readonly id: string;
  readonly workload: string;
  readonly state: 'delivering' | 'ready' | 'failed';
  readonly reason: string | null;
}

/**
 * How far the target is that has nothing to deliver. Nothing is left to do where its application has all of it already, or
 * the owner has nothing.
 * @param snapshots how many the owner hands over
 * @param isAnyHere whether anything of it came here at all: without it, what the owner hands over is missing
 */
export function withoutDelivery(snapshots: number, isAnyHere: boolean): Pick<MoveProgress, 'state' | 'reason'> {
  if (snapshots === 0 || isAnyHere) return { state: 'ready', reason: null };
  const all = snapshots === 1 ? 'the snapshot that is' : `the ${snapshots} snapshots that are`;
  return { state: 'failed', reason: `nothing is there of ${all} handed over` };
}

/**
 * What is shown of the last word that another gateway said of its move. Of one that was under way nothing, once nothing
 * more can come of it: the row has come that far without it, or its owner is gone.
 * @param owner the state of the one who said it; undefined when it is no peer
 */
export function shownNotice(
  notice: MoveNotice,
  row: Pick<OwnershipRow, 'owner' | 'epoch' | 'reason'>,
  owner: PeerState | undefined,
): MoveNotice | null {
  if (isOver(notice.phase)) return notice;
  // The row has come before the word that it was written.
  if (row.epoch === notice.epoch && row.owner === notice.to && row.reason !== 'takeover')
    return { ...notice, phase: 'committed' };
  return row.epoch >= notice.epoch || owner === 'left' || owner === 'down' ? null : notice;
}

export function noticeOf(move: Move): MoveNotice {
  const { id, workload, from, to, epoch, phase, startedAt, reason, snapshots, missing } = move;
  return {
    id,
    workload,
    from,
    to,
    epoch,
    phase,
    startedAt,
    reason: reason?.slice(0, REASON_TOLD) ?? null,
    snapshots,
    missing: missing.slice(0, MISSING_TOLD),
  };
}

/** All that are told, with no more names and reasons than there is room for: first of those under way, then of the newest. */
export function withinRoom(notices: readonly MoveNotice[]): MoveNotice[] {
  let room = TEXT_TOLD_BYTES;
  const hasRoom = (text: string): boolean => {
    room -= text.length * BYTES_MOST;
    return room >= 0;
  };
  const mostWanted = [...notices].sort(
    (a, b) => Number(isOver(a.phase)) - Number(isOver(b.phase)) || Date.parse(b.startedAt) - Date.parse(a.startedAt),
  );
  return mostWanted.map((notice) => {
    const { reason } = notice;
    return {
      ...notice,
      reason: reason === null || hasRoom(reason) ? reason : reason.slice(0, REASON_TOLD_LEAST),
      missing: notice.missing.filter((name) => hasRoom(name)),
    };
  });
}

/** From here on the owner is not primary and takes no snapshot for the workload but what its application still posts while it releases. */
export function isStandingDown(phase: MovePhase): boolean {
  return phase === 'releasing' || phase === 'flushing' || phase === 'handing-over';
}

export function isOver(phase: MovePhase): boolean {
  return phase === 'committed' || phase === 'rolled-back';
}

export interface MoveFacts {
  readonly self: string;
  readonly to: string;
  readonly owner: string;
  readonly epoch: number;
  /** The epoch at which the operator made up his mind; null when he did not say. */
  readonly ifEpoch: number | null;
  readonly isContested: boolean;
  /** Who claims it under the same epoch as the owner; null, or not known, where that is nobody. */
  readonly rival?: string | null;
  /** null: no peer is called so. */
  readonly target: {
    readonly state: PeerState;
    /** Why it is suspect or down, as the table of peers shows it; null where there is nothing to say. */
    readonly reason?: string | null;
    readonly application: ApplicationStatus;
    readonly hearsUs: boolean | null;
    /** Of the workload's snapshots: how many the target lacks. */
    readonly behindVersions: number;
    readonly behindSeconds: number;
  } | null;
  /** Whether it is known what is held here, or does not matter. */
  readonly isHeldKnown: boolean;
  /** What is under way for the workload already. */
  readonly busyWith: string | null;
  readonly isShuttingDown: boolean;
}

/** A check, as a plan shows it. */
export interface MoveCheck {
  readonly check: 'owner' | 'epoch' | 'target' | 'target-application' | 'in-sync' | 'idle';
  readonly ok: boolean;
  readonly detail: string;
}

/** What is pending for longer than this is no ordinary transfer any more. */
const LAG_MOST_SECONDS = 5;

/** Why nothing is handed over by one who cannot know all that there is. */
export const HELD_UNKNOWN = 'the store "held" is not readable here, so it is not known what there is to hand over';

/** Whether what is held may be the newest of the workload: never under the first epoch, when only its home DC ever did it. */
export function needsHeld(epoch: number): boolean {
  return epoch > 1;
}

/** What a peer lacks of a workload. */
export interface Lag {
  readonly behindVersions: number;
  /** For how long the oldest of it has waited. */
  readonly behindSeconds: number;
}

/** An application that posts all the time always has something on its way: that is no lag, and a move waits for it. */
export function isInSync({ behindVersions, behindSeconds }: Lag): boolean {
  return behindVersions === 0 || behindSeconds <= LAG_MOST_SECONDS;
}

/** Every check of a planned move, in the order in which they are shown; nothing has changed when one of them fails. */
export function moveChecks(facts: MoveFacts): readonly MoveCheck[] {
  const { self, to, owner, epoch, ifEpoch, target } = facts;
  const checks: MoveCheck[] = [];
  const add = (check: MoveCheck['check'], ok: boolean, good: string, bad: string): void => {
    checks.push({ check, ok, detail: ok ? good : bad });
  };
  add('owner', owner === self && to !== self && !facts.isContested, `"${self}" owns it`, ownerProblem(facts));
  add('epoch', ifEpoch === null || ifEpoch === epoch, `${epoch}`, `the epoch is ${epoch}, not ${ifEpoch ?? ''}`);
  // Nobody is a peer of itself, and that the target owns it already is said.
  if (to !== self) add('target', targetProblem(facts) === null, `"${to}" is up`, targetProblem(facts) ?? '');
  if (target !== null) {
    const { application, behindVersions, behindSeconds } = target;
    add('target-application', application !== 'critical', application, `the application at "${to}" is critical`);
    // Nothing to replicate counts as in sync.
    const lag = `"${to}" lacks ${behindVersions} snapshot${behindVersions === 1 ? '' : 's'}, the oldest for ${behindSeconds.toFixed(1)} s`;
    const isPossible = facts.isHeldKnown && isInSync(target);
    add(
      'in-sync',
      isPossible,
      behindVersions === 0 ? 'nothing is pending' : lag,
      facts.isHeldKnown ? lag : HELD_UNKNOWN,
    );
  }
  add(
    'idle',
    facts.busyWith === null && !facts.isShuttingDown,
    'nothing else is under way',
    facts.busyWith ?? 'the gateway is shutting down',
  );
  return checks;
}

/** What speaks against it in the row itself; a contest comes before everything else that could be said of it. */
function ownerProblem({ to, owner, epoch, isContested, rival }: MoveFacts): string {
  if (isContested) {
    const both = rival === undefined || rival === null ? '' : ` by "${owner}" and "${rival}"`;
    return `contested${both} at epoch ${epoch}; --force --accept-data-loss settles it for "${to}"`;
  }
  return to === owner ? `"${to}" owns it already` : `"${owner}" owns it`;
}

function targetProblem({ self, to, target }: MoveFacts): string | null {
  if (target === null) return `"${to}" is no peer of "${self}"`;
  const { state, reason, hearsUs } = target;
  if (state === 'up') return hearsUs === false ? `"${to}" does not hear us` : null;
  // Silence is what everybody takes a dead peer for; another reason may belong to one that lives.
  const why = reason === undefined || reason === null || reason === 'silence' ? '' : ` (${reason})`;
  return `"${to}" is ${state}${why}`;
}
