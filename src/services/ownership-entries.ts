import type { HearEffect, LostRow, Ownership } from '../core/ownership.ts';
import { initialOwnership } from '../core/ownership.ts';
import { isoTime } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { DurableRecords } from './durable-records.ts';
import { ownershipRecord, parseOwnership, recordOfOwnership } from './ownership-record.ts';

interface TakenOver {
  readonly epoch: number;
  /** Monotonic: when its row was made. */
  readonly at: number;
}

/** All that is kept of one workload's row. */
export interface OwnershipEntry {
  ownership: Ownership;
  /** Monotonic: when the present row was made, wherever that was. */
  madeAt: number;
  /** Monotonic: when it came to be known here; -Infinity of one that a former run knew. */
  knownAt: number;
  /** The highest epoch that an operator has acknowledged, here or at a peer. */
  acknowledged: number;
  /** The last takeover of it, by whomever, also when it has gone elsewhere since; null when there was none. */
  takenOver: TakenOver | null;
  /** We were its owner and are not any more. */
  wasOurs: boolean;
  /** Who owned it before its present owner; null while it never had another. */
  before: string | null;
  /** Monotonic: until when we ran as its owner in this run; null when we did not. */
  ranUntil: number | null;
  /** Monotonic: when that was last noted on the disk for its own sake. */
  notedAt: number;
  /** The last row of ours that somebody else's replaced in this run; null when there was none in which we ran. */
  lost: LostRow | null;
  /** What was heard and not said yet, the oldest first. */
  unsaid: readonly HearEffect[];
  /** How often it was written, for whoever must know whether somebody else wrote it meanwhile. */
  saves: number;
}

/**
 * The rows as they are kept: monotonic here, since that alone measures spans, and in wall time on the disk, since that
 * alone outlives a run.
 */
export class OwnershipEntries {
  readonly #context: Context;
  readonly #records: DurableRecords;
  readonly #entries = new Map<string, OwnershipEntry>();

  constructor(context: Context, records: DurableRecords) {
    this.#context = context;
    this.#records = records;
  }

  /** The one that is known; otherwise a fresh one, at home. */
  of(workload: string): OwnershipEntry {
    const known = this.#entries.get(workload);
    if (known !== undefined) return known;
    const { clock } = this.#context;
    const fresh = {
      ownership: initialOwnership(workload, isoTime(clock.wallMs())),
      madeAt: clock.now(),
      knownAt: -Infinity,
      acknowledged: 0,
      takenOver: null,
      wasOurs: false,
      before: null,
      ranUntil: null,
      notedAt: -Infinity,
      lost: null,
      unsaid: [],
      saves: 0,
    };
    this.#entries.set(workload, fresh);
    return fresh;
  }

  /** Brings back what the disk has; a workload of which it has nothing begins at home, and that is written. */
  async restore(workload: string): Promise<void> {
    const { clock } = this.#context;
    const found = parseOwnership(await this.#records.read(ownershipRecord(workload)), workload);
    if (found === null) {
      await this.save(workload, this.of(workload));
      return;
    }
    const { ownership, acknowledged, wasOurs, before, unsaid, ranUntilMs } = found;
    const at = (wallMs: number): number => clock.now() - Math.max(0, clock.wallMs() - wallMs);
    const takenOver = found.takenOver === null ? null : { epoch: found.takenOver.epoch, at: at(found.takenOver.atMs) };
    const madeAt = at(found.madeAtMs);
    // A former run may have worked on after somebody took over: that it was ended since makes it no less a conflict.
    const ranUntil = ranUntilMs === null ? null : at(ranUntilMs);
    const restored = { ownership, acknowledged, takenOver, wasOurs, before, unsaid, madeAt, ranUntil };
    this.#entries.set(workload, { ...restored, knownAt: -Infinity, notedAt: -Infinity, lost: null, saves: 0 });
  }

  /** Written as soon as the disk takes it. @returns whether it is durable now */
  save(workload: string, entry: OwnershipEntry): Promise<boolean> {
    entry.saves += 1;
    return this.#records.settle(ownershipRecord(workload), recordOfOwnership(entry, this.#wallNow()));
  }

  /** Durable when it resolves. @throws GatewayError `store-full`, `store-unavailable` */
  write(workload: string, entry: OwnershipEntry): Promise<void> {
    return this.#records.write(ownershipRecord(workload), recordOfOwnership(entry, this.#wallNow()));
  }

  /** Until now, unless we have not run for longer than two looks of the judge of silence: then we were stopped ourselves. */
  ranUntil({ ranUntil }: OwnershipEntry, now: number): number | null {
    if (ranUntil === null) return null;
    const twoLooksMs = Math.min(2 * SECOND_MS, this.#context.settings.heartbeatIntervalMs / 4);
    return now - ranUntil <= twoLooksMs ? now : ranUntil;
  }

  /** Monotonic times as our wall clock has them now, all by one look at it. */
  #wallNow(): (at: number) => string {
    const { clock } = this.#context;
    const offset = clock.wallMs() - clock.now();
    return (at) => isoTime(offset + at);
  }
}

/** What a new row leaves to be remembered of those before it. */
export function pastOf(
  { wasOurs, before, takenOver, ownership }: OwnershipEntry,
  { row }: Ownership,
  { self, madeAt }: { readonly self: string; readonly madeAt: number },
): Pick<OwnershipEntry, 'wasOurs' | 'before' | 'takenOver'> {
  const { owner } = ownership.row;
  return {
    wasOurs: row.owner !== self && (wasOurs || owner === self),
    before: row.owner === owner ? before : owner,
    takenOver: row.reason === 'takeover' ? { epoch: row.epoch, at: madeAt } : takenOver,
  };
}
