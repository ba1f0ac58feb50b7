/**
 * Numbers that only grow: versions of a snapshot, incarnations of a gateway, ids of an event.
 *
 * Neither a wall clock nor an arrival decides an order here. The wall clock only lifts a number, so that it goes on
 * growing after the state that held the last one was lost; the last one lifts it when the clock went back.
 */

/** The next number of a sequence: greater than the last, than what anybody says to have seen, and at least the wall time. */
export function nextNumber(last: number, wallMs: number, seen = 0): number {
  return Math.max(last + 1, Math.floor(wallMs), seen + 1);
}

/** Until the year 2109 the wall time in milliseconds is below this. */
const ABOVE_WALL_TIME = 2 ** 42;
const VERSIONS_OF_AN_EPOCH = 2 ** 34;
const LAST_EPOCH_OF_ITS_OWN = (2 ** 53 - ABOVE_WALL_TIME) / VERSIONS_OF_AN_EPOCH - 2;

/**
 * The least version that is accepted under an epoch, from the second one on: above every version of the epochs before it,
 * also of those that their owner, cut off, still goes on to accept. The epoch stands above the count within one number, as
 * in ZooKeeper's zxid (Junqueira, Reed, Serafini: Zab, 2011), so that versions alone tell which of two owners came later.
 * There is room for 17 thousand million posts in an epoch, and for 524,030 epochs; beyond those they share one range.
 */
export function firstVersionOf(epoch: number): number {
  return epoch < 2 ? 1 : ABOVE_WALL_TIME + Math.min(epoch, LAST_EPOCH_OF_ITS_OWN) * VERSIONS_OF_AN_EPOCH;
}

/** The epoch under which a version was accepted; 1 for every one before the second. */
export function epochOfVersion(version: number): number {
  return Math.max(1, Math.floor((version - ABOVE_WALL_TIME) / VERSIONS_OF_AN_EPOCH));
}

/** Whether a version was accepted under this epoch, or a later one; among those that share one range it cannot be told, and counts. */
export function isSinceEpoch(version: number, epoch: number): boolean {
  return epochOfVersion(version) >= Math.min(epoch, LAST_EPOCH_OF_ITS_OWN);
}

/**
 * The version of what the owner of a workload accepts now.
 *
 * @param last the newest of its own
 * @param seen the greatest that anybody has from anywhere
 * @param epoch under which it owns the workload; 0 when the content is a copy of what it accepted before it lost it
 */
export function nextVersion(
  last: number,
  wallMs: number,
  { seen, epoch }: { readonly seen: number; readonly epoch: number },
): number {
  return nextNumber(last, Math.min(wallMs, ABOVE_WALL_TIME - 1), Math.max(seen, firstVersionOf(epoch) - 1));
}

/** Where a message of type 1 or 3 stands among all of its sender's. */
export interface MessageOrder {
  readonly incarnation: number;
  readonly heartbeatCnt: number;
}

/** Less than zero when `a` was sent before `b`, zero when they are one message, greater when it was sent after. */
export function compareOrder(a: MessageOrder, b: MessageOrder): number {
  return a.incarnation === b.incarnation ? a.heartbeatCnt - b.heartbeatCnt : a.incarnation - b.incarnation;
}
