import { pino, stdTimeFunctions } from 'pino';
import type { Log } from '../../ports/log.ts';
import { plainFacts } from './log-facts.ts';
import { prettyLine, safeJsonLine, writeWhole } from './log-lines.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: one object a line, for machines; `pretty`: the same facts for people. */
  readonly format: 'json' | 'pretty';
  /** Takes whole lines, each with its newline; stderr when it is left out. */
  readonly write?: (line: string) => void;
}

const STDERR = 2;

/**
 * The log on stderr: `{"level":"info","time":"…Z",…facts,"msg":"the sentence"}`. A line is with the kernel when a call
 * returns, so the last words before an exit are never lost. Never throws, whatever the facts are.
 */
export class PinoLog implements Log {
  readonly #pino: ReturnType<typeof pino>;

  constructor({ level, format, write = (line) => writeWhole(STDERR, line) }: LogOptions) {
    const render = format === 'pretty' ? prettyLine : safeJsonLine;
    this.#pino = pino(
      {
        level,
        base: null,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        // The facts are plain already; pino's own serializer of `err` would take them for an error once more.
        serializers: { err: (plain: unknown) => plain },
      },
      { write: (line: string) => write(render(line)) },
    );
  }

  debug(facts: Readonly<Record<string, unknown>>, sentence: string): void {
    this.#write('debug', facts, sentence);
  }

  info(facts: Readonly<Record<string, unknown>>, sentence: string): void {
    this.#write('info', facts, sentence);
  }

  warn(facts: Readonly<Record<string, unknown>>, sentence: string): void {
    this.#write('warn', facts, sentence);
  }

  error(facts: Readonly<Record<string, unknown>>, sentence: string): void {
    this.#write('error', facts, sentence);
  }

  #write(level: LogLevel, facts: Readonly<Record<string, unknown>>, sentence: string): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    // The sentence goes as an argument of %s: one with a percent sign must not be taken for a format.
    this.#pino[level](plainFacts(facts), '%s', sentence);
  }
}
