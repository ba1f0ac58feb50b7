import { performance } from 'node:perf_hooks';
import { writeLine, type CliIo } from '../io.ts';

/** What happened, when, and where: one line each, on stdout. */
export class Timeline {
  readonly #io: CliIo;
  readonly #startedAt = performance.now();

  constructor(io: CliIo) {
    this.#io = io;
  }

  /** @param where a data centre, or nothing for the demo itself */
  async say(where: string, what: string): Promise<void> {
    await writeLine(this.#io.stdout, timelineLine(performance.now() - this.#startedAt, where, what));
  }

  /** More of the line before. */
  async detail(lines: readonly string[]): Promise<void> {
    for (const line of lines) await writeLine(this.#io.stdout, `${' '.repeat(19)}${line}`);
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }
}

/** "   12.345 s  dc2  what happened". */
export function timelineLine(elapsedMs: number, where: string, what: string): string {
  return `${(elapsedMs / 1000).toFixed(3).padStart(9)} s  ${where.padEnd(4)}  ${what}`;
}
