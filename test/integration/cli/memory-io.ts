import { PassThrough, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { CliIo } from '../../../src/cli/io.ts';
import { NOW } from '../../unit/cli/status-view.ts';

/** What a stream was given, and whoever waits for a part of it. */
class Collector extends Writable {
  readonly #chunks: Buffer[] = [];
  readonly #waiting: { text: string; resolve: () => void }[] = [];
  isTTY = false;
  columns = 120;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    const text = this.text();
    for (const waiter of this.#waiting) if (text.includes(waiter.text)) waiter.resolve();
    done();
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  /** Resolves when the text has appeared. */
  async has(text: string): Promise<void> {
    if (this.text().includes(text)) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ text, resolve });
    });
  }
}

export interface MemoryIo extends CliIo {
  readonly stdout: Collector;
  readonly stderr: Collector;
  readonly stdin: PassThrough;
  readonly env: Record<string, string>;
  interrupt(): void;
}

/** A terminal-less process whose waits are as short as they can be. */
export function memoryIo(env: Record<string, string> = {}): MemoryIo {
  const controller = new AbortController();
  return {
    stdout: new Collector(),
    stderr: new Collector(),
    stdin: new PassThrough(),
    env,
    wallMs: () => NOW,
    sleep: (_ms, signal) => delay(1, undefined, { signal }).catch(() => undefined),
    interruption: () => controller.signal,
    interrupt: () => controller.abort(),
  };
}

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs one command line to its end.
 *
 * The program is imported as its own commands are, when it is needed: the test runner loads what a test imports at its
 * top by another way than what `import()` loads, and two copies of one class would know nothing of each other.
 */
export async function crossdc(argv: readonly string[], io = memoryIo()): Promise<Outcome> {
  const { runProgram } = await import('../../../src/cli/program.ts');
  const status = await runProgram(argv, io);
  return { status, out: io.stdout.text(), err: io.stderr.text() };
}
