import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const LEASH = fileURLToPath(new URL('./process-leash.cjs', import.meta.url));

export interface LeashedProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** null: as the user who runs the tests. */
  readonly uid: number | null;
  readonly gid: number | null;
  /** The file to which its output is appended. */
  readonly output: string;
}

export interface ProgramEnd {
  readonly status: number | null;
  readonly signal: string | null;
  /** Why it could not be started at all. */
  readonly error: string | null;
}

type Request = { readonly run: LeashedProgram } | { readonly signal: NodeJS.Signals; readonly all: boolean };
type Answer = { readonly id: number; readonly pid: number | null } | { readonly ended: ProgramEnd };

/**
 * One program at a time, and its children, which end with this process whatever becomes of it, and a folder that goes with
 * them. It keeps this process alive only while something is awaited of it.
 */
export class ProcessLeash {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (pid: number | null) => void>();
  #lastId = 0;
  #awaited = 0;
  #end: { readonly promise: Promise<ProgramEnd>; readonly resolve: (end: ProgramEnd) => void } | null = null;

  /** @param folder removed with everything in it once this process is gone, or `close` was called */
  constructor(folder: string) {
    // In a session of its own: Ctrl+C reaches the tests alone, and what runs here is then ended in order.
    this.#child = fork(LEASH, [folder], {
      execArgv: [],
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (answer) => this.#take(answer as Answer));
    this.#child.unref();
    this.#child.channel?.unref();
  }

  /** Starts a program. The one before must have ended. @returns its process id; null when it could not be started */
  async run(program: LeashedProgram): Promise<number | null> {
    let resolve: (end: ProgramEnd) => void = () => undefined;
    const promise = new Promise<ProgramEnd>((settle) => (resolve = settle));
    this.#end = { promise, resolve };
    return this.#ask({ run: program });
  }

  /** How the program ended, or will; to hear of it by and by. */
  get ended(): Promise<ProgramEnd> {
    if (this.#end === null) throw new Error('no program was started');
    return this.#end.promise;
  }

  /** Keeps this process alive until the program has ended. */
  untilEnded(): Promise<ProgramEnd> {
    return this.#held(this.ended);
  }

  /** Returns once the signal is sent. Nothing happens when no program runs. @param all its children as well */
  async signal(signal: NodeJS.Signals, all = false): Promise<void> {
    await this.#ask({ signal, all });
  }

  /** Ends the program at once and removes the folder. Idempotent. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.ref();
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }

  #ask(request: Request): Promise<number | null> {
    const id = (this.#lastId += 1);
    const answered = new Promise<number | null>((resolve) => this.#answers.set(id, resolve));
    this.#child.send({ id, ...request });
    return this.#held(answered);
  }

  #take(answer: Answer): void {
    if ('ended' in answer) this.#end?.resolve(answer.ended);
    else {
      this.#answers.get(answer.id)?.(answer.pid);
      this.#answers.delete(answer.id);
    }
  }

  async #held<T>(promise: Promise<T>): Promise<T> {
    this.#awaited += 1;
    this.#child.channel?.ref();
    try {
      return await promise;
    } finally {
      this.#awaited -= 1;
      if (this.#awaited === 0) this.#child.channel?.unref();
    }
  }
}
