// Compiles src/ into dist/ whole: into a fresh folder first, then swapped in, so that a build that fails leaves the old
// one, and a `crossdc` that starts meanwhile sees one build or the other.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** Null where only the packages for running were installed; the compiler alone may be there even so, as another's peer. */
function findCompiler() {
  const { resolve } = createRequire(import.meta.url);
  try {
    resolve('@types/node/package.json');
    return join(dirname(resolve('typescript/package.json')), 'bin/tsc');
  } catch {
    return null;
  }
}

function build(compiler) {
  // Beside dist/ and not in /tmp: a rename works only within one file system.
  const work = mkdtempSync(join(root, '.build-'));
  try {
    const fresh = join(work, 'fresh');
    execFileSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh], {
      stdio: 'inherit',
    });
    const openapi = join(root, 'docs/openapi.json');
    if (existsSync(openapi)) cpSync(openapi, join(fresh, 'openapi.json'));
    chmodSync(join(fresh, 'cli/crossdc.cjs'), 0o755);
    if (existsSync(dist)) renameSync(dist, join(work, 'old'));
    renameSync(fresh, dist);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const compiler = findCompiler();
if (compiler !== null) {
  try {
    build(compiler);
  } catch (error) {
    // The compiler has already printed what is wrong; anything else is said here.
    if (error.status === undefined) throw error;
    process.exitCode = 1;
  }
} else if (existsSync(join(dist, 'cli/crossdc.cjs'))) {
  console.log('the packages for building are not installed (--omit=dev): dist/ is left as it is');
} else {
  console.error('the packages for building are not installed (--omit=dev), and there is no dist/: run `npm ci` first');
  process.exitCode = 1;
}
