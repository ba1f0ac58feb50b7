import { performance } from 'node:perf_hooks';
import { CliError, EXIT } from '../exit-status.ts';
import { throwIfInterrupted, type CliIo } from '../io.ts';
import { endedText, type Children } from './children.ts';

/** A step of the demo did not go as it should. */
export class StepFailed extends Error {}

export function check(isTrue: boolean, otherwise: string): asserts isTrue {
  if (!isTrue) throw new StepFailed(otherwise);
}

const POLL_MS = 20;

/** Waits for things to become true, within bounds, as long as everybody who is needed lives. */
export class Watch {
  readonly #io: CliIo;
  readonly #children: Children;
  readonly #interrupted: AbortSignal;
  readonly #deadline: number;

  /** @param limitMs of everything together */
  constructor(io: CliIo, children: Children, limitMs: number) {
    this.#io = io;
    this.#children = children;
    this.#interrupted = io.interruption();
    this.#deadline = performance.now() + limitMs;
  }

  /**
   * Asks until there is an answer. A refusal of the gateway counts as none yet: it may be starting.
   *
   * @param what the sentence of which it is said that it did not come true
   * @throws StepFailed when it takes longer than `limitMs`, or a child died; CliError when interrupted
   */
  async until<T>(what: string, limitMs: number, probe: () => Promise<T | undefined>): Promise<T> {
    const deadline = Math.min(performance.now() + limitMs, this.#deadline);
    let lastError = '';
    for (;;) {
      throwIfInterrupted(this.#interrupted);
      this.assertAllAlive();
      try {
        const found = await probe();
        if (found !== undefined) return found;
        lastError = '';
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        lastError = `: ${error.message}`;
      }
      if (performance.now() >= deadline) throw new StepFailed(`${what}: not within ${limitMs / 1000} s${lastError}`);
      await this.#io.sleep(POLL_MS, this.#interrupted);
    }
  }

  /** Lets time pass in which nothing should happen. */
  async pass(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (performance.now() < deadline) {
      throwIfInterrupted(this.#interrupted);
      this.assertAllAlive();
      await this.#io.sleep(POLL_MS, this.#interrupted);
    }
  }

  assertAllAlive(): void {
    const dead = this.#children.findDead();
    if (dead?.ended) throw new StepFailed(`the ${dead.name} ended by itself (${endedText(dead.ended)})`);
  }
}

/** The demo was ended from outside before everything was shown. */
export function isInterruption(error: unknown): boolean {
  return error instanceof CliError && error.status === EXIT.failed && error.message === 'interrupted';
}
