import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { SECOND_MS } from '../../units.ts';

const PERIOD_MS = 10 * SECOND_MS;

/** A warning that a stranger can cause as often as he likes: written at most every 10 s, the others counted. */
export class ThrottledWarning {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sentence: string;
  readonly #level: 'warn' | 'error';
  #lastAt = -Infinity;
  #suppressed = 0;

  /** @param level `error` where it is a defect of ours that is warned of */
  constructor(clock: Clock, log: Log, sentence: string, level: 'warn' | 'error' = 'warn') {
    this.#level = level;
    this.#clock = clock;
    this.#log = log;
    this.#sentence = sentence;
  }

  note(facts: Readonly<Record<string, unknown>>): void {
    const now = this.#clock.now();
    if (now - this.#lastAt < PERIOD_MS) {
      this.#suppressed += 1;
      return;
    }
    this.#log[this.#level]({ ...facts, suppressed: this.#suppressed }, this.#sentence);
    this.#lastAt = now;
    this.#suppressed = 0;
  }
}
