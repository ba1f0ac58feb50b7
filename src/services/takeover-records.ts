import * as v from 'valibot';
import type { Takeover } from '../core/takeover.ts';
import { recordSegment } from './durable-records.ts';

const step = v.picklist(['started', 'checked', 'delivered', 'acknowledged', 'owner-changed', 'completed', 'cancelled']);

const schema = v.object({
  id: v.string(),
  workload: v.string(),
  from: v.string(),
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  phase: v.picklist(['due', 'delivering', 'changing', 'completed', 'cancelled']),
  actor: v.string(),
  forced: v.boolean(),
  startedAt: v.string(),
  steps: v.array(v.object({ step, at: v.string(), seconds: v.number() })),
  delivery: v.nullable(v.string()),
  // Records of before it have none.
  inputs: v.optional(v.record(v.string(), v.unknown()), {}),
});

export function takeoverRecord(workload: string): string {
  return `takeovers/${recordSegment(workload)}`;
}

/** What blocks it is found out anew: it is no part of the record. */
export function recordOfTakeover({ blockedBy: _found, ...takeover }: Takeover): object {
  return takeover;
}

export function parseTakeover(value: unknown): Takeover | null {
  const result = v.safeParse(schema, value);
  return result.success ? { ...result.output, blockedBy: null } : null;
}
