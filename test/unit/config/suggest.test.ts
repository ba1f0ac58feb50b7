import { expect } from 'chai';
import fc from 'fast-check';
import { editDistance, nearest } from '../../../src/config/suggest.ts';

describe('the suggestion of a name', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['abc', 'abc', 0],
    ['', 'abc', 3],
    ['abc', 'ab', 1],
    ['abc', 'axc', 1],
    ['abc', 'acb', 1],
    ['kitten', 'sitting', 3],
  ] as const) {
    it(`counts ${distance} steps from "${a}" to "${b}"`, () => {
      expect(editDistance(a, b)).to.equal(distance);
    });
  }

  it('counts the same in both directions and never more than the longer text', () => {
    const text = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(editDistance(a, b)).to.equal(editDistance(b, a)).and.at.most(Math.max(a.length, b.length));
      }),
    );
  });

  it('finds a name whose letters are in the wrong case, swapped or missing', () => {
    const known = ['crossDCHttpPort', 'crossDCHttpHost', 'logLevel'];
    expect(nearest('crossdchttpport', known)).to.equal('crossDCHttpPort');
    expect(nearest('crossDCHttpHots', known)).to.equal('crossDCHttpHost');
    expect(nearest('loglvel', known)).to.equal('logLevel');
  });

  it('finds nothing where nothing is near', () => {
    expect(nearest('spark.executor.memory', ['logLevel', 'crossDCHttpPort'])).to.equal(null);
    expect(nearest('x', ['logLevel'])).to.equal(null);
  });

  it('does not compare what nobody mistyped', () => {
    expect(nearest('a'.repeat(1_000_000), ['a'.repeat(1_000_000)])).to.equal(null);
  });
});
