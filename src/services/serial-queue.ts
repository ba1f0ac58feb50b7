import type { Context } from './context.ts';

/** Carries out one job after the other, in the order of the calls, beside the caller. A failing job is logged and stops no other. */
export class SerialQueue {
  readonly #context: Context;
  readonly #name: string;
  #tail: Promise<void> = Promise.resolve();

  constructor(context: Context, name: string) {
    this.#context = context;
    this.#name = name;
  }

  add(job: () => Promise<unknown>): void {
    const done = new Promise<void>((resolve, reject) => {
      const run = async (): Promise<void> => {
        try {
          await job();
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      this.#tail = this.#tail.then(run);
    });
    this.#context.tasks.run(this.#name, () => done);
  }

  /** Resolves when everything that was added before is done. */
  idle(): Promise<void> {
    return this.#tail;
  }
}
