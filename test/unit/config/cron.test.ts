import { expect } from 'chai';
import fc from 'fast-check';
import { createTask } from 'node-cron';
import { cronProblem } from '../../../src/config/cron.ts';

describe('the check of a cron expression', () => {
  for (const right of [
    '* * * * *',
    '*/5 * * * *',
    '*/10 * * * * *',
    '0 3 * * *',
    '1-5/2 * * * *',
    '0 0 * * mon-fri',
    '0 0 1 jan,JUL *',
    '0 0 L * *',
    '0 0 L-3 * *',
    '0 0 LW * *',
    '0 0 15W * *',
    '0 0 ? * 5#2',
    '0 0 * * 5L',
    '0 0 * * 7',
    '0 0 * * 1-7',
    '0,30 8-18 * * *',
    '@hourly',
    '@Daily',
  ]) {
    it(`takes ${right}`, () => {
      expect(cronProblem(right)).to.equal(null);
    });
  }

  for (const [wrong, why] of [
    ['*/999 * * * *', /minute .*the step must be 1 to 59/],
    ['*/0 * * * *', /the step must be/],
    ['5-1 * * * *', /minute "5-1": the range must go upwards/],
    ['0 22-2 * * *', /hour .*upwards/],
    ['0 0 * * fri-mon', /day of the week .*upwards/],
    ['60 * * * *', /must lie in 0 to 59/],
    ['* 24 * * *', /must lie in 0 to 23/],
    ['* * 0 * *', /must lie in 1 to 31/],
    ['* * * 13 *', /must lie in 1 to 12/],
    ['* * * * 8', /must lie in 0 to 7/],
    ['0 0 32W * *', /day of the month/],
    ['0 0 * * 5#6', /day of the week/],
    ['5/15 * * * *', /a step needs a range/],
    ['1,2,,3 * * * *', /must be a number/],
    ['1-2-3 * * * *', /must be a number/],
    ['* * * *', /must have 5 fields/],
    ['* * * * * * *', /must have 5 fields/],
    ['H * * * *', /must lie in/],
    ['-5 * * * *', /must lie in/],
    ['0 0 31 2 *', /must name a time that comes/],
    ['@never', /must have 5 fields/],
  ] as const) {
    it(`refuses ${wrong}`, () => {
      expect(cronProblem(wrong)).to.match(why);
    });
  }

  it('never throws, and takes nothing that the library would not run', () => {
    const field = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789*/-,?LW#an')),
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(field, fc.constant('*')), { minLength: 4, maxLength: 7 }), (fields) => {
        const expression = fields.join(' ');
        if (cronProblem(expression) === null) createTask(expression, () => undefined);
      }),
      { numRuns: 500 },
    );
  });
});
