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
  /** The last takeover, `at` by our own wall clock. */
  takenOver: v.optional(v.nullable(v.object({ epoch: v.number(), at: v.string() })), null),
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

/** What of it is kept with its times, which are monotonic here and of our own wall clock in the record. */
export interface Dated extends Kept {
  readonly madeAt: number;
  readonly ranUntil: number | null;
  readonly takenOver: { readonly epoch: number; readonly at: number } | null;
}

export function recordOfOwnership(
  { ownership, acknowledged, wasOurs, before, unsaid, madeAt, ranUntil, takenOver }: Dated,
  wallOf: (at: number) => string,
): object {
  return {
    ...ownership,
    acknowledged,
    wasOurs,
    before,
    unsaid,
    madeAt: wallOf(madeAt),
    ranUntil: ranUntil === null ? null : wallOf(ranUntil),
    takenOver: takenOver === null ? null : { epoch: takenOver.epoch, at: wallOf(takenOver.at) },
  };
}

/** What a former run kept, its times in milliseconds of our own wall clock. */
interface Found extends Kept {
  readonly madeAtMs: number;
  readonly ranUntilMs: number | null;
  readonly takenOver: { readonly epoch: number; readonly atMs: number } | null;
}

/** @returns null when there is none, or none that this version can read */
export function parseOwnership(value: unknown, workload: string): Found | null {
  const result = v.safeParse(schema, value);
  if (!result.success || result.output.row.workload !== workload) return null;
  const { madeAt, ranUntil, takenOver, acknowledged, wasOurs, before, unsaid, ...ownership } = result.output;
  const madeAtMs = Date.parse(madeAt);
  if (Number.isNaN(madeAtMs)) return null;
  const takenOverMs = Date.parse(takenOver?.at ?? '');
  return {
    ownership,
    acknowledged,
    wasOurs,
    before,
    unsaid,
    madeAtMs,
    ranUntilMs: ranUntil === null ? null : Date.parse(ranUntil),
    takenOver: takenOver === null || Number.isNaN(takenOverMs) ? null : { epoch: takenOver.epoch, atMs: takenOverMs },
  };
}
