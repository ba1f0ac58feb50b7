import { isUnderWay, type Takeover, type TakeoverStep } from '../core/takeover.ts';
import { isoTime } from '../ports/clock.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { DurableRecords } from './durable-records.ts';
import { parseTakeover, recordOfTakeover, takeoverRecord } from './takeover-records.ts';

/** The last takeover of each workload, under way or over: shown, timed, and durable before the next step. */
export class TakeoverJournal {
  readonly #context: Context;
  readonly #records: DurableRecords;
  readonly #last = new Map<string, Takeover>();
  /** Monotonic: when the last step was taken, in this run. */
  readonly #steppedAt = new Map<string, number>();
  #lastId = 0;

  constructor(context: Context, records: DurableRecords) {
    this.#context = context;
    this.#records = records;
  }

  async load(workloads: readonly string[]): Promise<void> {
    for (const workload of workloads) {
      const takeover = parseTakeover(await this.#records.read(takeoverRecord(workload)));
      if (takeover?.workload === workload) this.#last.set(workload, takeover);
    }
  }

  get(workload: string): Takeover | undefined {
    return this.#last.get(workload);
  }

  underWay(): readonly Takeover[] {
    return [...this.#last.values()].filter((takeover) => isUnderWay(takeover));
  }

  /** Begins one; it stands in the place of the last, which was over. */
  begin(workload: string, from: string, by: Pick<Takeover, 'forced' | 'actor' | 'inputs'>): Promise<Takeover> {
    const { clock, rules } = this.#context;
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    this.#steppedAt.set(workload, clock.now());
    const startedAt = isoTime(clock.wallMs());
    const empty = { epoch: 0, phase: 'due', steps: [], delivery: null, blockedBy: null } as const;
    return this.step({ id: String(this.#lastId), workload, from, ...by, startedAt, ...empty }, 'started');
  }

  step(takeover: Takeover, step: TakeoverStep['step']): Promise<Takeover> {
    return this.save(this.taken(takeover, step));
  }

  /** Shown from now on; durable with the next `save`. */
  taken(takeover: Takeover, step: TakeoverStep['step']): Takeover {
    const { clock } = this.#context;
    const now = clock.now();
    const seconds = (now - (this.#steppedAt.get(takeover.workload) ?? now)) / SECOND_MS;
    this.#steppedAt.set(takeover.workload, now);
    // After a crash a step may be taken again; it is shown once.
    const before = takeover.steps.filter((taken) => taken.step !== step);
    return this.show({ ...takeover, steps: [...before, { step, at: isoTime(clock.wallMs()), seconds }] });
  }

  /** What is found out anew in every run: not for the disk. */
  show(takeover: Takeover): Takeover {
    this.#last.set(takeover.workload, takeover);
    return takeover;
  }

  async save(takeover: Takeover): Promise<Takeover> {
    this.show(takeover);
    await this.#records.settle(takeoverRecord(takeover.workload), recordOfTakeover(takeover));
    return takeover;
  }
}
