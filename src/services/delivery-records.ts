import * as v from 'valibot';
import type { Delivery } from '../core/delivery.ts';
import type { DurableRecords } from './durable-records.ts';

const schema = v.object({
  id: v.pipe(v.string(), v.regex(/^[0-9]{1,16}$/)),
  reason: v.picklist(['takeover', 'return', 'manual']),
  dataCenter: v.string(),
  heartbeatMsgType: v.picklist([2, 4]),
  epoch: v.number(),
  createdAt: v.string(),
  state: v.picklist(['open', 'done', 'cancelled']),
  attempt: v.number(),
  snapshots: v.array(
    v.object({
      workload: v.string(),
      origin: v.string(),
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
});

export function recordName(id: string): string {
  return `deliveries/${id}`;
}

/** Every delivery that a former run recorded, oldest first. One that cannot be read was set aside by the records. */
export async function loadDeliveries(records: DurableRecords): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  for (const name of await records.list('deliveries')) {
    const result = v.safeParse(schema, await records.read(name));
    if (result.success) deliveries.push(result.output);
  }
  return deliveries.sort((a, b) => Number(a.id) - Number(b.id));
}
