import { expect } from 'chai';
import fc from 'fast-check';
import { backoffMs } from '../../../src/core/backoff.ts';

const BOUNDS = { firstMs: 100, mostMs: 5000 };

describe('backoffMs', () => {
  const rules: [failures: number, random: number, ms: number][] = [
    [1, 0, 50],
    [1, 0.5, 75],
    [2, 0, 100],
    [3, 0.5, 300],
    [6, 0, 1600],
    [7, 0, 2500],
    [1000, 0, 2500],
  ];
  for (const [failures, random, ms] of rules) {
    it(`waits ${ms} ms after ${failures} failures with the jitter at ${random}`, () => {
      expect(backoffMs(failures, BOUNDS, random)).to.equal(ms);
    });
  }

  it('never waits less than half of its step nor more than the bound, after any number of failures', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), random, (failures, jitter) => {
        expect(backoffMs(failures, BOUNDS, jitter)).to.be.within(50, BOUNDS.mostMs);
      }),
    );
  });
});
