import { expect } from 'chai';
import fc from 'fast-check';
import { expendable } from '../../../src/core/retention.ts';
import type { SnapshotPlace } from '../../../src/core/snapshot.ts';
import { row } from './snapshot-rows.ts';

const nobody = (): boolean => false;

describe('expendable', () => {
  const versions = (rows: readonly { version: number }[]): number[] => rows.map((each) => each.version);

  it('gives up what is older than the newest and its history', () => {
    expect(
      versions(
        expendable(
          [1, 2, 3, 4, 5].map((version) => row(version)),
          2,
          nobody,
        ),
      ),
    ).to.have.members([1, 2]);
  });

  it('goes by version, not by the order of the rows', () => {
    expect(versions(expendable([row(3), row(5), row(1)], 1, nobody))).to.deep.equal([1]);
  });

  it('keeps the newest with a history of none', () => {
    expect(versions(expendable([row(1), row(2)], 0, nobody))).to.deep.equal([1]);
    expect(expendable([row(2)], 0, nobody)).to.deep.equal([]);
  });

  it('keeps what an open delivery pins', () => {
    expect(versions(expendable([row(1), row(2), row(3)], 0, (version) => version === 1))).to.deep.equal([2]);
  });

  for (const place of ['set-aside', 'quarantined', 'lost'] as const) {
    it(`leaves what is ${place} to a person, and does not count it as history`, () => {
      expect(versions(expendable([row(1), row(2, { place }), row(3)], 1, nobody))).to.deep.equal([]);
    });
  }

  it('never gives up the newest live version nor a pinned one, and leaves no more than it was told', () => {
    const anyRow = fc.record({
      version: fc.integer({ min: 1, max: 30 }),
      place: fc.constantFrom<SnapshotPlace>('live', 'set-aside', 'quarantined', 'lost'),
    });
    const pinned = fc.uniqueArray(fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(
        fc.uniqueArray(anyRow, { selector: (each) => each.version }),
        fc.nat(4),
        pinned,
        (list, history, pins) => {
          const rows = list.map(({ version, place }) => row(version, { place }));
          const live = rows.filter((each) => each.place === 'live');
          const gone = expendable(rows, history, (version) => pins.includes(version));
          const newest = Math.max(0, ...versions(live));
          expect(versions(gone)).not.to.include(newest);
          for (const each of gone) {
            expect(each.place).to.equal('live');
            expect(pins).not.to.include(each.version);
          }
          expect(live.filter((each) => !gone.includes(each) && !pins.includes(each.version)).length).to.be.at.most(
            history + 1,
          );
        },
      ),
    );
  });
});
