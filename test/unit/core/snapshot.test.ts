import { expect } from 'chai';
import fc from 'fast-check';
import {
  fateOf,
  keyText,
  newestOfEach,
  newestOffered,
  type SnapshotFate,
  type StoredSnapshot,
} from '../../../src/core/snapshot.ts';
import { KEY, row } from './snapshot-rows.ts';

const other = { ...KEY, origin: 'audit' };
const named = (rows: readonly StoredSnapshot[]): string[] => rows.map((each) => `${each.key.origin}@${each.version}`);

describe('fateOf', () => {
  const rules: [more: Partial<StoredSnapshot>, fate: SnapshotFate][] = [
    [{}, 'held'],
    [{ deliveredBy: 'd1' }, 'delivered'],
    [{ withdrawn: true }, 'withdrawn'],
    [{ place: 'set-aside' }, 'set-aside'],
    [{ place: 'quarantined' }, 'set-aside'],
    [{ place: 'quarantined', deliveredBy: 'd1' }, 'set-aside'],
    [{ place: 'lost' }, 'lost'],
    [{ place: 'lost', deliveredBy: 'd1' }, 'lost'],
  ];
  for (const [more, fate] of rules)
    it(`is ${fate} for ${JSON.stringify(more)}`, () => expect(fateOf(row(1, more))).to.equal(fate));
});

describe('the newest versions', () => {
  it('are one of each key, by version, in the order of their names', () => {
    const rows = [row(2), row(9, { place: 'lost' }), row(3), row(1, { key: other })];
    expect(named(newestOfEach(rows))).to.deep.equal(['audit@1', 'orders@9']);
  });

  it('that are offered are the newest live ones', () => {
    const rows = [
      row(2),
      row(9, { place: 'lost' }),
      row(8, { place: 'quarantined' }),
      row(3),
      row(7, { place: 'set-aside' }),
    ];
    expect(named(newestOffered(rows))).to.deep.equal(['orders@3']);
  });

  it('are not offered of a key that was withdrawn, also when an older one lies there', () => {
    expect(newestOffered([row(2), row(3, { withdrawn: true })])).to.deep.equal([]);
  });

  it('are offered again when something came after the withdrawal', () => {
    expect(named(newestOffered([row(2), row(3, { withdrawn: true }), row(4)]))).to.deep.equal(['orders@4']);
  });

  it('keep apart what differs in any of the three names', () => {
    const keys = [KEY, { ...KEY, workload: 'dc1' }, { ...KEY, dataCenter: 'dc3' }, other];
    expect(newestOfEach(keys.map((key) => row(1, { key })))).to.have.length(4);
  });
});

describe('keyText', () => {
  it('is equal for equal keys and for no others', () => {
    const name = fc.string({ maxLength: 3 }).filter((text) => !text.includes('\0'));
    const key = fc.record({ dataCenter: name, workload: name, origin: name });
    fc.assert(
      fc.property(key, key, (a, b) => {
        const areEqual = a.dataCenter === b.dataCenter && a.workload === b.workload && a.origin === b.origin;
        expect(keyText(a) === keyText(b)).to.equal(areEqual);
      }),
    );
  });
});
