import { MINUTE_MS, SECOND_MS } from '../units.ts';
import { keyText, type StoredSnapshot } from './snapshot.ts';

/** What is looked at once an hour at the most, and no more rarely than what may be kept for a shorter time needs. */
const MOST_INTERVAL_MS = 60 * MINUTE_MS;
const LEAST_INTERVAL_MS = 10 * SECOND_MS;
/** How far the wall clock may run apart from the monotonic one between two looks: more than any clock drifts in an hour. */
const WALL_DRIFT_MS = MINUTE_MS;

/** Content that was damaged, as far as its bounds are concerned. */
export interface DamagedItem {
  readonly id: string;
  readonly bytes: number;
  readonly at: string;
}

export interface ArchiveLimits {
  /** Now, by the wall clock, by which rows say since when they are in their place. */
  readonly wallMs: number;
  /** Infinity: nothing goes for its age. */
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

export type Removal =
  | { readonly kind: 'version'; readonly row: StoredSnapshot; readonly why: 'age' | 'bytes' }
  | { readonly kind: 'damaged'; readonly item: DamagedItem; readonly why: 'age' | 'bytes' };

/** Whether a row is in the archive: kept, and offered to nobody. */
export function isArchived(row: StoredSnapshot): boolean {
  return row.place !== 'live';
}

/** What a row takes of the archive's room. The bytes of a lost one, if there are any, are damaged content. */
export function archivedBytes(row: StoredSnapshot): number {
  return row.place === 'set-aside' || row.place === 'quarantined' ? row.bytes : 0;
}

/**
 * Whether a row must stay, whatever its age.
 *
 * - The newest row of a key stays: it says which versions were taken in. Without it the peer would send again what was
 *   set aside or rejected, and would not learn that we lost what we lost.
 * - The newest version that can be read stays, and the newest one that was set aside, while nothing newer is offered:
 *   the last good version is never deleted. When the application itself withdrew the origin later, it goes by its age.
 * - A withdrawal stays while nothing newer is live: it must go on beating what is older.
 * - The newest version that a takeover delivered stays while an older one is live: that one is not delivered after it.
 *
 * @param rows every row of the key, in any order
 */
export function isKeptAlways(rows: readonly StoredSnapshot[], row: StoredSnapshot): boolean {
  if (!isArchived(row) || isNewest(rows, row)) return true;
  if (row.withdrawn) return !rows.some((other) => other.place === 'live' && other.version > row.version);
  if (isLastDelivered(rows, row)) return true;
  return isLastGood(rows, row) && !isWithdrawnSince(rows, row);
}

/** Whether a row must stay though there is no room for it: one that only its age may remove is among them. */
export function isKeptForBytes(rows: readonly StoredSnapshot[], row: StoredSnapshot): boolean {
  return isKeptAlways(rows, row) || isLastGood(rows, row);
}

function isNewest(rows: readonly StoredSnapshot[], row: StoredSnapshot): boolean {
  return rows.every((other) => other.version <= row.version);
}

function isLastGood(rows: readonly StoredSnapshot[], row: StoredSnapshot): boolean {
  const newer = rows.filter((other) => other.version > row.version && isReadable(other));
  if (!isReadable(row) || newer.some((other) => other.place === 'live')) return false;
  // What the application rejected is readable, but perhaps not good: the newest one before it stays as well.
  return newer.length === 0 || (row.place === 'set-aside' && newer.every((other) => other.place === 'quarantined'));
}

function isLastDelivered(rows: readonly StoredSnapshot[], row: StoredSnapshot): boolean {
  return (
    row.deliveredBy !== null &&
    rows.some((other) => other.place === 'live' && other.version < row.version) &&
    !rows.some((other) => other.deliveredBy !== null && other.version > row.version)
  );
}

function isReadable(row: StoredSnapshot): boolean {
  return row.place !== 'lost' && !row.withdrawn;
}

function isWithdrawnSince(rows: readonly StoredSnapshot[], row: StoredSnapshot): boolean {
  return rows.some((other) => other.withdrawn && other.place === 'live' && other.version > row.version);
}

/**
 * What has to go from one store so that its archive keeps within its bounds: what is too old, then the oldest until
 * the rest has room. When the bounds do not hold afterwards, nothing is left but what must stay.
 *
 * @param rows every row of the store
 * @param isPinned whether a delivery, a transfer or a return needs the row
 */
export function expired(
  rows: readonly StoredSnapshot[],
  damaged: readonly DamagedItem[],
  isPinned: (row: StoredSnapshot) => boolean,
  limits: ArchiveLimits,
): Removal[] {
  const byKey = new Map<string, StoredSnapshot[]>();
  for (const row of rows) {
    const text = keyText(row.key);
    const known = byKey.get(text);
    if (known === undefined) byKey.set(text, [row]);
    else known.push(row);
  }
  const aged: Candidate[] = [];
  const left: Candidate[] = [];
  for (const keyRows of byKey.values()) {
    for (const row of keyRows.filter(isArchived)) {
      const ageMs = ageOf(row.placedAt, limits.wallMs);
      const isFree = !isPinned(row);
      const common = { bytes: archivedBytes(row), ageMs, version: row.version };
      if (isFree && ageMs > limits.maxAgeMs && !isKeptAlways(keyRows, row)) {
        aged.push({ ...common, removal: { kind: 'version', row, why: 'age' } });
      } else {
        const isRemovable = isFree && !isKeptForBytes(keyRows, row);
        left.push({ ...common, removal: isRemovable ? { kind: 'version', row, why: 'bytes' } : null });
      }
    }
  }
  for (const item of damaged) {
    const ageMs = ageOf(item.at, limits.wallMs);
    const common = { bytes: item.bytes, ageMs, version: 0 };
    if (ageMs > limits.maxAgeMs) aged.push({ ...common, removal: { kind: 'damaged', item, why: 'age' } });
    else left.push({ ...common, removal: { kind: 'damaged', item, why: 'bytes' } });
  }
  const gone = aged.sort(oldestFirst).flatMap(({ removal }) => removal ?? []);
  let total = left.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { bytes, removal } of left.sort(oldestFirst)) {
    if (total <= limits.maxBytes) break;
    // Removing what takes no room would make none.
    if (removal === null || bytes === 0) continue;
    gone.push(removal);
    total -= bytes;
  }
  return gone;
}

