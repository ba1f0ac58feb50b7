import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { programModule } from '../../package-files.ts';

/** How a child ended: its exit status, or the signal that ended it. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One child process of the demo; its output goes to a file. */
export class Child {
  /** For people: "gateway of dc1". */
  readonly name: string;
  readonly logFile: string;
  readonly process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #startError: Error | null = null;
  /** The demo ended it, or asked it to end: its end is no surprise. */
  isExpectedToEnd = false;

  constructor(name: string, logFile: string, child: ChildProcess) {
    this.name = name;
    this.logFile = logFile;
    this.process = child;
    child.on('error', (error) => {
      this.#startError = error;
    });
    this.#closed = Promise.race([once(child, 'exit'), once(child, 'error')]).catch(() => undefined);
  }

  /** null while it runs. */
  get ended(): Ended | null {
    const { exitCode, signalCode } = this.process;
    if (exitCode === null && signalCode === null && this.#startError === null) return null;
    return { status: exitCode, signal: signalCode };
  }

  send(signal: NodeJS.Signals): void {
    this.isExpectedToEnd = true;
    if (this.ended === null) this.process.kill(signal);
  }

  async untilEnded(): Promise<Ended> {
    if (this.ended === null) await this.#closed;
    return this.ended ?? { status: null, signal: null };
  }
}

export function endedText({ status, signal }: Ended): string {
  return signal === null ? `exit status ${String(status)}` : signal;
}

const STOP_MS = 5000;

/** Every child that the demo ever started, so that none outlives it. */
export class Children {
  readonly #all: Child[] = [];

  /** The same program that runs this demo, as `crossdc run --config FILE`. */
  startGateway(name: string, configFile: string, logFile: string): Child {
    const args = [
      '--import',
      programModule('cli/demo/leash').href,
      fileURLToPath(programModule('cli/main')),
      'run',
      '--config',
      configFile,
    ];
    return this.#start(name, args, { logFile, hasChannel: false });
  }

  startApplication(name: string, args: readonly string[], logFile: string): Child {
    return this.#start(name, [fileURLToPath(programModule('cli/demo/application')), ...args], {
      logFile,
      hasChannel: true,
    });
  }

  /** A child that ended without having been asked to; the demo cannot go on. */
  findDead(): Child | undefined {
    return this.#all.find((child) => child.ended !== null && !child.isExpectedToEnd);
  }

  get running(): readonly Child[] {
    return this.#all.filter((child) => child.ended === null);
  }

  /** Every log there is, the newest last. */
  get logFiles(): readonly string[] {
    return [...new Set(this.#all.map((child) => child.logFile))];
  }

  /** Asks all to end, and after a while does not ask any more. */
  async stopAll(): Promise<void> {
    for (const child of this.running) child.send('SIGTERM');
    const timer = setTimeout(() => this.killNow(), STOP_MS);
    await Promise.all(this.#all.map((child) => child.untilEnded()));
    clearTimeout(timer);
  }

  /** For the way out of a process that cannot wait. */
  killNow(): void {
    for (const child of this.running) child.send('SIGKILL');
  }

  #start(name: string, args: readonly string[], options: { logFile: string; hasChannel: boolean }): Child {
    const log = openSync(options.logFile, 'a');
    const stdio: StdioOptions = options.hasChannel ? ['ignore', log, log, 'ipc'] : ['pipe', log, log];
    const child = spawn(process.execPath, [...process.execArgv, ...args], {
      env: ownEnvironment(process.env),
      stdio,
      // A group of its own: Ctrl-C reaches the demo alone, which then stops everything in order.
      detached: true,
    });
    closeSync(log);
    // The end of the pipe tells the child that we are gone; a child that is gone is told by its exit.
    child.stdin?.on('error', () => undefined);
    const started = new Child(name, options.logFile, child);
    this.#all.push(started);
    return started;
  }
}

/** What the shell has set for a gateway of its own must not reach the demo's. */
function ownEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('CROSSDC_')));
}
