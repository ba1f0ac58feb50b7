import { MIB, KIB, SECOND_MS } from '../units.ts';
import type { StoredSnapshot } from './snapshot.ts';

/**
 * How many bytes of stored snapshots are read a second to verify them. Raised: a round over a large store ends sooner,
 * and transfers and the database feel it; lowered: it is felt by nobody, and damage is found later.
 */
export const SCRUB_BYTES_PER_SECOND = 32 * MIB;
/** What finding and opening a version costs besides its bytes, so that many small ones are no burst of seeks. */
export const VERSION_COST_BYTES = 64 * KIB;
/** How far the reading may catch up after it was held up. Raised: more evenly over time; lowered: more evenly at each moment. */
const CATCH_UP_MS = 250;
/** The longest wait after a start, which has better things to read; an interval that is shorter bounds it too. */
const START_DELAY_MS = 30 * SECOND_MS;

/** The place of a version in the order of verification: the last one that is done with, and what a restart goes on after. */
export interface ScrubCursor {
  readonly store: string;
  readonly dataCenter: string;
  readonly workload: string;
  readonly origin: string;
  readonly version: number;
}

/** What is to be verified: all that has bytes and is not known to be lost, whatever its place. */
export function isScrubbed(row: StoredSnapshot): boolean {
  return row.place !== 'lost' && !row.withdrawn;
}

/**
 * The next versions of one store, in an order that does not depend on when they came: what is taken in or removed
 * meanwhile neither moves the others nor makes a round endless.
 *
 * @param after the last one that is done with; null, or one of another store: from the beginning
 * @param most how many are wanted; the rows are walked once for so many
 */
export function nextToScrub(
  store: string,
  rows: readonly StoredSnapshot[],
  after: ScrubCursor | null,
  most: number,
): StoredSnapshot[] {
  const from = after?.store === store ? after : null;
  let next: StoredSnapshot[] = [];
  let last: StoredSnapshot | undefined;
  for (const row of rows) {
    if (!isScrubbed(row)) continue;
    if (from !== null && compare(placeOf(row), from) <= 0) continue;
    if (last !== undefined && compare(placeOf(row), placeOf(last)) >= 0) continue;
    next.push(row);
    if (next.length < 2 * most) continue;
    next = next.sort(byPlace).slice(0, most);
    last = next[most - 1];
  }
  return next.sort(byPlace).slice(0, most);
}

export function cursorOf(store: string, row: StoredSnapshot): ScrubCursor {
  return { store, ...placeOf(row) };
}

type Place = Omit<ScrubCursor, 'store'>;

function placeOf({ key, version }: StoredSnapshot): Place {
  return { dataCenter: key.dataCenter, workload: key.workload, origin: key.origin, version };
}

function byPlace(a: StoredSnapshot, b: StoredSnapshot): number {
  return compare(placeOf(a), placeOf(b));
}

function compare(a: Place, b: Place): number {
  return (
    compareText(a.dataCenter, b.dataCenter) ||
    compareText(a.workload, b.workload) ||
    compareText(a.origin, b.origin) ||
    a.version - b.version
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Bounds the rate: `clearAt` is the time at which all that was read so far may have been read.
 * @returns how long to wait after reading `bytes`, and the next `clearAt`
 */
export function paceOf(clearAt: number, bytes: number, now: number): { clearAt: number; waitMs: number } {
  const next = Math.max(clearAt, now - CATCH_UP_MS) + (bytes * SECOND_MS) / SCRUB_BYTES_PER_SECOND;
  return { clearAt: next, waitMs: Math.max(0, next - now) };
}

/** How long after a start nothing is verified yet. @param random in [0, 1) */
export function startDelayMs(intervalMs: number, random: number): number {
  return Math.min(START_DELAY_MS, intervalMs) * (1 / 3 + (2 / 3) * random);
}

/**
 * How long until the next round is due, by the wall clock, because a start knows no other time of the last one. A round
 * that claims to have begun in the future tells of a clock that went back: one too many is better than none for years.
 *
 * @param startedMs when the last round began; null when none ever did
 */
export function roundDueInMs(startedMs: number | null, intervalMs: number, wallMs: number): number {
  if (startedMs === null || startedMs > wallMs) return 0;
  return Math.max(0, startedMs + intervalMs - wallMs);
}
