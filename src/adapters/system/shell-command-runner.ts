import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { CommandOutcome } from '../../core/events.ts';
import { messageOf } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CommandRunner } from '../../ports/hooks.ts';
import { KIB, SECOND_MS } from '../../units.ts';
import { commandEnvironment } from './command-environment.ts';
import { OutputTail } from './output-tail.ts';

const OUTPUT_BYTES = 4 * KIB;
/** How long after a command's end its last output may still come through the pipe. */
const LAST_OUTPUT_MS = 250;
/** How often a process group that was told to end is looked at. */
const GROUP_LOOK_MS = 50;

export interface ShellCommandRunnerOptions {
  readonly clock: Clock;
  /** What the command inherits, less our secrets. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** From SIGTERM to SIGKILL; a longer time lets a command tidy up, a shorter one ends a stuck one sooner. */
  readonly killAfterMs?: number;
}

type CommandResult = Awaited<ReturnType<CommandRunner['run']>>;
interface Exit {
  readonly kind: 'exit';
  readonly code: number | null;
  readonly signal: string | null;
}
interface NotStarted {
  readonly kind: 'not-started';
  readonly error: unknown;
}

/** A command that was started, as far as anybody knows before its first event. */
interface Started {
  readonly child: ChildProcess;
  readonly output: OutputTail;
  readonly ended: Promise<Exit | NotStarted>;
  /** Ended, and nobody holds its pipes any more. */
  readonly closed: Promise<void>;
}

/** Why we ended a command; null when it ended by itself. */
type Cut = 'timed out' | 'stopped with the gateway' | null;

/**
 * Runs commands with /bin/sh, each in a process group of its own, so that a timeout reaches what the command started.
 * A command that ended by itself may leave programs running in the background; they are not touched and not waited for.
 */
export class ShellCommandRunner implements CommandRunner {
  readonly #clock: Clock;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #killAfterMs: number;

  constructor({ clock, environment = process.env, killAfterMs = 10 * SECOND_MS }: ShellCommandRunnerOptions) {
    this.#clock = clock;
    this.#environment = environment;
    this.#killAfterMs = killAfterMs;
  }

  async run(
    command: string,
    variables: Readonly<Record<string, string>>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CommandResult> {
    if (signal.aborted) return notStarted('the gateway is stopping');
    let started: Started;
    try {
      started = start(command, commandEnvironment(this.#environment, variables));
    } catch (error) {
      return notStarted(messageOf(error));
    }
    const { child, ended, closed, output } = started;
    const first = await this.#firstOf(ended, timeoutMs, signal);
    const cut: Cut = first === null ? cutReason(signal) : null;
    const ending = first ?? (await this.#endGroup(child, ended));
    if (ending?.kind === 'not-started') return notStarted(messageOf(ending.error));
    await this.#firstOf(closed, LAST_OUTPUT_MS, signal);
    letGo(child.stdout);
    letGo(child.stderr);
    return resultOf(ending, cut, output.text());
  }

  /** What came within the time, or null when the time ran out or the signal was aborted first. */
  async #firstOf<T>(event: Promise<T>, ms: number, signal: AbortSignal): Promise<T | null> {
    const settled = new AbortController();
    const onAbort = (): void => settled.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) settled.abort();
    try {
      return await Promise.race([event, this.#clock.sleep(ms, settled.signal).then(() => null)]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      settled.abort();
    }
  }

  /**
   * SIGTERM to the group, then, to whatever is still in it, SIGKILL: the shell may be gone long before its children.
   * Null when even that did not end it, as with a process that hangs in a system call: nobody waits for it any longer.
   */
  async #endGroup(child: ChildProcess, ended: Started['ended']): Promise<Exit | NotStarted | null> {
    const { signal: never } = new AbortController();
    const deadline = this.#clock.now() + this.#killAfterMs;
    signalGroup(child, 'SIGTERM');
    await this.#firstOf(ended, this.#killAfterMs, never);
    while (signalGroup(child, 0) && this.#clock.now() < deadline) await this.#clock.sleep(GROUP_LOOK_MS, never);
    signalGroup(child, 'SIGKILL');
    return this.#firstOf(ended, this.#killAfterMs, never);
  }
}

/** @throws what spawn throws at once, as for a NUL in the command */
function start(command: string, env: Record<string, string>): Started {
  const child = spawn('/bin/sh', ['-c', command], { detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new OutputTail(OUTPUT_BYTES);
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Uint8Array) => output.add(chunk));
    // What cannot be read is missing in the detail; the command goes on.
    stream.on('error', () => undefined);
  }
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { child, output, ended: endingOf(child), closed };
}

function cutReason(signal: AbortSignal): Cut {
  return signal.aborted ? 'stopped with the gateway' : 'timed out';
}

function endingOf(child: ChildProcess): Started['ended'] {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      // With a process id the command runs, and the error is of something else: its end is still to come.
      if (child.pid === undefined) resolve({ kind: 'not-started', error });
    });
    child.once('exit', (code, signal) => resolve({ kind: 'exit', code, signal }));
  });
}

/** Whether the group still had a process that took the signal; 0 only asks. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}

/**
 * A program that the command left in the background may hold the pipe for years. Closing our end would kill it at its
 * next line (SIGPIPE), perhaps the very application that was just started; so it is read on, thrown away, and keeps
 * nobody from exiting.
 */
function letGo(stream: Readable | null): void {
  if (stream === null) return;
  stream.removeAllListeners('data');
  stream.resume();
  if (stream instanceof Socket) stream.unref();
}

function notStarted(detail: string): CommandResult {
  return { outcome: 'not-started', exitStatus: null, detail };
}

/** A command that we cut did not succeed, whatever status it gave on its way out. */
function resultOf(exit: Exit | null, cut: Cut, output: string): CommandResult {
  const what = cut === null ? howItEnded(exit) : `${cut}, ${howItEnded(exit)}`;
  return {
    outcome: outcomeOf(exit, cut),
    exitStatus: exit?.code ?? null,
    detail: output === '' ? what : `${what}: ${output}`,
  };
}

function howItEnded(exit: Exit | null): string {
  if (exit === null) return 'did not end even by SIGKILL';
  return exit.code === null ? `ended by ${exit.signal ?? 'a signal'}` : `exit status ${String(exit.code)}`;
}

function outcomeOf(exit: Exit | null, cut: Cut): CommandOutcome {
  if (cut === 'timed out') return 'timed-out';
  return cut === null && exit?.code === 0 ? 'succeeded' : 'failed';
}
