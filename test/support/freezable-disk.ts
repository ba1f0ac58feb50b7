import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import type { Stage } from './stage.ts';

/** Small, and yet with room for a journal. */
const SIZE = 24 << 20;

/** A disk that can hang, really: who writes to it while it is frozen stands still in the kernel, and cannot be killed. */
export class FreezableDisk {
  readonly folder: string;
  #holder: { readonly release: () => void; readonly gone: Promise<unknown> } | null = null;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Goes with the test. @throws Error when nothing may be mounted here */
  static mount(stage: Stage, folder: string): FreezableDisk {
    mount(folder);
    const disk = new FreezableDisk(folder);
    stage.after(() => unmount(folder));
    return disk;
  }

  /** Whether this machine lets us make such a disk: to be asked before a suite, as a suite cannot be left out later. */
  static isPossible(): boolean {
    const folder = join(tmpdir(), `crossdc-freeze-${process.pid}`);
    try {
      mount(folder);
      try {
        run('fsfreeze', '-f', folder);
        run('fsfreeze', '-u', folder);
      } finally {
        unmount(folder);
      }
      return true;
    } catch {
      return false;
    } finally {
      rmSync(folder, { recursive: true, force: true });
      rmSync(imageOf(folder), { force: true });
    }
  }

  /** Until `thaw`, or the end of this process: nothing may stand still for ever. */
  async freeze(): Promise<void> {
    const holder = spawn('sh', ['-c', 'fsfreeze -f "$0" && echo frozen && cat; fsfreeze -u "$0"', this.folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const gone = once(holder, 'close');
    this.#holder = { release: () => holder.stdin.end(), gone };
    const early = gone.then(() => Promise.reject(new Error(`${this.folder} could not be frozen`)));
    await Promise.race([once(holder.stdout, 'data'), early]);
    early.catch(() => undefined);
  }

  /** Idempotent. Must come before the end of whoever stands still. */
  async thaw(): Promise<void> {
    this.#holder?.release();
    await this.#holder?.gone;
    this.#holder = null;
  }
}

/** The file that is the disk. */
function imageOf(folder: string): string {
  return `${folder}.image`;
}

function mount(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(imageOf(folder), Buffer.alloc(SIZE));
  run('mkfs.ext4', '-q', '-F', imageOf(folder));
  run('mount', '-o', 'loop', imageOf(folder), folder);
}

function unmount(folder: string): void {
  run('umount', '-l', folder);
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe' });
}
