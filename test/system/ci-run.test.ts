import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { installedTools, PROJECT } from '../support/project.ts';
import { runTool } from '../support/tools.ts';

/** `.ci/run` with an npm of our own, which plays what the tests and the checks may come to. */
describe('.ci/run', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-ci-'));
    mkdirSync(join(folder, '.ci'));
    mkdirSync(join(folder, 'bin'));
    copyFileSync(join(PROJECT, '.ci/run'), join(folder, '.ci/run'));
    // With every program there nothing is installed.
    for (const tool of installedTools()) program(tool, 'exit 0');
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function program(name: string, script: string): void {
    const path = join(folder, 'bin', name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }

  function run(npm: { readonly ci?: string; readonly test: string; readonly check?: string }): {
    readonly status: number;
    readonly lastLine: string | undefined;
  } {
    const script = `case "$*" in ci) ${npm.ci ?? 'exit 0'};; test) ${npm.test};; 'run check') ${npm.check ?? 'exit 0'};; *) exit 99;; esac`;
    program('npm', script);
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}` };
    const { status, stdout } = runTool('bash', [join(folder, '.ci/run')], { cwd: tmpdir(), env });
    return { status, lastLine: stdout.trimEnd().split('\n').at(-1) };
  }

  it('ends with the numbers of the tests, where the checks are one more', () => {
    expect(run({ test: 'echo; echo "12 passed, 0 failed"' })).to.deep.equal({
      status: 0,
      lastLine: '13 passed, 0 failed',
    });
  });

  it('fails when a test fails, and still runs the checks', () => {
    const result = run({ test: 'echo "11 passed, 1 failed"; exit 1', check: 'exit 1' });
    expect(result).to.deep.equal({ status: 1, lastLine: '11 passed, 2 failed' });
  });

  it('fails when the checks fail', () => {
    const result = run({ test: 'echo "12 passed, 0 failed"', check: 'echo "src/x.ts: error"; exit 2' });
    expect(result).to.deep.equal({ status: 1, lastLine: '12 passed, 1 failed' });
  });

  it('fails when the tests never came to a summary', () => {
    expect(run({ test: 'exit 0' })).to.deep.equal({ status: 1, lastLine: '1 passed, 1 failed' });
    expect(run({ test: 'kill -9 $$' })).to.deep.equal({ status: 1, lastLine: '1 passed, 1 failed' });
  });

  it('fails when the tests end badly after a good summary', () => {
    expect(run({ test: 'echo "12 passed, 0 failed"; exit 1' })).to.deep.equal({
      status: 1,
      lastLine: '13 passed, 1 failed',
    });
  });

  it('fails when nothing could be installed', () => {
    const result = run({ ci: 'exit 1', test: 'echo "12 passed, 0 failed"' });
    expect(result).to.deep.equal({ status: 1, lastLine: '1 passed, 1 failed' });
  });
});
