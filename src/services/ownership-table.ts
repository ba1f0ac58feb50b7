import type { Conflict, HearEffect, HeardRow, Ownership, OwnershipReason, OwnershipRow } from '../core/ownership.ts';
import { acknowledgeConflict, hearWinnerAgain } from '../core/ownership.ts';
import { GatewayError } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import type { Context } from './context.ts';
import type { DurableRecords } from './durable-records.ts';
import { OwnershipEntries, pastOf, type OwnershipEntry } from './ownership-entries.ts';
import type { Settlement } from './settlement.ts';
import { SECOND_MS } from '../units.ts';

/**
 * How far an epoch may jump that the disk did not take; see `reserve`. Raised: the epochs that have a range of versions of
 * their own are used up by fewer failing disks; lowered: two runs give the same one out more often.
 */
const UNWRITTEN_JUMP = 1000;

/** How often it is noted at most that we run as an owner while a peer is not up. Lowered: more writes; raised: a conflict before a crash may stay unseen. */
const NOTE_LEAST_MS = SECOND_MS;

export interface ChangeOfOwner {
  readonly owner: string;
  readonly epoch: number;
  readonly reason: OwnershipReason;
}

/** `overtaken`: somebody else's higher row has come meanwhile. */
export type ChangeOutcome = 'made' | 'overtaken' | 'unwanted';

/**
 * The rows of all workloads that this gateway knows of: its own and its peers'. What is heard counts at once and is
 * written beside; what we decide ourselves is durable before it counts.
 */
export class OwnershipTable {
  readonly #context: Context;
  readonly #settlement: Settlement;
  readonly #workloads: () => readonly string[];
  readonly #entries: OwnershipEntries;
  /** Called in the same turn as the change, before anybody else can see it. */
  onEffect: (effect: HearEffect) => void = () => undefined;
  /** An operator has acknowledged something at a peer. */
  onAcknowledged: () => void = () => undefined;

  constructor(
    context: Context,
    parts: { records: DurableRecords; settlement: Settlement; workloads: () => readonly string[] },
  ) {
    this.#context = context;
    this.#entries = new OwnershipEntries(context, parts.records);
    this.#settlement = parts.settlement;
    this.#workloads = parts.workloads;
  }

