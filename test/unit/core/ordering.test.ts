import { expect } from 'chai';
import fc from 'fast-check';
import { compareOrder, nextNumber } from '../../../src/core/ordering.ts';

describe('nextNumber', () => {
  const rules: [name: string, last: number, wallMs: number, seen: number, next: number][] = [
    ['is the wall time when nothing was before', 0, 1_700_000_000_000.9, 0, 1_700_000_000_000],
    ['is one more than the last when the clock went back', 1_700_000_000_000, 5, 0, 1_700_000_000_001],
    ['is one more than what a peer has seen when our own state was lost', 0, 5, 900, 901],
    ['is the greatest of the three', 10, 20, 30, 31],
    ['grows within one millisecond', 20, 20, 0, 21],
  ];
  for (const [name, last, wallMs, seen, next] of rules) {
    it(name, () => expect(nextNumber(last, wallMs, seen)).to.equal(next));
  }

  it('always grows, is always whole, and is always beyond what anybody saw', () => {
    const whole = fc.integer({ min: 0, max: 2 ** 52 });
    fc.assert(
      fc.property(whole, fc.double({ min: 0, max: 2 ** 52, noNaN: true }), whole, (last, wallMs, seen) => {
        const next = nextNumber(last, wallMs, seen);
        expect(next).to.be.greaterThan(last);
        expect(next).to.be.greaterThan(seen);
        expect(Number.isSafeInteger(next)).to.equal(true);
      }),
    );
  });
});

describe('compareOrder', () => {
  const of = (incarnation: number, heartbeatCnt: number) => ({ incarnation, heartbeatCnt });
  const rules: [name: string, a: ReturnType<typeof of>, b: ReturnType<typeof of>, sign: number][] = [
    ['puts the later run last, whatever its count', of(1, 900), of(2, 1), -1],
    ['puts the greater count of one run last', of(2, 5), of(2, 4), 1],
    ['knows one message again', of(2, 5), of(2, 5), 0],
  ];
  for (const [name, a, b, sign] of rules) {
    it(name, () => {
      expect(Math.sign(compareOrder(a, b))).to.equal(sign);
      expect(Math.sign(compareOrder(b, a)) + sign).to.equal(0);
    });
  }
});
