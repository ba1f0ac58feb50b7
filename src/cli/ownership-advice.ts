import { isOver } from '../core/move.ts';
import { isUnderWay, type TakeoverBlock } from '../core/takeover.ts';
import type { PeerView } from '../ports/gateway-api.ts';
import type { OwnershipView } from '../ports/ownership-api.ts';

/** The command with which an operator takes the last word on who owns a workload. */
export function forceCommand(workload: string, to: string): string {
  return `crossdc failover ${workload} --to ${to} --force --accept-data-loss`;
}

/**
 * What a block means, and the command that frees it; for the gateway of `here`, which would take over.
 * @param block as the gateway named it; one that a newer gateway has is told by its name alone
 */
export function adviceOnBlock(block: string, workload: string, here: string): string {
  const takeIt = `crossdc failover ${workload} --to ${here}`;
  const advice: Record<TakeoverBlock, string> = {
    passive: `this gateway is passive; ${takeIt} takes it`,
    manual: `takeoverPolicy is manual; ${takeIt} takes it`,
    refused: `its owner lives and refuses us: mend the names, keys or addresses; if it is dead, ${takeIt} takes it`,
    'block-period': `it was taken over lately; crossdc ack ${workload} lets the next takeover follow at once`,
    'not-our-turn': `another data centre comes first in takeoverOrder; ${takeIt} takes it now`,
    'store-unavailable':
      'what is held cannot be read: make the store work (crossdc events says what is wrong); it goes on by itself then',
    'state-unwritable':
      'the state folder takes nothing: make room (crossdc events says what is wrong); it goes on by itself then',
    'epochs-exhausted':
      'a peer said that the greatest epoch was given already, and none is given twice: crossdc events says when; ' +
      'docs/operations.md ("Nothing happens") says how to begin with 1 again',
    'app-critical': `the application here is critical: mend it, or ${forceCommand(workload, here)} gives it the work all the same`,
    'nothing-held': `nothing of it is held here: bring its owner back, or ${forceCommand(workload, here)} begins without its state`,
    'held-too-old': `what is held is older than takeoverMaxHeldAge: bring its owner back, or ${forceCommand(workload, here)} begins with it`,
  };
  return Object.hasOwn(advice, block) ? advice[block as TakeoverBlock] : 'crossdc events says why';
}

/** From where a row is looked at. */
export interface Onlooker {
  /** The data centre of the gateway that answered. */
  readonly here: string;
  /** What it knows of its peers; empty where that was not asked. */
  readonly peers: readonly Pick<PeerView, 'name' | 'state'>[];
  readonly ageOf: (at: string) => string;
}

/** One line for each thing about a row that somebody should know or do, with the command that does it. */
export function rowLines(row: OwnershipView, onlooker: Onlooker): string[] {
  const { here, ageOf } = onlooker;
  const lines = [
    ...contestLines(row),
    ...conflictLines(row),
    ...elsewhereLines(row, onlooker),
    ...takeoverLines(row, here, ageOf),
    ...moveLines(row, onlooker),
    ...blockLines(row, here),
  ];
  if (lines.length === 0 && row.owner === here && !row.primary)
    lines.push(`/primary is 503: ${row.notPrimaryBecause ?? 'it is not said why'}`);
  return lines.map((line) => `${row.workload}: ${line}`);
}

function contestLines({ contestedBy, workload, owner, epoch }: OwnershipView): string[] {
  if (contestedBy === null) return [];
  const force = forceCommand(workload, 'DC');
  return [`contested by ${owner} and ${contestedBy.owner}, both with epoch ${epoch}; neither serves it until ${force}`];
}

function conflictLines({ conflict, workload }: OwnershipView): string[] {
  if (conflict === null) return [];
  return [`${conflictText(conflict)}; compare what they did, then crossdc ack ${workload}`];
}