  async load(): Promise<void> {
    for (const workload of this.#workloads()) await this.restore(workload);
  }

  /** Brings back the row of one workload; of one whose data centre's name was learned only now, too. */
  restore(workload: string): Promise<void> {
    return this.#entries.restore(workload);
  }

  knows(workload: string): boolean {
    return this.#workloads().includes(workload);
  }

  /** @throws GatewayError not-found */
  get(workload: string): Ownership {
    if (!this.knows(workload))
      throw new GatewayError(
        'not-found',
        `No workload is called "${workload}"; there are: ${this.#workloads().join(', ')}.`,
        { field: 'workload' },
      );
    return this.#entries.of(workload).ownership;
  }

  /** Ours first, then by name. */
  all(): readonly Ownership[] {
    return this.#workloads().map((workload) => this.#entries.of(workload).ownership);
  }

  owns(workload: string): boolean {
    return this.knows(workload) && this.#entries.of(workload).ownership.row.owner === this.#context.settings.dataCenter;
  }

  /** How long ago its present row was made; for what we own: since when it is ours. */
  ownedForMs(workload: string): number {
    return this.#context.clock.now() - this.#entries.of(workload).madeAt;
  }

  /** For how long its present row is known here; Infinity when a former run knew it. */
  knownForMs(workload: string): number {
    return this.#context.clock.now() - this.#entries.of(workload).knownAt;
  }

  owned(): readonly string[] {
    return this.#workloads().filter((workload) => this.owns(workload));
  }

  wasOurs(workload: string): boolean {
    return this.knows(workload) && this.#entries.of(workload).wasOurs;
  }

  /** Who did the work before its present owner; null while it never had another. */
  ownerBefore(workload: string): string | null {
    return this.knows(workload) ? this.#entries.of(workload).before : null;
  }

  /** How long ago its last takeover was, wherever it was made; null when there was none, or it was acknowledged. */
  takenOverAgoMs(workload: string): number | null {
    const { takenOver, acknowledged } = this.#entries.of(workload);
    return takenOver === null || acknowledged >= takenOver.epoch ? null : this.#context.clock.now() - takenOver.at;
  }

  /** Whether an operator has seen what was given that epoch, wherever that was said. */
  isAcknowledged({ workload, epoch }: { readonly workload: string; readonly epoch: number }): boolean {
    return epoch > 0 && this.#entries.of(workload).acknowledged >= epoch;
  }

  ownedBy(dataCenter: string): readonly string[] {
    return this.#workloads().filter((workload) => this.#entries.of(workload).ownership.row.owner === dataCenter);
  }

  /** What goes with a heartbeat or an answer. */
  news(): { readonly rows: readonly HeardRow[]; readonly conflicts: readonly Conflict[] } {
    const now = this.#context.clock.now();
    const entries = this.#workloads().map((workload) => this.#entries.of(workload));
    return {
      rows: entries.flatMap(({ ownership: { row, used, contested }, madeAt, acknowledged }) => {
        const ageMs = Math.max(0, now - madeAt);
        const heard = { row, used, ageMs, ...(acknowledged === 0 ? {} : { acknowledged }) };
        // Whoever hears only us must know of the other row as well.
        return contested === null ? [heard] : [heard, { row: contested, used, ageMs }];
      }),
      conflicts: entries.flatMap(({ ownership: { conflict } }) => (conflict === null ? [] : [conflict])),
    };
  }

  /** Takes in what a peer sent. What is none of our workloads is left alone. */
  hear(news: { readonly rows: readonly HeardRow[]; readonly conflicts: readonly Conflict[] }): void {
    const { clock, rules, settings } = this.#context;
    for (const heard of news.rows) {
      const { workload } = heard.row;
      if (!this.knows(workload)) continue;
      const entry = this.#entries.of(workload);
      this.#hearAcknowledged(workload, entry, heard.acknowledged ?? 0);
      const now = clock.now();
      const context = {
        self: settings.dataCenter,
        now,
        at: isoTime(clock.wallMs()),
        ranUntil: this.#entries.ranUntil(entry, now),
      };
      const { ownership, effects } = rules.hearRow(entry.ownership, heard, context);
      const isChanged = effects.some((effect) => effect.kind === 'changed');
      if (!isChanged && entry.lost !== null) {
        const again = hearWinnerAgain(ownership, entry.lost, heard, context);
        this.#take(workload, entry, again.ownership, [...effects, ...again.effects]);
        continue;
      }
      if (isChanged) {
        const isOurs = entry.ownership.row.owner === settings.dataCenter;
        if (isOurs)
          entry.lost = context.ranUntil === null ? null : { row: entry.ownership.row, ranUntil: context.ranUntil };
        entry.madeAt = now - heard.ageMs;
        entry.knownAt = now;
        entry.ranUntil = null;
        Object.assign(entry, pastOf(entry, ownership, { self: settings.dataCenter, madeAt: entry.madeAt }));
      }
      this.#take(workload, entry, ownership, effects);
    }
    for (const conflict of news.conflicts) {
      if (!this.knows(conflict.workload)) continue;
      const entry = this.#entries.of(conflict.workload);
      const { ownership, effects } = rules.hearConflict(entry.ownership, conflict);
      this.#take(conflict.workload, entry, ownership, effects);
    }
  }

  /** One word of an operator, said anywhere, is enough. */
  #hearAcknowledged(workload: string, entry: OwnershipEntry, epoch: number): void {
    if (epoch <= entry.acknowledged) return;
    entry.acknowledged = epoch;
    this.#context.tasks.run('write what was acknowledged elsewhere', () => this.#entries.save(workload, entry));
    this.onAcknowledged();
  }

