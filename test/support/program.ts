import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { secretsOfArguments } from './known-secrets.ts';
import { toldSecrets } from './told-secrets.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = join(ROOT, 'dist');

/** The compiled program, as it is installed. */
export const PROGRAM = join(DIST, 'cli/crossdc.cjs');
/** Ends a gateway with the process that started it, however that one ended: a killed test run leaves no orphan. */
export const LEASH = join(DIST, 'cli/demo/leash.js');

let isFresh = false;

/** Compiles when dist is missing or older than a source; looks once in a run of the tests. */
export function ensureBuilt(): void {
  if (isFresh) return;
  const builtAt = existsSync(PROGRAM) ? statSync(DIST).mtimeMs : -Infinity;
  if (newestIn(join(ROOT, 'src')) > builtAt) {
    execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], { stdio: 'inherit' });
  }
  isFresh = true;
}

function newestIn(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs an operator command, `crossdc …`, to its end. */
export function crossdc(...args: readonly string[]): Promise<CommandResult> {
  ensureBuilt();
  toldSecrets.register(secretsOfArguments(args));
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], (error, stdout, stderr) => {
      toldSecrets.hear(`stdout of crossdc ${args[0] ?? ''}`, stdout);
      toldSecrets.hear(`stderr of crossdc ${args[0] ?? ''}`, stderr);
      resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}
