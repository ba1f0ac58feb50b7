import { expect } from 'chai';
import fc from 'fast-check';
import { matchesEtag, parseRange } from '../../../../src/adapters/local-api/byte-range.ts';

const part = (start: number, end: number): object => ({ kind: 'part', range: { start, end } });
const whole = { kind: 'whole' };
const unsatisfiable = { kind: 'unsatisfiable' };

describe('a range of bytes', () => {
  const cases: [header: string | undefined, bytes: number, expected: object][] = [
    [undefined, 10, whole],
    ['', 10, whole],
    ['bytes=0-0', 10, part(0, 0)],
    ['bytes=0-', 10, part(0, 9)],
    ['bytes=9-', 10, part(9, 9)],
    ['bytes=10-', 10, unsatisfiable],
    ['bytes=3-99999999999999999999', 10, part(3, 9)],
    ['bytes=99999999999999999999-', 10, unsatisfiable],
    ['bytes=-3', 10, part(7, 9)],
    ['bytes=-11', 10, part(0, 9)],
    ['bytes=-0', 10, unsatisfiable],
    ['bytes=5-4', 10, whole],
    ['bytes=-', 10, whole],
    ['bytes=a-b', 10, whole],
    ['bytes=0-1,3-4', 10, whole],
    ['items=0-1', 10, whole],
    ['BYTES = 1-2', 10, part(1, 2)],
    ['bytes=0-', 0, unsatisfiable],
    ['bytes=-5', 0, whole],
  ];
  for (const [header, bytes, expected] of cases) {
    it(`of ${String(header)} in ${String(bytes)} bytes is ${JSON.stringify(expected)}`, () => {
      expect(parseRange(header, bytes)).to.deep.equal(expected);
    });
  }

  it('never leaves the content, whatever is asked', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,6}-\d{0,6}$/)),
        fc.nat(1_000_000),
        (header, bytes) => {
          const wish = parseRange(header, bytes);
          if (wish.kind !== 'part') return;
          const { start, end } = wish.range;
          expect(start >= 0 && start <= end && end < bytes, `${header} of ${String(bytes)}`).to.equal(true);
        },
      ),
    );
  });
});

describe('an entity tag', () => {
  it('is found among others, weak or not, and by the star', () => {
    for (const header of ['"a"', 'W/"a"', '"x", "a"', ' * ']) expect(matchesEtag(header, '"a"'), header).to.equal(true);
    for (const header of [undefined, '', 'a', '"A"', '"ab"', '"x"'])
      expect(matchesEtag(header, '"a"'), header).to.equal(false);
  });
});
