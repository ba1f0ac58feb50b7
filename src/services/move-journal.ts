import { isOver, type Move } from '../core/move.ts';
import type { Context } from './context.ts';
import type { DurableRecords } from './durable-records.ts';
import { moveRecord, parseMove } from './move-records.ts';

/** The last move of each workload that we decided, under way or over: shown, and durable for the run that goes on with it. */
export class MoveJournal {
  readonly #context: Context;
  readonly #records: DurableRecords;
  readonly #last = new Map<string, Move>();
  #lastId = 0;
  /** Called at each change that others are to hear at once. */
  onChanged: () => void = () => undefined;

  constructor(context: Context, records: DurableRecords) {
    this.#context = context;
    this.#records = records;
  }

  async load(workloads: readonly string[]): Promise<void> {
    for (const workload of workloads) {
      const move = parseMove(await this.#records.read(moveRecord(workload)));
      if (move !== null && move.workload === workload) this.#last.set(workload, move);
    }
  }

  get(workload: string): Move | undefined {
    return this.#last.get(workload);
  }

  all(): readonly Move[] {
    return [...this.#last.values()];
  }

  underWay(): readonly Move[] {
    return this.all().filter(({ phase }) => !isOver(phase));
  }

  /** No other move, of whatever data centre and run, has it. */
  nextId(): string {
    const { clock, rules, settings } = this.#context;
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    return `${settings.dataCenter}-${this.#lastId}`;
  }

  /** In memory at once, and said at once; durable with the next `save`. */
  show(move: Move): void {
    this.#last.set(move.workload, move);
    this.onChanged();
  }

  async save(move: Move): Promise<void> {
    this.#last.set(move.workload, move);
    // Before anybody hears of it; on a disk that takes nothing it goes on, and a crash rolls back with us.
    await this.#records.settle(moveRecord(move.workload), move);
    this.onChanged();
  }

  /** Durable before it counts. @returns false when it could not be made durable: then it does not count */
  async saveFirst(move: Move): Promise<boolean> {
    if (!(await this.#records.settle(moveRecord(move.workload), move))) return false;
    this.show(move);
    return true;
  }
}
