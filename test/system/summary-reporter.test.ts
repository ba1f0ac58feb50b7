import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { PROJECT } from '../support/project.ts';
import { runTool, type ToolResult } from '../support/tools.ts';

const MOCHA = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin/mocha.js');

describe('the summary of the tests', () => {
  let folder: string;

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'crossdc-reporter-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function mocha(suite: string): ToolResult & { readonly lastLine: string | undefined } {
    const file = join(folder, 'planted.mjs');
    writeFileSync(file, suite);
    const reporter = join(PROJECT, 'test/support/summary-reporter.cjs');
    const args = [
      MOCHA,
      '--no-config',
      '--forbid-pending',
      '--reporter',
      reporter,
      '--reporter-option',
      'leakMs=300',
      file,
    ];
    const result = runTool(process.execPath, args, { cwd: PROJECT });
    return { ...result, lastLine: result.output.trimEnd().split('\n').at(-1) };
  }

  it('is the last line, and good when nothing failed', () => {
    expect(mocha("it('a', () => {}); it('b', () => {});")).to.include({ status: 0, lastLine: '2 passed, 0 failed' });
  });

  it('counts a failed test and a failed hook, and shows why', () => {
    const result = mocha(
      "it('a', () => { throw new Error('because'); }); describe('x', () => { before(() => { throw 1; }); it('b'); });",
    );
    expect(result.status).not.to.equal(0);
    expect(result.lastLine).to.equal('0 passed, 2 failed');
    expect(result.output).to.include('because');
  });

  it('counts a skipped test as failed', () => {
    expect(mocha("it('a', () => {}); it.skip('b', () => {});").lastLine).to.equal('1 passed, 1 failed');
  });

  it('is bad when there was nothing to run', () => {
    expect(mocha('').lastLine).to.equal('0 passed, 1 failed');
  });

  it('names what failed once and was run again, and counts it as what came of it', () => {
    const suite = "let n = 0; it('a', function () { this.retries(1); n += 1; if (n === 1) throw new Error('late'); });";
    const result = mocha(suite);
    expect(result).to.include({ status: 0, lastLine: '1 passed, 0 failed' });
    expect(result.output).to.include('  failed once, and was run again: a: late\n');
  });

  it('names what did not run for want of a tool', () => {
    const { output } = mocha("describe('metrics', () => it('did not run: promtool is not installed', () => {}));");
    expect(output).to.include('  metrics did not run: promtool is not installed\n');
  });

  it('ends a run that a test keeps alive, names what keeps it, and calls it a failure', () => {
    const result = mocha("it('a', () => { setInterval(() => {}, 1000); });");
    expect(result.status).not.to.equal(0);
    expect(result.output).to.match(/something keeps the process: .*Timeout/);
    expect(result.output).to.include('1 passed, 1 failed');
  });
});
