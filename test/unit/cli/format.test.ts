import { expect } from 'chai';
import { count, formatAge, formatBytes, formatDuration, yesNo } from '../../../src/cli/format.ts';

describe('numbers for people', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536 * 1024, '1.5 MiB'],
    [2 ** 31, '2.0 GiB'],
  ] as const) {
    it(`show ${bytes} bytes as ${text}`, () => {
      expect(formatBytes(bytes)).to.equal(text);
    });
  }

  for (const [ms, text] of [
    [0, '0.0s'],
    [-5, '0.0s'],
    [440, '0.4s'],
    [9_949, '9.9s'],
    [9_960, '10s'],
    [119_000, '119s'],
    [120_000, '2m0s'],
    [3_599_000, '59m59s'],
    [3_600_000, '1h0m'],
    [47 * 3_600_000 + 59 * 60_000, '47h59m'],
    [48 * 3_600_000, '2d0h'],
  ] as const) {
    it(`show ${ms} ms as ${text}`, () => {
      expect(formatDuration(ms)).to.equal(text);
    });
  }

  it('show how long ago a time was, a dash for none, and what is no time as it is', () => {
    expect(formatAge('2026-01-01T00:00:00.000Z', Date.parse('2026-01-01T00:01:00.000Z'))).to.equal('60s');
    expect(formatAge(null, 0)).to.equal('-');
    expect(formatAge('yesterday', 0)).to.equal('yesterday');
  });

  it('count one thing as one', () => {
    expect([count(0, 'origin'), count(1, 'origin'), count(2, 'origin')]).to.deep.equal([
      '0 origins',
      '1 origin',
      '2 origins',
    ]);
    expect([yesNo(true), yesNo(false), yesNo(null)]).to.deep.equal(['yes', 'no', '-']);
  });
});
