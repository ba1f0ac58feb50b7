import * as v from 'valibot';
import type { Delivery } from '../core/delivery.ts';
import type { DurableRecords } from './durable-records.ts';

const schema = v.object({
  id: v.pipe(v.string(), v.regex(/^[0-9]{1,16}$/)),
  reason: v.picklist(['takeover', 'return', 'manual']),
  dataCenter: v.string(),
  workload: v.optional(v.string()),
  heartbeatMsgType: v.picklist([2, 4]),
  epoch: v.number(),
  watermarks: v.optional(
    v.record(v.string(), v.object({ seq: v.optional(v.number()), position: v.optional(v.string()) })),
    {},
  ),
  createdAt: v.string(),
  state: v.picklist(['open', 'done', 'cancelled']),
  attempt: v.number(),
  snapshots: v.array(
    v.object({
      workload: v.string(),
      origin: v.string(),
      heldFrom: v.optional(v.string()),
      version: v.number(),
      bytes: v.number(),
      sha256: v.string(),
      takenAt: v.string(),
      position: v.nullable(v.string()),
      labels: v.record(v.string(), v.string()),
      href: v.string(),
      state: v.picklist(['pending', 'acknowledged', 'rejected', 'damaged']),
    }),
  ),
  ended: v.optional(v.boolean()),
});

export function recordName(id: string): string {
  return `deliveries/${id}`;
}

/** What is written of a delivery: of a finished one also whether its end was said, so that no crash keeps it from being. */
export function recordOf(delivery: Delivery, isEndSaid: boolean): object {
  return delivery.state === 'done' ? { ...delivery, ended: isEndSaid } : delivery;
}

/** Every delivery that a former run recorded, oldest first. One that cannot be read was set aside by the records. */
export async function loadDeliveries(
  records: DurableRecords,
): Promise<{ readonly delivery: Delivery; readonly isEndSaid: boolean }[]> {
  const found: { delivery: Delivery; isEndSaid: boolean }[] = [];
  for (const name of await records.list('deliveries')) {
    const result = v.safeParse(schema, await records.read(name));
    if (!result.success) continue;
    // A record without the word was written before there was one, and its end was said as it was written.
    const { ended = true, workload = result.output.dataCenter, ...delivery } = result.output;
    found.push({ delivery: { ...delivery, workload } as Delivery, isEndSaid: ended });
  }
  return found.sort((a, b) => Number(a.delivery.id) - Number(b.delivery.id));
}
