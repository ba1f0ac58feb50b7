import type { ScrubCursor } from '../core/scrub-plan.ts';
import { isoTime } from '../ports/clock.ts';

/** How far the verification of everything that is stored has come. */
export interface ScrubRound {
  /** When this round began, or the last one; null before the first. Wall time. */
  readonly startedMs: number | null;
  /** When the last round that went through everything ended; null before the first. Wall time. */
  readonly completedMs: number | null;
  readonly isUnderWay: boolean;
  /** The last version that is done with; null at the beginning of a round. */
  readonly cursor: ScrubCursor | null;
  readonly verified: number;
  readonly bytes: number;
  readonly damaged: number;
}

export const FIRST_ROUND: ScrubRound = {
  startedMs: null,
  completedMs: null,
  isUnderWay: false,
  cursor: null,
  verified: 0,
  bytes: 0,
  damaged: 0,
};

export function printRound({ startedMs, completedMs, ...round }: ScrubRound): unknown {
  return {
    ...round,
    startedAt: startedMs === null ? null : isoTime(startedMs),
    completedAt: completedMs === null ? null : isoTime(completedMs),
  };
}

/** What cannot be understood is as good as none: a round begins anew, which costs reading and loses nothing. */
export function parseRound(value: unknown): ScrubRound {
  const record = asObject(value);
  if (record === null) return FIRST_ROUND;
  const startedMs = wallOf(record['startedAt']);
  return {
    startedMs,
    completedMs: wallOf(record['completedAt']),
    isUnderWay: record['isUnderWay'] === true && startedMs !== null,
    cursor: cursorOf(record['cursor']),
    verified: countOf(record['verified']),
    bytes: countOf(record['bytes']),
    damaged: countOf(record['damaged']),
  };
}

function cursorOf(value: unknown): ScrubCursor | null {
  const cursor = asObject(value);
  if (cursor === null) return null;
  const { store, dataCenter, workload, origin, version } = cursor;
  const isOne =
    typeof store === 'string' &&
    typeof dataCenter === 'string' &&
    typeof workload === 'string' &&
    typeof origin === 'string' &&
    typeof version === 'number';
  return isOne ? { store, dataCenter, workload, origin, version } : null;
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

function wallOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
