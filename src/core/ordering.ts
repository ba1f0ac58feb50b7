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

/** Where a message of type 1 or 3 stands among all of its sender's. */
export interface MessageOrder {
  readonly incarnation: number;
  readonly heartbeatCnt: number;
}

/** Less than zero when `a` was sent before `b`, zero when they are one message, greater when it was sent after. */
export function compareOrder(a: MessageOrder, b: MessageOrder): number {
  return a.incarnation === b.incarnation ? a.heartbeatCnt - b.heartbeatCnt : a.incarnation - b.incarnation;
}
