import type { Delivery } from '../core/delivery.ts';
import type { GatewayEvent } from '../core/events.ts';
import type { Conflict, OwnershipRow } from '../core/ownership.ts';
import { printable } from './display-width.ts';
import { count, formatBytes } from './format.ts';
import { conflictText } from './ownership-advice.ts';

/** Room for the longest name of an event, so that the facts stand in one column. */
const TYPE_COLUMNS = 24;

/** An event on one line for people: when, what, and its facts as the gateway names them. */
export function renderEvent(event: GatewayEvent): string {
  const { id: _id, at, type, ...facts } = event;
  const words = Object.entries(facts).flatMap(([name, value]) => fact(name, value));
  return printable(`${at}  ${type.padEnd(TYPE_COLUMNS)}  ${words.join(' ')}`).trimEnd();
}

function fact(name: string, value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (name === 'delivery' && typeof value === 'object') return [deliveryText(value as Delivery)];
  if (name === 'row' || name === 'was') return [`${name}=${word(rowText(value as OwnershipRow))}`];
  if (name === 'conflict') return [conflictText(value as Conflict)];
  if (name === 'seconds' && typeof value === 'number') return [`seconds=${value.toFixed(value < 1 ? 3 : 1)}`];
  if (Array.isArray(value)) return [`${name}=${value.map((part) => word(part)).join(',')}`];
  return [`${name}=${word(value)}`];
}

/** "dc2, epoch 8, takeover". */
function rowText({ owner, epoch, reason }: OwnershipRow): string {
  return `${owner}, epoch ${epoch}, ${reason}`;
}

/** Quoted where it would not stand as one word. */
function word(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return typeof value === 'string' && !/^[^\s"=,]+$/.test(text) ? JSON.stringify(text) : text;
}

/** "ID takeover of dc1, 3 snapshots (1.2 MiB), open, attempt 2". */
export function deliveryText(delivery: Delivery): string {
  const bytes = delivery.snapshots.reduce((sum, snapshot) => sum + snapshot.bytes, 0);
  const from =
    delivery.reason === 'return'
      ? `returned by ${delivery.dataCenter}`
      : `${delivery.reason} of ${delivery.dataCenter}`;
  const attempt = delivery.attempt > 1 ? `, attempt ${delivery.attempt}` : '';
  const what = `${count(delivery.snapshots.length, 'snapshot')} (${formatBytes(bytes)})`;
  return `${delivery.id} ${from}, ${what}, ${delivery.state}${attempt}`;
}
