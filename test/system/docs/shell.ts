import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../support/ports.ts';
import { ensureBuilt, PROGRAM } from '../../support/program.ts';
import { PROJECT } from '../../support/project.ts';
import { secretsOfKeyFile } from '../../support/known-secrets.ts';
import { toldSecrets } from '../../support/told-secrets.ts';

/** The ports that the documents and the sample files name. Each becomes a free one, and back again in what is printed. */
const PORTS = ['25090', '25091', '25092', '25190', '25191', '8080'];
const SAMPLES = ['etc', 'opt'];
const DONE = '@@ done';
/** A command that waits for what never comes is ended, and its block has failed. */
const PATIENCE_MS = 25_000;

/**
 * The shell in which a reader types a document's commands: one bash from the first block to the last, in a temporary
 * folder that looks like the checkout. It stops at the first command that fails.
 */
export class Shell {
  readonly #folder: string;
  readonly #ports: ReadonlyMap<string, string>;
  readonly #bash: ChildProcess;
  #steps = 0;
  #output = '';
  #onOutput: () => void = () => undefined;

  private constructor(
    folder: string,
    ports: ReadonlyMap<string, string>,
    environment: Readonly<Record<string, string>>,
  ) {
    this.#folder = folder;
    this.#ports = ports;
    // A group of its own: whatever a document leaves running in the background ends with its shell.
    this.#bash = spawn('bash', ['--noprofile', '--norc'], {
      cwd: folder,
      env: { ...environment, ...this.#environment() },
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#bash.stdin?.on('error', () => undefined);
    this.#bash.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#bash.on('close', () => this.#onOutput());
    // The end of the input is the end of this process, however that came about: nothing is left behind then either.
    this.#type(`exec 2>&1; trap 'trap - TERM; kill 0' EXIT; set -e`);
  }

  /** @param environment what it has besides its own */
  static async open(environment: Readonly<Record<string, string>> = {}): Promise<Shell> {
    ensureBuilt();
    const free = await freePorts(PORTS.length);
    const ports = new Map(PORTS.map((port, index) => [port, String(free[index])]));
    const folder = mkdtempSync(join(tmpdir(), 'crossdc-docs-'));
    for (const name of SAMPLES) {
      cpSync(join(PROJECT, name), join(folder, name), { recursive: true });
      replacePorts(join(folder, name), ports);
    }
    for (const name of ['dist', 'docs', 'package.json']) symlinkSync(join(PROJECT, name), join(folder, name));
    // `npx crossdc` of a checkout, without the second that npx itself takes.
    mkdirSync(join(folder, '.bin'));
    writeFileSync(
      join(folder, '.bin/npx'),
      `#!/bin/sh\n[ "$1" = crossdc ] || exit 127\nshift\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`,
    );
    chmodSync(join(folder, '.bin/npx'), 0o755);
    return new Shell(folder, ports, environment);
  }

  /** @returns what the commands printed, and whether each of them succeeded */
  async run(commands: string): Promise<{ readonly output: string; readonly isDone: boolean }> {
    this.#steps += 1;
    const script = join(this.#folder, '.bin', `${this.#steps}.sh`);
    writeFileSync(script, mapped(commands, this.#ports));
    const done = `${DONE} ${this.#steps}\n`;
    const from = this.#output.length;
    this.#type(`. '${script}' < /dev/null; printf '\\n%s' '${done}'`);
    await this.#until(() => this.#output.includes(done, from));
    const end = this.#output.indexOf(done, from);
    const back = new Map([...this.#ports].map(([documented, free]) => [free, documented]));
    return { output: mapped(this.#output.slice(from, end < 0 ? undefined : end), back), isDone: end >= 0 };
  }

  async close(): Promise<void> {
    if (this.#bash.exitCode === null && this.#bash.signalCode === null) {
      const closed = once(this.#bash, 'close');
      killGroup(this.#bash);
      await closed;
    } else killGroup(this.#bash);
    this.#hear();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** What a document prints has none of the keys that it makes. */
  #hear(): void {
    const keyFiles = readdirSync(this.#folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.keys?$/.test(name),
    );
    for (const name of keyFiles) {
      if (statSync(join(this.#folder, name)).isFile())
        toldSecrets.register(secretsOfKeyFile(name, readFileSync(join(this.#folder, name), 'utf8')));
    }
    toldSecrets.hear('what the commands of a document print', this.#output);
  }

  #environment(): Record<string, string> {
    const { PATH = '', LANG = 'C.UTF-8' } = process.env;
    return {
      PATH: `${join(this.#folder, '.bin')}:${PATH}`,
      LANG,
      HOME: this.#folder,
      CROSSDC_URL: `http://127.0.0.1:${this.#ports.get('25090') ?? ''}`,
    };
  }

  #type(line: string): void {
    this.#bash.stdin?.write(`${line}\n`);
  }

  #take(text: string): void {
    this.#output += text;
    this.#onOutput();
  }

  /** Resolves when it is so, when the shell has ended, or when patience has. */
  async #until(isSo: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS);
      this.#onOutput = (): void => {
        if (!isSo() && this.#bash.exitCode === null && this.#bash.signalCode === null) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onOutput();
    });
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}

function mapped(text: string, ports: ReadonlyMap<string, string>): string {
  return text.replaceAll(/(?<![\w.])\d{4,5}(?!\w)/g, (number) => ports.get(number) ?? number);
}

function replacePorts(folder: string, ports: ReadonlyMap<string, string>): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) replacePorts(path, ports);
    else {
      const { mode } = statSync(path);
      writeFileSync(path, mapped(readFileSync(path, 'utf8'), ports), { mode });
    }
  }
}