interface Candidate {
  readonly bytes: number;
  readonly ageMs: number;
  readonly version: number;
  /** null: it must stay. */
  readonly removal: Removal | null;
}

/** Whatever keeps the rest from going, the newest versions are what is left. */
function oldestFirst(a: Candidate, b: Candidate): number {
  return b.ageMs - a.ageMs || a.version - b.version;
}

/** A time that is none, or that claims to be in the future, tells of a clock that was wrong: it counts as now. */
function ageOf(at: string, wallMs: number): number {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? 0 : Math.max(0, wallMs - ms);
}

/**
 * Whether ages by the wall clock may be believed: between two looks it went on as the monotonic one did. A clock that
 * was set by hours, or that a suspended machine wakes up with, is believed at the look after that.
 */
export function isClockSteady(
  before: { readonly now: number; readonly wallMs: number },
  present: { readonly now: number; readonly wallMs: number },
): boolean {
  return Math.abs(present.wallMs - before.wallMs - (present.now - before.now)) <= WALL_DRIFT_MS;
}

/** How long from one look to the next. */
export function lookIntervalMs(maxAgeMs: number): number {
  return Math.min(MOST_INTERVAL_MS, Math.max(LEAST_INTERVAL_MS, maxAgeMs));
}

/** How long after a start the first look is: not with everything else, nor at once with other gateways. @param random in [0, 1) */
export function firstLookMs(maxAgeMs: number, random: number): number {
  return Math.min(MINUTE_MS, lookIntervalMs(maxAgeMs)) * (1 / 2 + random / 2);
}
