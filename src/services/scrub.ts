import { backoffMs } from '../core/backoff.ts';
import {
  cursorOf,
  isScrubbed,
  nextToScrub,
  paceOf,
  roundDueInMs,
  startDelayMs,
  VERSION_COST_BYTES,
} from '../core/scrub-plan.ts';
import type { StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import type { ScrubView } from '../ports/gateway-api.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import { MINUTE_MS, SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { DurableRecords } from './durable-records.ts';
import { FIRST_ROUND, parseRound, printRound, type ScrubRound } from './scrub-record.ts';
import type { StoreWatch } from './store-watch.ts';
import { hasEnded } from './wake.ts';

const RECORD = 'scrub';
/** Raised: a restart verifies more once again; lowered: the state folder is written to more often. */
const SAVE_EVERY_MS = MINUTE_MS;
/** Versions planned at once: all rows of a store are walked for so many. */
const PLANNED = 1000;
/** How often a version is tried that a store which otherwise works will not read; then it is passed over, and said. */
const TRIES = 3;
/** How often it is looked whether a store that is away is there again; finding that out is the store watch's business. */
const AWAY_POLL_MS = SECOND_MS;

interface Target {
  readonly name: string;
  readonly store: SnapshotStore;
}

/**
 * Reads everything that is stored once in a while and compares it with its digests, slowly, one version after the
 * other, so that what rots is found while a peer still has a good copy. Where a round is, is durable: a gateway that
 * is restarted often finishes rounds all the same.
 */
export class Scrub {
  readonly #context: Context;
  readonly #stores: readonly Target[];
  readonly #damage: Damage;
  readonly #watch: StoreWatch;
  readonly #records: DurableRecords;
  #round: ScrubRound = FIRST_ROUND;
  #isWaiting = false;
  #savedAt = -Infinity;
  #isSaved = true;
  #clearAt = -Infinity;

  constructor(
    context: Context,
    parts: { stores: readonly Target[]; damage: Damage; watch: StoreWatch; records: DurableRecords },
  ) {
    this.#context = context;
    this.#stores = parts.stores;
    this.#damage = parts.damage;
    this.#watch = parts.watch;
    this.#records = parts.records;
  }

  async load(): Promise<void> {
    this.#round = parseRound(await this.#records.read(RECORD));
  }

  start(): void {
    if (this.#isOff) return;
    this.#context.tasks.run('verify what is stored', (signal) => this.#run(signal));
  }

  get #isOff(): boolean {
    return this.#context.settings.scrubIntervalMs === Infinity;
  }

  /** When the last round ended that went through everything; null when none has. */
  get completedMs(): number | null {
    return this.#round.completedMs;
  }

  /** The round under way, else the last one. */
  view(): ScrubView {
    const { startedMs, completedMs, isUnderWay, verified, bytes, damaged } = this.#round;
    const present = this.#isWaiting ? 'waiting' : isUnderWay ? 'running' : 'idle';
    return {
      state: this.#isOff ? 'off' : present,
      startedAt: startedMs === null ? null : isoTime(startedMs),
      completedAt: completedMs === null ? null : isoTime(completedMs),
      verified,
      bytes,
      damaged,
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, settings } = this.#context;
    const { scrubIntervalMs } = settings;
    await clock.sleep(startDelayMs(scrubIntervalMs, random()), signal);
    const { isUnderWay, startedMs } = this.#round;
    let waitMs = isUnderWay ? 0 : roundDueInMs(startedMs, scrubIntervalMs, clock.wallMs());
    for (;;) {
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      // Within one run no jump of the wall clock moves a round.
      const ageMs = this.#round.isUnderWay ? clock.wallMs() - (this.#round.startedMs ?? 0) : 0;
      const beganAt = clock.now() - Math.min(Math.max(0, ageMs), scrubIntervalMs);
      if (!this.#round.isUnderWay)
        this.#note({
          ...FIRST_ROUND,
          isUnderWay: true,
          startedMs: clock.wallMs(),
          completedMs: this.#round.completedMs,
        });
      await this.#goRound(signal);
      if (hasEnded(signal)) {
        await this.#save();
        return;
      }
      await this.#complete(clock.now() - beganAt);
      waitMs = Math.max(0, beganAt + scrubIntervalMs - clock.now());
    }
  }

  async #complete(tookMs: number): Promise<void> {
    const { clock, log } = this.#context;
    this.#note({ isUnderWay: false, completedMs: clock.wallMs(), cursor: null });
    const { verified, bytes, damaged } = this.#round;
    const facts = { verified, bytes, damaged, seconds: Math.round(tookMs / SECOND_MS) };
    if (damaged === 0) log.info(facts, 'everything that is stored was verified');
    else log.warn(facts, 'everything that is stored was verified, and some of it was damaged');
    await this.#save();
  }

  async #goRound(signal: AbortSignal): Promise<void> {
    // Nothing was read before, so there is nothing to catch up.
    this.#clearAt = this.#context.clock.now();
    const from = this.#stores.findIndex(({ name }) => name === this.#round.cursor?.store);
    for (const target of this.#stores.slice(Math.max(0, from))) {
      await this.#usable(target, signal);
      for (;;) {
        if (signal.aborted) return;
        const rows = nextToScrub(target.name, target.store.rows(), this.#round.cursor, PLANNED);
        if (rows.length === 0) break;
        for (const row of rows) {
          await this.#verify(target, row, signal);
          if (hasEnded(signal)) return;
          this.#note({ cursor: cursorOf(target.name, row) });
          if (this.#context.clock.now() - this.#savedAt >= SAVE_EVERY_MS) await this.#save();
        }
      }
    }
  }

  /** Waits for a store that is away, or of which nothing is known yet: nothing is condemned for that. */
  async #usable({ name, store }: Target, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (!store.isKnown || this.#watch.isFailing(name))) {
      this.#isWaiting = true;
      await this.#context.clock.sleep(AWAY_POLL_MS, signal);
    }
    this.#isWaiting = false;
  }

  async #verify(target: Target, { key, version }: StoredSnapshot, signal: AbortSignal): Promise<void> {
    const { clock, log, random, telemetry } = this.#context;
    const pace = (bytes: number): Promise<void> => this.#pace(bytes, signal);
    for (let tries = 1; ; tries += 1) {
      await this.#usable(target, signal);
      if (hasEnded(signal)) return;
      const row = target.store.rowsOf(key).find((one) => one.version === version);
      // Removed since it was planned, or found to be lost by somebody who read it.
      if (row === undefined || !isScrubbed(row)) return;
      try {
        await this.#damage.verify(target.store, key, version, pace);
        telemetry.scrubVerified(row.bytes);
        // With its place, so that it is not counted again should the gateway end now.
        this.#note({
          cursor: cursorOf(target.name, row),
          verified: this.#round.verified + 1,
          bytes: this.#round.bytes + row.bytes,
        });
        await pace(VERSION_COST_BYTES);
        return;
      } catch (error) {
        const code = error instanceof GatewayError ? error.code : null;
        if (hasEnded(signal) || code === 'not-found') return;
        if (code === 'snapshot-damaged') {
          telemetry.scrubDamaged();
          this.#note({ damaged: this.#round.damaged + 1 });
          return;
        }
        // A key that is not listed is not there at the third try either.
        if (tries === TRIES || code === 'encryption-key-missing') {
          const facts = { store: target.name, ...key, version, error: messageOf(error) };
          log.warn(facts, 'a stored snapshot cannot be verified now; the next round tries again');
          return;
        }
        await clock.sleep(backoffMs(tries, { firstMs: SECOND_MS, mostMs: 10 * SECOND_MS }, random()), signal);
      }
    }
  }

  async #pace(bytes: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const { clearAt, waitMs } = paceOf(this.#clearAt, bytes, clock.now());
    this.#clearAt = clearAt;
    // Less than a timer can tell apart is waited for with the next block.
    if (waitMs >= 1) await clock.sleep(waitMs, signal);
    if (signal.aborted) throw new GatewayError('shutting-down', 'The gateway stops; this is verified another time.');
  }

  #note(changes: Partial<ScrubRound>): void {
    this.#round = { ...this.#round, ...changes };
    this.#isSaved = false;
  }

  async #save(): Promise<void> {
    if (this.#isSaved) return;
    this.#isSaved = true;
    this.#savedAt = this.#context.clock.now();
    await this.#records.settle(RECORD, printRound(this.#round));
  }
}