/** "conflict: dc2 (epoch 8) and dc1 (epoch 7) both owned it, for 3.2 s". */
export function conflictText({ winner, loser, overlapMs }: NonNullable<OwnershipView['conflict']>): string {
  const span = winner.epoch === loser.epoch ? '' : `, for ${(overlapMs / 1000).toFixed(1)} s`;
  return `conflict: ${winner.owner} (epoch ${winner.epoch}) and ${loser.owner} (epoch ${loser.epoch}) both owned it${span}`;
}

export function isTakeoverUnderWay(
  takeover: OwnershipView['takeover'],
): takeover is NonNullable<OwnershipView['takeover']> {
  return takeover !== null && isUnderWay(takeover);
}

/** Work whose owner has left, and our own that another one does: neither changes before somebody says so. */
function elsewhereLines(row: OwnershipView, { here, peers }: Onlooker): string[] {
  const { workload, owner, epoch, contestedBy, takeover, move, blockedBy } = row;
  if (owner === here || contestedBy !== null || isTakeoverUnderWay(takeover)) return [];
  const toUs = `crossdc failover ${workload} --to ${here}`;
  const state = peers.find(({ name }) => name === owner)?.state;
  // Whatever it had begun: nobody goes on with that.
  if (state === 'left') return [`nobody does it: ${owner} has left; ${toUs} takes it here`];
  if (move !== null && !isOver(move.phase)) return [];
  // The work of a dead owner is taken over, and what blocks that has a line of its own, with the command that frees it.
  if (workload !== here || state === 'down' || blockedBy !== null) return [];
  const hasFailed = move?.phase === 'rolled-back' && move.to === here && move.epoch > epoch;
  const failed = hasFailed ? `; the last fail-back was rolled back: ${move.reason ?? 'no reason was told'}` : '';
  return [`${owner} does it, since epoch ${epoch}${failed}; ${toUs} brings it home`];
}

function takeoverLines(row: OwnershipView, here: string, ageOf: (at: string) => string): string[] {
  const { takeover, workload, local } = row;
  if (!isTakeoverUnderWay(takeover)) return [];
  const { from, actor, startedAt, phase, blockedBy, delivery } = takeover;
  const what = `takeover from ${from} (${actor}) begun ${ageOf(startedAt)} ago`;
  if (blockedBy !== null) return [`${what} is blocked by ${blockedBy}: ${adviceOnBlock(blockedBy, workload, here)}`];
  if (phase === 'delivering' && delivery !== null) {
    const nobody = local.attached ? '' : ', and no application is attached here';
    return [
      `${what} waits until the application here has acknowledged delivery ${delivery}${nobody} (a store that fails refuses it: crossdc status); ` +
        `GET /v1/deliveries/${delivery} shows what is pending, POST …/reject gives up what the application cannot use, ` +
        `and ${forceCommand(workload, here)} goes on without the application: the delivery is called off, and what it ` +
        'offered the application finds by /v1/restore',
    ];
  }
  return [`${what} is under way (${phase}); crossdc events --follow shows it`];
}

function moveLines({ move }: OwnershipView, { peers, ageOf }: Onlooker): string[] {
  if (move === null || isOver(move.phase)) return [];
  const { from, to, phase, startedAt } = move;
  const state = peers.find(({ name }) => name === from)?.state;
  // The present owner alone completes it or rolls it back.
  if (state === 'left' || state === 'down') return [];
  return [
    `move from ${from} to ${to} begun ${ageOf(startedAt)} ago is under way (${phase}); it completes, or rolls back to ` +
      `${from} by itself; crossdc events --follow shows it`,
  ];
}

function blockLines({ blockedBy, blockedUntil, takeover, workload }: OwnershipView, here: string): string[] {
  const isSaid = isTakeoverUnderWay(takeover) && takeover.blockedBy === blockedBy;
  const until = blockedUntil === null ? '' : ` until ${blockedUntil}`;
  if (blockedBy !== null && !isSaid) {
    const when = blockedBy === 'block-period' ? until : '';
    return [`nothing follows, blocked by ${blockedBy}${when}: ${adviceOnBlock(blockedBy, workload, here)}`];
  }
  if (blockedUntil === null) return [];
  return [`no second automatic takeover${until}; crossdc ack ${workload} allows it at once`];
}
