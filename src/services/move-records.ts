import * as v from 'valibot';
import type { Move } from '../core/move.ts';
import { recordSegment } from './durable-records.ts';

const schema = v.object({
  id: v.string(),
  workload: v.string(),
  from: v.string(),
  to: v.string(),
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  phase: v.picklist(['snapshots', 'releasing', 'flushing', 'handing-over', 'committed', 'rolled-back']),
  actor: v.string(),
  startedAt: v.string(),
  steps: v.array(v.object({ step: v.string(), at: v.string(), seconds: v.number() })),
  missing: v.array(v.string()),
  snapshots: v.number(),
  reason: v.nullable(v.string()),
});

export function moveRecord(workload: string): string {
  return `moves/${recordSegment(workload)}`;
}

export function parseMove(value: unknown): Move | null {
  const result = v.safeParse(schema, value);
  return result.success ? result.output : null;
}
