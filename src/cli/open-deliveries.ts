import type { DeliveredSnapshot, Delivery } from '../core/delivery.ts';
import type { StatusView } from '../ports/gateway-api.ts';
import { asDeliveries } from './answers.ts';
import { printable } from './display-width.ts';
import { count, formatAge } from './format.ts';
import type { LocalApi } from './local-api.ts';
import { isTakeoverUnderWay } from './ownership-advice.ts';

/** More of them than this are only counted. */
const SHOWN_MOST = 3;
const OPEN = '/v1/deliveries?state=open';

/** The open deliveries, where the status counts any. */
export async function readOpenDeliveries(
  api: LocalApi,
  { deliveries }: StatusView,
  signal?: AbortSignal,
): Promise<readonly Delivery[]> {
  return deliveries.open === 0 ? [] : asDeliveries(api.target, await api.json({ path: OPEN, signal }));
}

/** A line for each delivery that waits for the application, with the calls that end it; that of a takeover has one already. */
export function openDeliveryLines(open: readonly Delivery[], { ownership }: StatusView, wallMs: number): string[] {
  const told = ownership.flatMap(({ takeover }) => (isTakeoverUnderWay(takeover) ? [takeover.delivery] : []));
  const waiting = open.flatMap((delivery) => {
    const pending = delivery.snapshots.filter(({ state }) => state === 'pending');
    const [first] = pending;
    return first === undefined || told.includes(delivery.id) ? [] : [{ delivery, first, pending: pending.length }];
  });
  const lines = waiting.slice(0, SHOWN_MOST).map(({ delivery, first, pending }) => {
    const { id, reason, workload, createdAt } = delivery;
    return (
      `delivery ${id} (${reason}, workload ${workload}) has waited ${formatAge(createdAt, wallMs)} for the application, ` +
      `${count(pending, 'snapshot')} pending: POST ${ackPath(first)}, or …/reject for what it cannot use` +
      (pending === 1 ? '' : ', and so for each')
    );
  });
  const more = waiting.length - lines.length;
  return (more === 0 ? lines : [...lines, `and ${more} more: GET ${OPEN}`]).map(printable);
}

/** The answer's part stands before the query that some have. */
function ackPath({ href }: DeliveredSnapshot): string {
  return href.replace(/\?|$/, '/ack$&');
}
