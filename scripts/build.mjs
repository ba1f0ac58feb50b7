// Makes dist/ of src/ whole: into a fresh folder first, then swapped in, so that a build that fails leaves the old one,
// and a `crossdc` that starts meanwhile sees one build or the other. Types are checked elsewhere (`npm run types`).
//
// The modules of the program and of its packages go together into few files, one for each part that is loaded at its own
// time: a gateway starts in half the time that it takes to read them one by one. pg alone is read where npm put it.
import { chmodSync, copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** Files that are started by themselves; their places in dist/ are those in src/. */
const STARTED = ['cli/main.ts', 'cli/demo/application.ts', 'cli/demo/leash.ts'];
const COMMAND = 'cli/crossdc.cts';

/** Null where only the packages for running were installed. */
async function findBundler() {
  try {
    return await import('esbuild');
  } catch {
    return null;
  }
}

async function build(bundler) {
  // Beside dist/ and not in /tmp: a rename works only within one file system.
  const work = mkdtempSync(join(root, '.build-'));
  try {
    const fresh = join(work, 'fresh');
    const source = join(root, 'src');
    const common = {
      outdir: fresh,
      outbase: source,
      bundle: true,
      platform: 'node',
      target: 'node20',
      sourcemap: true,
      sourcesContent: false,
      logLevel: 'warning',
    };
    await bundler.build({
      ...common,
      entryPoints: STARTED.map((path) => join(source, path)),
      format: 'esm',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      // The database's client is loaded by those who use it, and replaced by nobody but the tests that count its statements.
      external: ['pg'],
      // Packages that are no ES modules ask for Node.js's own by require().
      banner: {
        js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
      },
    });
    await bundler.build({
      ...common,
      entryPoints: [join(source, COMMAND)],
      format: 'cjs',
      outExtension: { '.js': '.cjs' },
      plugins: [
        {
          name: 'the program that the command starts is a file of its own',
          setup: ({ onResolve }) =>
            onResolve({ filter: /^\.\/main\.ts$/ }, () => ({ path: './main.js', external: true })),
        },
      ],
    });
    copyFileSync(join(root, 'docs/openapi.json'), join(fresh, 'openapi.json'));
    chmodSync(join(fresh, 'cli/crossdc.cjs'), 0o755);
    if (existsSync(dist)) renameSync(dist, join(work, 'old'));
    renameSync(fresh, dist);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const bundler = await findBundler();
if (bundler !== null) {
  try {
    await build(bundler);
  } catch (error) {
    // The bundler has already printed what is wrong; anything else is said here.
    if (error.errors === undefined) throw error;
    process.exitCode = 1;
  }
} else if (existsSync(join(dist, 'cli/crossdc.cjs'))) {
  console.log('the packages for building are not installed (--omit=dev): dist/ is left as it is');
} else {
  console.error('the packages for building are not installed (--omit=dev), and there is no dist/: run `npm ci` first');
  process.exitCode = 1;
}
