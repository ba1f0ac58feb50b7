import { expect } from 'chai';
import fc from 'fast-check';
import { compareOrder, firstVersionOf, isSinceEpoch, nextNumber, nextVersion } from '../../../src/core/ordering.ts';

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

describe('nextVersion', () => {
  const NOW = Date.UTC(2026, 10, 23);

  it('is the wall time, or one more, while the home data centre owns its work for the first time', () => {
    expect(nextVersion(0, NOW, { seen: 0, epoch: 1 })).to.equal(NOW);
    expect(nextVersion(NOW + 9, NOW, { seen: NOW + 20, epoch: 1 })).to.equal(NOW + 21);
    expect(nextVersion(5, 4, { seen: 0, epoch: 0 })).to.equal(6);
  });

  it('counts on from the first of its epoch', () => {
    const first = firstVersionOf(2);
    expect(nextVersion(0, NOW, { seen: NOW, epoch: 2 })).to.equal(first);
    expect(nextVersion(first, NOW, { seen: NOW, epoch: 2 })).to.equal(first + 1);
  });

  it('of a later epoch is above all that an earlier owner accepts, however long it goes on and whatever its clock says', () => {
    const epochs = fc.integer({ min: 0, max: 524_029 });
    const posts = fc.integer({ min: 1, max: 2 ** 34 });
    const clock = fc.double({ min: 0, max: 2 ** 52, noNaN: true });
    fc.assert(
      fc.property(epochs, epochs, posts, fc.tuple(clock, clock), (one, other, count, [hisClock, ourClock]) => {
        fc.pre(one !== other);
        const [lower, higher] = one < other ? [one, other] : [other, one];
        fc.pre(higher > 1);
        const first = nextVersion(0, hisClock, { seen: 0, epoch: lower });
        const last = nextVersion(first + count - 2, hisClock, { seen: 0, epoch: lower });
        expect(nextVersion(0, ourClock, { seen: 0, epoch: higher })).to.be.greaterThan(last);
      }),
    );
  });

  it('stays a safe integer, with room above it, whatever the epoch', () => {
    expect(firstVersionOf(524_030)).to.equal(firstVersionOf(524_029) + 2 ** 34);
    for (const epoch of [524_030, 524_031, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      expect(firstVersionOf(epoch)).to.equal(firstVersionOf(524_030));
      expect(Number.isSafeInteger(firstVersionOf(epoch) + 2 ** 34)).to.equal(true);
    }
  });
});

describe('isSinceEpoch', () => {
  it('tells what was accepted under an epoch from what was before it', () => {
    for (const epoch of [1, 2, 3, 524_030]) {
      const version = firstVersionOf(epoch) + 5;
      expect(isSinceEpoch(version, epoch)).to.equal(true);
      expect(isSinceEpoch(version, epoch + 1)).to.equal(epoch >= 524_030);
      if (epoch > 1) expect(isSinceEpoch(version, epoch - 1)).to.equal(true);
    }
    // Beyond, nothing tells them apart: whoever must not lose anything takes it for one of this epoch.
    expect(isSinceEpoch(firstVersionOf(600_000), 900_000)).to.equal(true);
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
