import { writeSync } from 'node:fs';

/**
 * The characters of a line that could act on a terminal or break the line apart and that JSON leaves as they are: the
 * C1 controls (one of them begins an escape sequence), the line separators, and those that turn the reading direction.
 */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The same JSON, with every unsafe character as an escape: they can only stand inside its strings. */
export function safeJsonLine(line: string): string {
  return line.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const LEVEL_WIDTH = 5;
const PLAIN_WORD = /^[A-Za-z0-9_./:@+,-]+$/;

/**
 * A line of JSON as a line for people: time, level, sentence, then `name=value` for each fact. Values that are more than
 * one plain word stay JSON, so that no value can look like another fact or another line.
 */
export function prettyLine(json: string): string {
  const { time, level, msg, ...facts } = JSON.parse(json) as Record<string, unknown>;
  const head = `${String(time)} ${String(level).toUpperCase().padEnd(LEVEL_WIDTH)} ${oneLine(String(msg))}`;
  const tail = Object.entries(facts).map(([name, value]) => ` ${oneLine(name)}=${word(value)}`);
  return `${safeJsonLine(head + tail.join(''))}\n`;
}

function word(value: unknown): string {
  return typeof value === 'string' && PLAIN_WORD.test(value) ? value : JSON.stringify(value);
}

function oneLine(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

const RETRY_MS = 5;
const RETRIES = 40;

/** What writing needs of the machine; a test gives its own. */
export interface LineWriter {
  write(fd: number, bytes: Uint8Array): number;
  /** Blocks: whoever logs has its line written when the call returns. */
  pause(ms: number): void;
}

const MACHINE: LineWriter = {
  write: writeSync,
  pause: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
};

/** Writes a whole text at once. Never throws. */
export function writeWhole(fd: number, text: string, machine: LineWriter = MACHINE): void {
  let rest: Uint8Array = Buffer.from(text);
  for (let retries = 0; rest.length > 0 && retries <= RETRIES;) {
    try {
      rest = rest.subarray(machine.write(fd, rest));
    } catch (error) {
      // A pipe that nobody reads is full only for a while; a closed one stays closed, and a gateway without a log still
      // guards its application. The wait is bounded because every heartbeat waits with it.
      if (!isFull(error)) return;
      retries += 1;
      machine.pause(RETRY_MS);
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
