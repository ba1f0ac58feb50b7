import { expect } from 'chai';
import {
  LARGEST_EPOCH,
  changeOwner,
  hearConflict,
  hearRow,
  initialOwnership,
  reserveEpoch,
  type HearEffect,
  type Ownership,
  type OwnershipRow,
} from '../../../src/core/ownership.ts';

const AT = '2026-11-23T05:00:00.000Z';
/** Each message goes to everybody at once; nobody needs more rounds than there are rivals. */
const ROUNDS_MOST = 20;

function taken(owner: string, epoch: number): OwnershipRow {
  return { workload: 'dc0', owner, epoch, since: AT, reason: 'takeover' };
}

/** A gateway that knows what its row says, and nothing else. */
function knows(row: OwnershipRow): Ownership {
  return { row, used: row.epoch, contested: null, conflict: null };
}

/** The rows that it sends: its own, and the one that is against it. */
function rowsOf({ row, contested }: Ownership): OwnershipRow[] {
  return contested === null ? [row] : [row, contested];
}

interface Gossip {
  readonly views: Map<string, Ownership>;
  /** How many conflicts each has told of. */
  readonly told: Map<string, number>;
}

/** Everybody tells everybody, in the order of the names, until a whole round changes nothing. */
function gossip(names: readonly string[], begin: (name: string) => Ownership): Gossip {
  const views = new Map(names.map((name) => [name, begin(name)]));
  const told = new Map(names.map((name) => [name, 0]));
  const take = (self: string, ownership: Ownership, effects: readonly HearEffect[]): void => {
    views.set(self, ownership);
    told.set(self, told.get(self)! + effects.filter(({ kind }) => kind === 'conflict').length);
  };
  for (let round = 0; round < ROUNDS_MOST; round += 1) {
    const before = JSON.stringify([...views]);
    for (const from of names) {
      for (const self of names.filter((name) => name !== from)) {
        const { used, conflict } = views.get(from)!;
        for (const row of rowsOf(views.get(from)!)) {
          const heard = hearRow(views.get(self)!, { row, used, ageMs: 0 }, { self, now: 0, at: AT, ranUntil: null });
          take(self, heard.ownership, heard.effects);
        }
        if (conflict === null) continue;
        const heard = hearConflict(views.get(self)!, conflict);
        take(self, heard.ownership, heard.effects);
      }
    }
    if (JSON.stringify([...views]) === before) return { views, told };
  }
  throw new Error('they never come to rest');
}

function ordersOf(names: readonly string[]): string[][] {
  if (names.length === 0) return [[]];
  return names.flatMap((first) => ordersOf(names.filter((name) => name !== first)).map((rest) => [first, ...rest]));
}

describe('several rivals under one epoch', () => {
  const RIVALS = ['dc1', 'dc2', 'dc3'];

  /** Those who took it over know their own row; dc0, which comes back, knows only the first. */
  function begin(name: string): Ownership {
    return name === 'dc0' ? initialOwnership('dc0', AT) : knows(taken(name, 2));
  }

  for (const order of ordersOf(['dc0', ...RIVALS]))
    it(`come to rest, each against the first of the others, when they speak in the order ${order.join(', ')}`, () => {
      const { views, told } = gossip(order, begin);
      for (const name of order) {
        const { row, contested } = views.get(name)!;
        expect(row.epoch, name).to.equal(2);
        if (name !== 'dc0') expect(row.owner).to.equal(name);
        expect(contested?.owner, name).to.equal(RIVALS.find((rival) => rival !== row.owner));
        // Nobody is silent about it, and nobody says it more often than there are others.
        expect(told.get(name), name).to.be.within(1, RIVALS.length - 1);
      }
    });

  it('are settled by a higher row, wherever it was made', () => {
    for (const owner of RIVALS) {
      const { views } = gossip(['dc0', ...RIVALS], begin);
      const { ownership, epoch } = reserveEpoch(views.get(owner)!);
      views.set(owner, changeOwner(ownership, { owner, epoch, since: AT, reason: 'takeover' })!);
      const after = gossip(['dc0', ...RIVALS], (name) => views.get(name)!);
      for (const { row, contested } of after.views.values())
        expect([row.owner, row.epoch, contested]).to.deep.equal([owner, 3, null]);
      expect([...after.told.values()]).to.deep.equal([0, 0, 0, 0]);
    }
  });

  it('leave a conflict alone that an operator has seen, until an earlier name comes', () => {
    const context = { self: 'dc2', now: 0, at: AT, ranUntil: null };
    const hear = (known: Ownership, owner: string) =>
      hearRow(known, { row: taken(owner, 2), used: 2, ageMs: 0 }, context);
    const seen = hear(knows(taken('dc2', 2)), 'dc3').ownership;
    const acknowledged = { ...seen, conflict: { ...seen.conflict!, acknowledged: true } };
    for (const owner of ['dc3', 'dc4'])
      expect(hear(acknowledged, owner)).to.deep.equal({ ownership: acknowledged, effects: [] });
    const { ownership, effects } = hear(acknowledged, 'dc1');
    expect(ownership.contested?.owner).to.equal('dc1');
    expect(effects.map(({ kind }) => kind)).to.deep.equal(['conflict']);
  });
});

describe('the epochs of a workload', () => {
  const used = (epoch: number): Ownership => ({ ...initialOwnership('dc1', AT), used: epoch });

  it('are reserved one after the other, above all that are known', () => {
    const first = reserveEpoch(used(7));
    expect(first.epoch).to.equal(8);
    expect(reserveEpoch(first.ownership).epoch).to.equal(9);
    expect(reserveEpoch(used(7), 1000).epoch).to.equal(1008);
    expect(reserveEpoch(knows(taken('dc2', 5))).epoch).to.equal(6);
  });

  it('jump no further than to the last one', () => {
    const { ownership, epoch } = reserveEpoch(used(LARGEST_EPOCH - 5), 1_000_000);
    expect(epoch).to.equal(LARGEST_EPOCH);
    expect(ownership.used).to.equal(LARGEST_EPOCH);
  });

  it('are refused when the last one was given, and never given twice', () => {
    for (const last of [LARGEST_EPOCH, LARGEST_EPOCH + 1, Number.MAX_SAFE_INTEGER])
      expect(() => reserveEpoch(used(last))).to.throw(RangeError, /"dc1" has no epoch left/);
  });

  it('have a sum that is exact, however far one jumps', () => {
    expect(Number.isSafeInteger(LARGEST_EPOCH + 2 ** 32)).to.equal(true);
  });
});
