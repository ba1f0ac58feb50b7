import * as v from 'valibot';
import type { HearEffect, Ownership } from '../core/ownership.ts';
import { recordSegment } from './durable-records.ts';

const row = v.object({
  workload: v.string(),
  owner: v.string(),
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  since: v.string(),
  reason: v.picklist(['initial', 'takeover', 'switchover', 'failback']),
});

const conflict = v.object({
  workload: v.string(),
  winner: row,
  loser: row,
  overlapMs: v.number(),
  at: v.string(),
  acknowledged: v.boolean(),
});

const unsaid = v.variant('kind', [
  v.object({ kind: v.literal('changed'), from: row, to: row }),
  v.object({ kind: v.literal('superseded'), from: row, to: row }),
  v.object({ kind: v.literal('conflict'), conflict }),
]);

const schema = v.object({
  row,
  used: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  contested: v.nullable(row),
  conflict: v.nullable(conflict),
  /** RFC 3339, of our own wall clock: when the row was made, wherever that was. */
  madeAt: v.string(),
  acknowledged: v.number(),
  wasOurs: v.boolean(),
  before: v.optional(v.nullable(v.string()), null),
  /** RFC 3339, of our own wall clock: until when we are known to have run as its owner; null when we did not. */
  ranUntil: v.optional(v.nullable(v.string()), null),
  /** What was heard and not said yet: a crash in between must not leave the application waiting for it. */
  unsaid: v.optional(v.array(unsaid), []),
});

interface Kept {
  readonly ownership: Ownership;
  readonly acknowledged: number;
  readonly wasOurs: boolean;
  readonly before: string | null;
  readonly unsaid: readonly HearEffect[];
}

export function ownershipRecord(workload: string): string {
  return `ownership/${recordSegment(workload)}`;
}

export function recordOfOwnership(
  { ownership, acknowledged, wasOurs, before, unsaid }: Kept,
  times: { readonly madeAt: string; readonly ranUntil: string | null },
): object {
  return { ...ownership, ...times, acknowledged, wasOurs, before, unsaid };
}

/** @returns null when there is none, or none that this version can read */
export function parseOwnership(
  value: unknown,
  workload: string,
): (Kept & { readonly madeAtMs: number; readonly ranUntilMs: number | null }) | null {
  const result = v.safeParse(schema, value);
  if (!result.success || result.output.row.workload !== workload) return null;
  const { madeAt, ranUntil, acknowledged, wasOurs, before, unsaid, ...ownership } = result.output;
  const madeAtMs = Date.parse(madeAt);
  const ranUntilMs = ranUntil === null ? null : Date.parse(ranUntil);
  return Number.isNaN(madeAtMs) ? null : { ownership, acknowledged, wasOurs, before, unsaid, madeAtMs, ranUntilMs };
}
