import { isHeldBack } from '../core/takeover.ts';
import type { OwnershipView } from '../ports/ownership-api.ts';
import type { MovePlan } from '../wire/ownership.ts';
import { adviceOnBlock, isTakeoverUnderWay } from './ownership-advice.ts';

/** A change of owner that was begun, and the row as it was before. */
export interface Begun {
  readonly plan: MovePlan;
  readonly before: OwnershipView;
}

export type Outcome = 'done' | 'rolled-back' | 'cancelled' | 'blocked' | 'lost';

export interface Verdict {
  readonly outcome: Outcome;
  /** For people: what became of it, and what frees it. */
  readonly text: string;
}

/** What became of it, as the row says; null while it goes on. */
export function verdictOn(row: OwnershipView, begun: Begun): Verdict | null {
  const { plan } = begun;
  const { workload, to } = plan;
  const move = moveOf(row, begun);
  if (row.epoch > plan.epoch) return ended(row, plan, move?.missing ?? []);
  if (move?.phase === 'rolled-back') {
    const again = `put that right and repeat the command; nothing is lost, ${row.owner} owns ${workload} as before`;
    return { outcome: 'rolled-back', text: `rolled back: ${move.reason ?? 'no reason was told'}; ${again}` };
  }
  const takeover = takeoverOf(row, begun);
  if (takeover?.phase === 'cancelled')
    return {
      outcome: 'cancelled',
      text: `called off; ${row.owner} owns ${workload} as before, and crossdc events says why (takeover-cancelled)`,
    };
  const block = takeover !== null && isTakeoverUnderWay(takeover) ? takeover.blockedBy : null;
  // What keeps a gateway from acting by itself was the state before an operator took the word.
  if (block === null || isHeldBack(block)) return null;
  return { outcome: 'blocked', text: `blocked by ${block}, and tried again: ${adviceOnBlock(block, workload, to)}` };
}

function ended(row: OwnershipView, { workload, to }: MovePlan, missing: readonly string[]): Verdict {
  const late =
    missing.length === 0 ? '' : `; not posted in time, so that the last version serves: ${missing.join(', ')}`;
  if (row.owner === to && row.contestedBy === null)
    return { outcome: 'done', text: `${to} owns ${workload} since epoch ${row.epoch}${late}` };
  const who = row.contestedBy === null ? row.owner : `${row.owner} and ${row.contestedBy.owner}, contested,`;
  return { outcome: 'lost', text: `${who} owns ${workload} since epoch ${row.epoch}; crossdc ownership says more` };
}

/** Where it is now, as one word that changes with each step; null before anything of it is seen. */
export function phaseOf(row: OwnershipView, begun: Begun): string | null {
  return moveOf(row, begun)?.phase ?? takeoverOf(row, begun)?.phase ?? null;
}

/** One that was over before is another one. */
function moveOf({ move }: OwnershipView, { before, plan }: Begun): OwnershipView['move'] {
  if (plan.kind === 'takeover' || move === null) return null;
  return move.id === before.move?.id ? null : move;
}

/** One that was held up may be the one that the operator lets go on. */
function takeoverOf({ takeover }: OwnershipView, { before, plan }: Begun): OwnershipView['takeover'] {
  if (plan.kind !== 'takeover' || takeover === null) return null;
  const wasOver = takeover.id === before.takeover?.id && !isTakeoverUnderWay(before.takeover);
  return wasOver ? null : takeover;
}

const PHASES: Readonly<Record<string, string>> = {
  snapshots: 'its application is asked for fresh snapshots, which go to the new owner',
  releasing: 'the present owner stands down; its application releases the work',
  flushing: 'what was posted until then goes to the new owner',
  'handing-over': 'the application of the new owner takes the snapshots',
  committed: 'the present owner has given it away',
  due: 'begun',
  delivering: 'the application of the new owner takes what is held',
  changing: 'the new owner writes its row',
};

export function phaseText(phase: string): string {
  return PHASES[phase] === undefined ? phase : `${phase}: ${PHASES[phase]}`;
}
