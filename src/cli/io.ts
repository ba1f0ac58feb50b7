import type { Readable, Writable } from 'node:stream';
import { CliError, EXIT } from './exit-status.ts';

/** What a command may touch of its process, so that a test can stand in for all of it. */
export interface CliIo {
  /** Results, and nothing else. */
  readonly stdout: OutputStream;
  /** Progress and errors. */
  readonly stderr: OutputStream;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970: ages are shown with it, nothing is decided by it. */
  wallMs(): number;
  /** Resolves after `ms`, or at once when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * Aborted by the first SIGINT, SIGTERM or SIGHUP from now on; the second ends the process at once. A command that
   * does not ask for it dies of the first, as any program does.
   */
  interruption(): AbortSignal;
}

export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Resolves when the stream takes more, so that a slow reader bounds our memory. */
export async function write(stream: OutputStream, text: string | Uint8Array): Promise<void> {
  if (stream.write(text)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: Error): void => {
      for (const name of ['drain', 'close', 'error']) stream.off(name, settle);
      if (error === undefined) resolve();
      else reject(error);
    };
    for (const name of ['drain', 'close', 'error']) stream.on(name, settle);
  });
}

/** One line of a result. */
export async function writeLine(stream: OutputStream, line: string): Promise<void> {
  await write(stream, `${line}\n`);
}

/** A program's form of a result: one document, readable for people too. */
export async function writeJson(stream: OutputStream, value: unknown): Promise<void> {
  await write(stream, `${JSON.stringify(value, null, 2)}\n`);
}

/** Whether a signal has come by now; a function, because the compiler takes a property that it has seen for constant. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** @throws CliError when a signal has come: what is half done is taken back on the way out */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new CliError(EXIT.failed, 'interrupted');
}
