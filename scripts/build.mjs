// Compiles src/ into dist/ whole: into a fresh folder first, then swapped in, so that a running `crossdc` never sees half a build.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const fresh = mkdtempSync(join(root, '.build-'));
try {
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh], { stdio: 'inherit' });
  const openapi = join(root, 'docs/openapi.json');
  if (existsSync(openapi)) cpSync(openapi, join(fresh, 'openapi.json'));
  const main = join(fresh, 'cli/main.js');
  if (existsSync(main)) chmodSync(main, 0o755);
  const dist = join(root, 'dist');
  rmSync(dist, { recursive: true, force: true });
  chmodSync(fresh, 0o755);
  renameSync(fresh, dist);
} catch (error) {
  rmSync(fresh, { recursive: true, force: true });
  // tsc has already printed what is wrong; anything else is said here.
  if (error.status === undefined) throw error;
  process.exit(1);
}
