// Compiles sources and tests side by side into .build-coverage/, which looks like the project to them. Coverage measured
// through a loader that compiles on the fly reports branches that are none; measured on compiled files and mapped back,
// it is right.
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, '.build-coverage');
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const COMPILED = new Set(['src', 'test', 'coverage', '.git', 'node_modules']);

rmSync(out, { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.coverage.json')], { stdio: 'inherit' });
// What the tests read besides code: fixtures, and the files of the project itself.
cpSync(join(root, 'test'), join(out, 'test'), { recursive: true, filter: (path) => extname(path) !== '.ts' });
for (const name of readdirSync(root)) {
  if (!COMPILED.has(name) && !name.startsWith('.build-')) symlinkSync(join(root, name), join(out, name));
}
