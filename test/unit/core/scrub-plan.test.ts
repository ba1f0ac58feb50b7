import { expect } from 'chai';
import fc from 'fast-check';
import {
  cursorOf,
  nextToScrub,
  paceOf,
  roundDueInMs,
  SCRUB_BYTES_PER_SECOND,
  startDelayMs,
  type ScrubCursor,
} from '../../../src/core/scrub-plan.ts';
import type { SnapshotPlace, StoredSnapshot } from '../../../src/core/snapshot.ts';
import { KEY, row } from './snapshot-rows.ts';

const nameOf = ({ key, version }: StoredSnapshot): string => `${key.dataCenter} ${key.origin} ${version}`;

const anyRows = fc.uniqueArray(
  fc.record({
    dataCenter: fc.constantFrom('dc2', 'dc3'),
    origin: fc.constantFrom('a', 'b', 'c'),
    version: fc.integer({ min: 1, max: 9 }),
    place: fc.constantFrom<SnapshotPlace>('live', 'set-aside', 'quarantined', 'lost'),
    withdrawn: fc.boolean(),
  }),
  { selector: ({ dataCenter, origin, version }) => `${dataCenter} ${origin} ${version}`, maxLength: 60 },
);

function rowsOf(drawn: readonly { dataCenter: string; origin: string; version: number }[]): StoredSnapshot[] {
  return drawn.map(({ dataCenter, origin, version, ...more }) =>
    row(version, { key: { dataCenter, workload: dataCenter, origin }, ...more }),
  );
}

/** All that a round over these rows comes to, so many at a time. */
function wholeRound(rows: readonly StoredSnapshot[], most: number): string[] {
  const seen: string[] = [];
  let after: ScrubCursor | null = null;
  for (;;) {
    const next = nextToScrub('held', rows, after, most);
    const last = next.at(-1);
    if (last === undefined) return seen;
    seen.push(...next.map(nameOf));
    after = cursorOf('held', last);
  }
}

describe('what is verified next', () => {
  it('is every version that has bytes and is not lost, once, in one order, whatever the portions', () => {
    fc.assert(
      fc.property(anyRows, fc.integer({ min: 1, max: 7 }), (drawn, most) => {
        const rows = rowsOf(drawn);
        const wanted = rows.filter((one) => one.place !== 'lost' && !one.withdrawn).map(nameOf);
        const seen = wholeRound(rows, most);
        expect(seen).to.have.members(wanted);
        expect(seen.length).to.equal(wanted.length);
        expect(wholeRound([...rows].reverse(), most + 3)).to.deep.equal(seen);
      }),
    );
  });

  it('goes on after the cursor though that version is gone, and takes in what came later in the order', () => {
    const key = (origin: string): typeof KEY => ({ ...KEY, origin });
    const after = cursorOf('held', row(2, { key: key('b') }));
    const rows = [
      row(1, { key: key('b') }),
      row(3, { key: key('b') }),
      row(9, { key: key('a') }),
      row(1, { key: key('c') }),
    ];
    expect(nextToScrub('held', rows, after, 10).map(nameOf)).to.deep.equal(['dc2 b 3', 'dc2 c 1']);
  });

  it('begins a store at its beginning when the cursor is in another', () => {
    const after = cursorOf('outgoing', row(9));
    expect(nextToScrub('held', [row(1)], after, 10).map(nameOf)).to.deep.equal(['dc2 orders 1']);
  });
});

describe('the pace of verification', () => {
  it('never lets more be read in any time than the rate allows, but for what it catches up', () => {
    const block = fc.record({ bytes: fc.integer({ min: 1, max: 1 << 20 }), tookMs: fc.integer({ min: 0, max: 50 }) });
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 200 }), (blocks) => {
        let now = 1000;
        let clearAt = -Infinity;
        let bytes = 0;
        for (const { bytes: read, tookMs } of blocks) {
          now += tookMs;
          const paced = paceOf(clearAt, read, now);
          clearAt = paced.clearAt;
          now += paced.waitMs;
          bytes += read;
          expect(bytes).to.be.at.most((SCRUB_BYTES_PER_SECOND * (now - 1000 + 250)) / 1000 + 1);
        }
      }),
    );
  });

  it('is 32 MiB a second when nothing else holds it up', () => {
    let now = 0;
    let clearAt = 0;
    for (let i = 0; i < 320; i += 1) {
      const paced = paceOf(clearAt, 1 << 20, now);
      clearAt = paced.clearAt;
      now += paced.waitMs;
    }
    expect(now).to.be.closeTo(10_000, 300);
  });
});

describe('a round of verification', () => {
  const hour = 3_600_000;

  it('is due an interval after the last one began, at once when that is overdue or none ever began', () => {
    expect(roundDueInMs(1000, hour, 1000)).to.equal(hour);
    expect(roundDueInMs(1000, hour, 1000 + hour / 2)).to.equal(hour / 2);
    expect(roundDueInMs(1000, hour, 1000 + 3 * hour)).to.equal(0);
    expect(roundDueInMs(null, hour, 5)).to.equal(0);
  });

  it('is due when the last one claims to have begun in the future', () => {
    expect(roundDueInMs(10 * hour, hour, hour)).to.equal(0);
  });

  it('waits a little after a start, never as long as the interval', () => {
    for (const random of [0, 0.5, 0.999]) {
      expect(startDelayMs(24 * hour, random)).to.be.within(10_000, 30_000);
      expect(startDelayMs(1000, random)).to.be.within(333, 1000);
    }
  });
});
