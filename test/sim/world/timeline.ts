import type { Life } from './life.ts';
import { TimerHeap, type HeapEntry } from './timer-heap.ts';

export interface Timer {
  cancel(): void;
}

/** A class, and no object with a function of its own: there are thousands in every run. */
class Planned implements HeapEntry, Timer {
  readonly at: number;
  readonly sequence: number;
  /** Whose it is: it fires late when its owner is stopped, and never when its owner has ended. null: the world's own. */
  readonly owner: Life | null;
  readonly fire: () => void;
  isCancelled = false;

  constructor(at: number, sequence: number, owner: Life | null, fire: () => void) {
    this.at = at;
    this.sequence = sequence;
    this.owner = owner;
    this.fire = fire;
  }

  cancel(): void {
    this.isCancelled = true;
  }
}

/** So many steps at one moment mean that somebody goes round in a circle without letting time pass. */
const STEPS_AT_ONE_MOMENT = 20_000;

/**
 * Virtual time for a whole world. Nothing happens between two entries; after each one everything that follows from it
 * without time passing is carried out to the end, so that a run depends on nothing but its seed.
 */
export class Timeline {
  readonly #heap = new TimerHeap<Planned>();
  #now = 0;
  #sequence = 0;
  #steps = 0;
  /** Called after each step, when nothing moves any more: the place to check what must always hold. */
  onStep: () => void = () => undefined;

  get now(): number {
    return this.#now;
  }

  get steps(): number {
    return this.#steps;
  }

  /** What is planned for a time that has passed happens now, after all that was planned for now before. */
  at(time: number, owner: Life | null, fire: () => void): Timer {
    this.#sequence += 1;
    const planned = new Planned(Math.max(time, this.#now), this.#sequence, owner, fire);
    this.#heap.push(planned);
    return planned;
  }

  after(ms: number, owner: Life | null, fire: () => void): Timer {
    return this.at(this.#now + ms, owner, fire);
  }

  /** Lets time pass until `until`. */
  async run(until: number): Promise<void> {
    let stepsHere = 0;
    await this.settle();
    for (let next = this.#heap.peek(); next !== undefined && next.at <= until; next = this.#heap.peek()) {
      this.#heap.pop();
      if (next.isCancelled || next.owner?.state === 'ended') continue;
      stepsHere = next.at > this.#now ? 0 : stepsHere + 1;
      if (stepsHere > STEPS_AT_ONE_MOMENT)
        throw new Error(`time does not get beyond ${this.#now} ms: somebody goes round in a circle`);
      this.#now = next.at;
      this.#steps += 1;
      if (next.owner === null) next.fire();
      else next.owner.timer(next.fire);
      await this.settle();
      this.onStep();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** Until every promise that can be resolved without time passing is, however long the chain. */
  async settle(): Promise<void> {
    // A turn of the event loop comes after all microtasks and all ticks; nothing in this world does real I/O.
    await new Promise(nextTurn);
  }
}

function nextTurn(resolve: (value: unknown) => void): void {
  setImmediate(resolve);
}
