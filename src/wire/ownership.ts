import * as v from 'valibot';
import { LARGEST_EPOCH, ROWS_MOST } from '../core/ownership.ts';
import { DAY_MS, LARGEST_NUMBER } from '../units.ts';
import { dataCenterName, positiveNumber } from './names.ts';

/**
 * What gateways tell each other of ownership in every heartbeat and every answer, and what one may ask of another in a
 * heartbeat (docs/design/ownership.md). Every list is bounded, and a sender has far fewer.
 */
const LISTED_MOST = ROWS_MOST;
/**
 * A hundred years. A longer time is what a wrong clock or a defect says, and is read as this, so that it stays a date when
 * it is taken from the present. It is not refused: an age grows on its way, and who passed one on that was just short
 * enough would not be heard himself.
 */
const LONGEST_MS = 36_525 * DAY_MS;
const shortText = v.pipe(v.string(), v.maxLength(200));
const longText = v.pipe(v.string(), v.maxLength(1000));
/** For people, but a length of time is made of some. */
const isoTime = v.pipe(
  v.string(),
  v.maxLength(40),
  v.check((text) => !Number.isNaN(Date.parse(text)), 'must be a time'),
);
const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,80}$/));
/** JSON has numbers that are read as Infinity (1e999); a length of time is none of them. */
const lengthMs = v.pipe(v.number(), v.finite(), v.minValue(0), v.toMaxValue(LONGEST_MS));
const epoch = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LARGEST_EPOCH));
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LARGEST_NUMBER));

const row = v.object({
  workload: dataCenterName,
  owner: dataCenterName,
  epoch,
  since: isoTime,
  reason: v.picklist(['initial', 'takeover', 'switchover', 'failback']),
});

const heardRow = v.object({
  row,
  /** The highest epoch that the sender knows to have been given to anybody. */
  used: epoch,
  /** How long ago the row was made. */
  ageMs: lengthMs,
  /** The highest epoch that an operator has acknowledged anywhere; missing when there is none. */
  acknowledged: v.optional(epoch),
});

const conflict = v.object({
  workload: dataCenterName,
  winner: row,
  loser: row,
  overlapMs: lengthMs,
  at: isoTime,
  acknowledged: v.boolean(),
});

const moveNotice = v.object({
  id,
  workload: dataCenterName,
  from: dataCenterName,
  to: dataCenterName,
  epoch,
  phase: v.picklist(['snapshots', 'releasing', 'flushing', 'handing-over', 'committed', 'rolled-back']),
  startedAt: isoTime,
  reason: v.nullable(longText),
  snapshots: count,
  missing: v.pipe(v.array(v.pipe(v.string(), v.maxLength(200))), v.maxLength(LISTED_MOST)),
});

const moveProgress = v.object({
  id,
  workload: dataCenterName,
  state: v.picklist(['delivering', 'ready', 'failed']),
  reason: v.nullable(longText),
});

const listOf = <Schema extends v.GenericSchema>(schema: Schema) => v.pipe(v.array(schema), v.maxLength(LISTED_MOST));

export const ownershipNews = v.object({
  rows: listOf(heardRow),
  conflicts: listOf(conflict),
  moves: listOf(moveNotice),
  progress: listOf(moveProgress),
});
export type OwnershipNews = v.InferOutput<typeof ownershipNews>;

export const watermarksNews = v.pipe(
  v.record(
    v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
    v.object({ seq: v.optional(count), position: v.optional(v.pipe(v.string(), v.maxLength(4096))) }),
  ),
  v.check((all) => Object.keys(all).length <= LISTED_MOST, `at most ${LISTED_MOST} names`),
);

export const ask = v.variant('kind', [
  v.object({
    kind: v.literal('move'),
    id,
    workload: dataCenterName,
    to: dataCenterName,
    /** An operator's number, which is compared and never taken over: as great a one as the local API takes. */
    ifEpoch: v.nullable(positiveNumber),
    force: v.boolean(),
    acceptDataLoss: v.boolean(),
    dryRun: v.boolean(),
    actor: shortText,
  }),
  v.object({
    kind: v.literal('sync'),
    id,
    timeoutMs: lengthMs,
    /** Asks the application for nothing: more of the origins of an earlier sync, from this place on. */
    rest: v.optional(v.object({ of: id, from: count })),
  }),
]);
/** One gateway's request of another; the same id again gets the same reply and does nothing twice. */
export type Ask = v.InferOutput<typeof ask>;

const plan = v.object({
  workload: dataCenterName,
  kind: v.picklist(['switchover', 'failback', 'takeover']),
  from: dataCenterName,
  to: dataCenterName,
  epoch,
  /** One above the epoch, also where none is left to give. */
  nextEpoch: positiveNumber,
  forced: v.boolean(),
  checks: listOf(v.object({ check: shortText, ok: v.boolean(), detail: longText })),
  steps: listOf(longText),
  losses: v.pipe(v.array(longText), v.maxLength(100)),
});
/** What a change of owner would do, step by step, and what speaks against it. */
export type MovePlan = v.InferOutput<typeof plan>;

export const reply = v.variant('kind', [
  v.object({ kind: v.literal('move'), id, accepted: v.boolean(), plan }),
  v.object({
    kind: v.literal('sync'),
    id,
    /** What its application was asked for; a newer version of each is what to wait for. */
    origins: v.pipe(
      v.array(v.object({ workload: dataCenterName, origin: v.pipe(v.string(), v.maxLength(200)), after: count })),
      v.maxLength(1000),
    ),
    /** How many there are, where an answer to a heartbeat has no room for all. */
    total: v.optional(count),
  }),
  /** An error of the asked gateway, by its code and text. */
  v.object({ kind: v.literal('failed'), id, code: shortText, detail: longText }),
]);
export type Reply = v.InferOutput<typeof reply>;
