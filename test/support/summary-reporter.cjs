// A reporter for people and for CI: a dot for each test, each failure in full, what did not run for want of a tool, what
// was run again, and, as the very last line of the process, `N passed, N failed`.
'use strict';
const { Dot } = require('mocha/lib/reporters/index.cjs');

/** How long after the last test the process may take to end; what still keeps it then was left open by a test. */
const LEAK_MS = 10_000;
const DID_NOT_RUN = /^did not run: /;

class SummaryReporter extends Dot {
  constructor(runner, options) {
    super(runner, options);
    const leakMs = Number(options?.reporterOptions?.leakMs ?? LEAK_MS);
    const notRun = [];
    const again = [];
    let leaks = 0;
    runner.on('pass', (test) => {
      if (DID_NOT_RUN.test(test.title)) notRun.push(test.fullTitle());
    });
    runner.on('retry', (test, error) => again.push(`${test.fullTitle()}: ${error?.message ?? 'no reason'}`));
    runner.once('end', () => {
      for (const title of notRun) console.log(`  ${title}`);
      for (const what of again) console.log(`  failed once, and was run again: ${what}`);
      // The timer itself keeps nothing alive: it fires only when something else does.
      setTimeout(() => {
        leaks = 1;
        const resources = process.getActiveResourcesInfo().join(', ');
        console.error(`\n  The tests are over, but something keeps the process: ${resources}`);
        // mocha sets the exit code when the process ends, by what it knows; this comes after it.
        process.once('exit', () => (process.exitCode = 1));
        process.exit();
      }, leakMs).unref();
    });
    process.once('exit', (code) => {
      const { passes, failures } = this.stats;
      // A run that ended badly with no failed test, or that had no test at all, is still a failure.
      const failed = failures + leaks || (code === 0 && passes > 0 ? 0 : 1);
      process.stdout.write(`\n${passes} passed, ${failed} failed\n`);
    });
  }
}

module.exports = SummaryReporter;
