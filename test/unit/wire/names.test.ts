import { expect } from 'chai';
import fc from 'fast-check';
import {
  DATA_CENTER_NAME,
  decodePercent,
  LABELS_MAX,
  originProblem,
  shortTextProblem,
} from '../../../src/wire/names.ts';

describe('an origin', () => {
  for (const good of [
    'a',
    'orders',
    'a/b',
    '../x',
    '...',
    ' ',
    'com.acme::Op[3]',
    'Lager Süd ☃',
    '🚚'.repeat(50),
    'o'.repeat(200),
  ]) {
    it(`may be ${JSON.stringify(good.slice(0, 20))}`, () => expect(originProblem(good)).to.equal(null));
  }

  const bad: [origin: string, problem: RegExp][] = [
    ['', /empty/],
    ['.', /may not be/],
    ['..', /may not be/],
    ['a\0b', /control/],
    ['a\nb', /control/],
    ['a\u007fb', /control/],
    ['a\u0085b', /control/],
    ['a\u2028b', /control/],
    ['\ud800', /Unicode/],
    ['o'.repeat(201), /200/],
    ['ü'.repeat(101), /200/],
    ['🚚'.repeat(51), /200/],
  ];
  for (const [origin, problem] of bad) {
    it(`may not be ${JSON.stringify(origin.slice(0, 20))} (${origin.length})`, () =>
      expect(originProblem(origin)).to.match(problem));
  }

  it('that is accepted survives percent-encoding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        if (originProblem(text) === null) expect(decodePercent(encodeURIComponent(text))).to.equal(text);
      }),
    );
  });
});

describe('a position or the value of a label', () => {
  const rules: [text: string, isGood: boolean][] = [
    ['', true],
    ['offset 912 ☃', true],
    ['x'.repeat(1024), true],
    ['x'.repeat(1025), false],
    ['☃'.repeat(342), false],
    ['\ud800', false],
    ['a\r\nb: c', false],
  ];
  for (const [text, isGood] of rules) {
    it(`${isGood ? 'may' : 'may not'} be ${JSON.stringify(text.slice(0, 20))} (${text.length})`, () => {
      expect(shortTextProblem(text) === null).to.equal(isGood);
    });
  }
});

describe('the name of a data centre', () => {
  for (const good of ['dc1', 'A', '0', 'eu-west_2.a', 'd'.repeat(64)])
    it(`may be ${good}`, () => expect(DATA_CENTER_NAME.test(good)).to.equal(true));
  for (const bad of ['', '.', '..', '-dc', '_dc', 'dc 1', 'dc/1', 'dc1\n', 'dć', 'd'.repeat(65)]) {
    it(`may not be ${JSON.stringify(bad)}`, () => expect(DATA_CENTER_NAME.test(bad)).to.equal(false));
  }
});

describe('percent-encoding', () => {
  for (const bad of ['%', '%2', '%zz', '%ff', '%c3%28', '%ed%a0%80']) {
    it(`is refused when it is ${bad}`, () => expect(decodePercent(bad)).to.equal(null));
  }
});

describe('the labels of a snapshot', () => {
  it('are at most sixteen, as the interface says', () => expect(LABELS_MAX).to.equal(16));
});
