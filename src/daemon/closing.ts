import { messageOf } from '../errors.ts';
import type { Log } from '../ports/log.ts';

/** What was opened, released in reverse order; one that fails to close is logged and keeps nobody else open. */
export class Closing {
  readonly #log: Log;
  readonly #steps: { readonly name: string; readonly close: () => Promise<void> }[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, close: () => Promise<void>): void {
    this.#steps.push({ name, close });
  }

  /** Idempotent. */
  async closeAll(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.close();
      } catch (error) {
        this.#log.warn(
          { part: step.name, error: messageOf(error) },
          'a part of the gateway could not be closed cleanly',
        );
      }
    }
  }
}
