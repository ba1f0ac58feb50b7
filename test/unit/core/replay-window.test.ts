import { expect } from 'chai';
import fc from 'fast-check';
import { ReplayWindow, ReplayWindows } from '../../../src/core/replay-window.ts';

const WIDTH = 16_384;

describe('the window of counts that were used', () => {
  it('takes each count once, in whatever order they come', () => {
    const counts = fc.array(fc.integer({ min: 1, max: 3 * WIDTH }), { maxLength: 300 });
    fc.assert(
      fc.property(counts, (all) => {
        const window = new ReplayWindow();
        const used = new Set<number>();
        let greatest = 0;
        for (const count of all) {
          const isNew = !used.has(count) && count > greatest - WIDTH;
          expect(window.use(count), `${count} after ${[...used].join(', ')}`).to.equal(isNew);
          if (isNew) used.add(count);
          greatest = Math.max(greatest, isNew ? count : greatest);
        }
      }),
    );
  });

  const cases: [string, number[], boolean[]][] = [
    ['the one before the greatest is free', [2, 1, 1], [true, true, false]],
    ['the oldest of the window is free, the one before it is not', [WIDTH, 1, WIDTH + 1, 1], [true, true, true, false]],
    ['what falls out of the window is taken for used', [1, WIDTH + 5, 5, 6], [true, true, false, true]],
    ['a bit is not inherited from a count of long ago', [3, WIDTH + 4, WIDTH + 3], [true, true, true]],
    ['a jump over many windows leaves nothing behind', [7, 10 * WIDTH, 10 * WIDTH - WIDTH + 7], [true, true, true]],
    ['the greatest number there is', [2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 2], [true, false, true]],
  ];
  for (const [name, counts, expected] of cases) {
    it(name, () => {
      const window = new ReplayWindow();
      expect(counts.map((count) => window.use(count))).to.deep.equal(expected);
    });
  }
});

describe('the windows under one challenge', () => {
  it('tell senders and their runs apart', () => {
    const windows = new ReplayWindows();
    expect(windows.use('dc1', 'a', 1)).to.equal('fresh');
    expect(windows.use('dc1', 'a', 1)).to.equal('used');
    expect(windows.use('dc1', 'b', 1)).to.equal('fresh');
    expect(windows.use('dc3', 'a', 1)).to.equal('fresh');
  });

  it('are full after 256 runs, and forget none of them for another', () => {
    const windows = new ReplayWindows();
    for (let run = 0; run < 256; run += 1) expect(windows.use('dc1', String(run), 1)).to.equal('fresh');
    expect(windows.use('dc1', 'one more', 1)).to.equal('full');
    expect(windows.use('dc1', '0', 1)).to.equal('used');
    expect(windows.use('dc1', '0', 2)).to.equal('fresh');
  });
});