  #take(workload: string, entry: OwnershipEntry, ownership: Ownership, effects: readonly HearEffect[]): void {
    if (ownership === entry.ownership) return;
    entry.ownership = ownership;
    entry.unsaid = [...entry.unsaid, ...effects];
    for (const effect of effects) this.onEffect(effect);
    this.#context.tasks.run('write what was heard of owners', () => this.#entries.save(workload, entry));
  }

  /**
   * Reserves the epoch of a change of owner, durably before it is said. Where the disk takes nothing now, a jump keeps it
   * from being given out again after a restart that does not know of it: a death must not wait for a full disk.
   */
  async reserve(workload: string): Promise<number> {
    const { random, rules } = this.#context;
    const entry = this.#entries.of(workload);
    const first = rules.reserveEpoch(entry.ownership);
    entry.ownership = first.ownership;
    if (await this.#entries.save(workload, entry)) return first.epoch;
    const second = rules.reserveEpoch(entry.ownership, 1 + Math.floor(random() * UNWRITTEN_JUMP));
    entry.ownership = second.ownership;
    await this.#entries.save(workload, entry);
    return second.epoch;
  }

  /**
   * Gives the workload to its new owner: durable first, and only then sent and believed.
   * On a disk that hangs it ends when the disk goes on: who does not wait for that begins no other one before.
   * @param isWanted asked again once it is durable: writing may have taken long
   * @returns unless it is `made`, nothing was changed
   * @throws GatewayError `store-full`, `store-unavailable`; then the row is the one before, here and after a restart
   */
  async change(workload: string, change: ChangeOfOwner, isWanted: () => boolean = () => true): Promise<ChangeOutcome> {
    const { clock, rules, settings } = this.#context;
    const entry = this.#entries.of(workload);
    const dated = { ...change, since: isoTime(clock.wallMs()) };
    const madeAt = clock.now();
    // Its application may begin at once: who is superseded in the next moment has run all the same.
    const ranUntil = change.owner === settings.dataCenter ? madeAt : null;
    let wanted = rules.changeOwner(entry.ownership, dated);
    if (wanted === null) return 'overtaken';
    let saves: number;
    do {
      ({ saves } = entry);
      try {
        const made = pastOf(entry, wanted, { self: settings.dataCenter, madeAt });
        await this.#entries.write(workload, { ...entry, ...made, ownership: wanted, madeAt, ranUntil });
      } catch (error) {
        // It may have reached the disk all the same; whoever reads it next must find what we go on with.
        await this.#entries.save(workload, entry);
        throw error;
      }
      wanted = rules.changeOwner(entry.ownership, dated);
      if (wanted === null || !isWanted()) {
        await this.#entries.save(workload, entry);
        return wanted === null ? 'overtaken' : 'unwanted';
      }
      // What was written of it meanwhile stands on the disk with the old row: ours goes again, before anybody hears of it.
    } while (entry.saves !== saves);
    Object.assign(entry, pastOf(entry, wanted, { self: settings.dataCenter, madeAt }));
    entry.ownership = wanted;
    entry.madeAt = madeAt;
    entry.knownAt = clock.now();
    entry.ranUntil = ranUntil;
    return 'made';
  }

  /** What a former run heard and did not come to say. */
  unsaid(): readonly HearEffect[] {
    return this.#workloads().flatMap((workload) => this.#entries.of(workload).unsaid);
  }

  /** Says what a former run heard of one workload, whose data centre's name was learned only now, and did not come to say. */
  sayUnsaid(workload: string): void {
    for (const effect of this.#entries.of(workload).unsaid) this.onEffect(effect);
  }

  /** It was said, and need not be after a crash. */
  async said(workload: string, effect: HearEffect): Promise<void> {
    const entry = this.#entries.of(workload);
    entry.unsaid = entry.unsaid.filter((other) => other !== effect);
    await this.#entries.save(workload, entry);
  }

  /** Whether it is ours by a row that we heard, and our application was not told so yet. */
  isBecoming(workload: string): boolean {
    const { ownership, unsaid } = this.#entries.of(workload);
    return unsaid.some(
      (effect) => effect.kind === 'changed' && this.isGiven(effect) && effect.to.epoch === ownership.row.epoch,
    );
  }

  /** Whether the change makes us the owner. */
  isGiven({ from, to }: Extract<HearEffect, { kind: 'changed' }>): boolean {
    const { dataCenter } = this.#context.settings;
    return to.owner === dataCenter && from.owner !== dataCenter;
  }

  /** An operator has seen the takeover or the conflict of the present row. */
  async acknowledge(workload: string): Promise<void> {
    const entry = this.#entries.of(workload);
    entry.acknowledged = entry.ownership.row.epoch;
    entry.ownership = acknowledgeConflict(entry.ownership);
    await this.#entries.save(workload, entry);
  }

  row(workload: string): OwnershipRow {
    return this.get(workload).row;
  }

  /**
   * Notes for how long we have run as an owner. Called again and again; a pause of ours is no running.
   * @param isAlone whether a peer is not up: then it is noted durably too, at most once an interval
   */
  tick(isStandingDown: (workload: string) => boolean, isAlone: boolean): void {
    if (!this.#settlement.isSettled) return;
    const now = this.#context.clock.now();
    for (const workload of this.owned()) {
      if (isStandingDown(workload)) continue;
      const entry = this.#entries.of(workload);
      entry.ranUntil = now;
      // While a peer does not hear us it may take over; what we did meanwhile must outlive a crash of ours.
      if (isAlone && now - entry.notedAt >= this.#noteEveryMs()) this.#note(workload, entry);
    }
  }

  #note(workload: string, entry: OwnershipEntry): void {
    entry.notedAt = this.#context.clock.now();
    this.#context.tasks.run('note that we run as the owner', () => this.#entries.save(workload, entry));
  }

  #noteEveryMs(): number {
    const { heartbeatIntervalMs } = this.#context.settings;
    return heartbeatIntervalMs === Infinity ? Infinity : Math.max(NOTE_LEAST_MS, heartbeatIntervalMs);
  }
}
