import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './stage.ts';

const SIZE = 4 << 20;

/** A small disk of its own, which a test may fill or make read-only. */
export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Goes with the test. @throws Error when nothing may be mounted here */
  static mount(stage: Stage, folder: string): SmallDisk {
    if (!mount(folder)) throw new Error(`no disk could be mounted on ${folder}`);
    stage.after(() => unmount(folder));
    return new SmallDisk(folder);
  }

  /** Whether this machine lets us mount anything: to be asked before a suite, as a suite cannot be left out later. */
  static isPossible(): boolean {
    const folder = join('/tmp', `crossdc-mount-${process.pid}`);
    const can = mount(folder);
    if (can) unmount(folder);
    rmSync(folder, { recursive: true, force: true });
    return can;
  }

  /** Shows a folder in a second place, where nothing can be written. */
  static showReadOnly(stage: Stage, from: string, to: string): void {
    mkdirSync(to, { recursive: true });
    execFileSync('mount', ['--bind', from, to], { stdio: 'pipe' });
    stage.after(() => unmount(to));
    execFileSync('mount', ['-o', 'remount,ro,bind', to], { stdio: 'pipe' });
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }

  /** Not one page is left. */
  fill(): void {
    for (const piece of [1 << 20, 1 << 16, 4096]) {
      try {
        for (;;) writeFileSync(this.#ballast, Buffer.alloc(piece), { flag: 'a' });
      } catch {
        // Full, up to the size of a piece.
      }
    }
  }

  free(): void {
    rmSync(this.#ballast);
  }

  /** Only while nobody has a file of it open for writing. */
  makeReadOnly(): void {
    execFileSync('mount', ['-o', 'remount,ro', this.folder], { stdio: 'pipe' });
  }

  makeWritable(): void {
    execFileSync('mount', ['-o', 'remount,rw', this.folder], { stdio: 'pipe' });
  }
}

function mount(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

function unmount(folder: string): void {
  execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
}
