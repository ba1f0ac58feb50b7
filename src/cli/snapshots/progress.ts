import { performance } from 'node:perf_hooks';
import { formatBytes, formatDuration } from '../format.ts';
import type { CliIo } from '../io.ts';

const REDRAW_MS = 100;
/** A transfer that is over sooner needs no bar. */
const SHOW_AFTER_MS = 500;
const BAR_COLUMNS = 24;
const ERASE_LINE = '\r\u001b[K';

/** How far a long transfer is, on stderr and only where that is a terminal. Never the reason for a failure. */
export class Progress {
  readonly #io: CliIo;
  readonly #name: string;
  readonly #startedAt = performance.now();
  #drawnAt = 0;
  #isShown = false;

  /** @param name for people, already printable */
  constructor(io: CliIo, name: string) {
    this.#io = io;
    this.#name = name;
  }

  /** @param total null when nobody knows it */
  update(bytes: number, total: number | null): void {
    const now = performance.now();
    if (this.#io.stderr.isTTY !== true || now - this.#startedAt < SHOW_AFTER_MS || now - this.#drawnAt < REDRAW_MS)
      return;
    this.#drawnAt = now;
    this.#isShown = true;
    const line = progressLine({ name: this.#name, bytes, total, elapsedMs: now - this.#startedAt });
    const columns = this.#io.stderr.columns ?? 80;
    this.#io.stderr.write(ERASE_LINE + line.slice(0, Math.max(0, columns - 1)));
  }

  /** Leaves the line free for what comes next. */
  end(): void {
    if (this.#isShown) this.#io.stderr.write(ERASE_LINE);
    this.#isShown = false;
  }
}

export function progressLine(of: { name: string; bytes: number; total: number | null; elapsedMs: number }): string {
  const perSecond = of.elapsedMs > 0 ? (of.bytes * 1000) / of.elapsedMs : 0;
  const rate = `${formatBytes(Math.round(perSecond))}/s`;
  if (of.total === null || of.total === 0) return `${of.name}  ${formatBytes(of.bytes)}  ${rate}`;
  const part = Math.min(1, of.bytes / of.total);
  const filled = Math.round(part * BAR_COLUMNS);
  const bar = '#'.repeat(filled) + '.'.repeat(BAR_COLUMNS - filled);
  const left = perSecond > 0 ? formatDuration(((of.total - of.bytes) * 1000) / perSecond) : '?';
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  return `${of.name}  [${bar}] ${percent}  ${formatBytes(of.bytes)} of ${formatBytes(of.total)}  ${rate}  ${left} left`;
}
