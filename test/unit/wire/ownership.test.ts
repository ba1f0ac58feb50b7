import { expect } from 'chai';
import * as v from 'valibot';
import { MESSAGE_MAX_BYTES } from '../../../src/adapters/peer-http/options.ts';
import { DATA_CENTERS_MOST, LARGEST_EPOCH, ROWS_MOST } from '../../../src/core/ownership.ts';
import { isoTime } from '../../../src/ports/clock.ts';
import { DAY_MS, LARGEST_NUMBER } from '../../../src/units.ts';
import { ask, ownershipNews, reply } from '../../../src/wire/ownership.ts';

const AT = '2026-11-23T05:00:00.000Z';
const HUNDRED_YEARS_MS = 36_525 * DAY_MS;

function row(changes: object = {}): object {
  return { workload: 'dc1', owner: 'dc2', epoch: 2, since: AT, reason: 'takeover', ...changes };
}

function heard(changes: object = {}): object {
  return { row: row(), used: 2, ageMs: 0, ...changes };
}

function conflict(changes: object = {}): object {
  return {
    workload: 'dc1',
    winner: row(),
    loser: row({ epoch: 1 }),
    overlapMs: 5,
    at: AT,
    acknowledged: false,
    ...changes,
  };
}

function notice(changes: object = {}): object {
  const ends = { workload: 'dc1', from: 'dc1', to: 'dc2', epoch: 2, phase: 'committed' };
  return { id: 'm-1', ...ends, startedAt: AT, reason: null, snapshots: 1, missing: [], ...changes };
}

function news(changes: object): object {
  return { rows: [], conflicts: [], moves: [], progress: [], ...changes };
}

function plan(changes: object): object {
  const head = { workload: 'dc1', kind: 'takeover', from: 'dc1', to: 'dc2', epoch: 1, nextEpoch: 2, forced: true };
  return { ...head, checks: [], steps: [], losses: [], ...changes };
}

describe('the epochs that a peer says', () => {
  const places: [where: string, isTaken: (epoch: number) => boolean][] = [
    ['of a row', (epoch) => v.is(ownershipNews, news({ rows: [heard({ row: row({ epoch }) })] }))],
    ['known to be used', (epoch) => v.is(ownershipNews, news({ rows: [heard({ used: epoch })] }))],
    ['of who won', (epoch) => v.is(ownershipNews, news({ conflicts: [conflict({ winner: row({ epoch }) })] }))],
    ['of who lost', (epoch) => v.is(ownershipNews, news({ conflicts: [conflict({ loser: row({ epoch }) })] }))],
    ['of a move', (epoch) => v.is(ownershipNews, news({ moves: [notice({ epoch })] }))],
    ['of a plan', (epoch) => v.is(reply, { kind: 'move', id: 'a', accepted: true, plan: plan({ epoch }) })],
  ];
  for (const [where, isTaken] of places)
    it(`have room above them: one ${where}`, () => {
      for (const epoch of [1, 2, LARGEST_EPOCH]) expect(isTaken(epoch), `${epoch}`).to.equal(true);
      for (const epoch of [0, 1.5, LARGEST_EPOCH + 1, LARGEST_NUMBER])
        expect(isTaken(epoch), `${epoch}`).to.equal(false);
    });

  it('may be any that the local API takes where an operator compares with it', () => {
    const flags = { force: false, acceptDataLoss: false, dryRun: false, actor: 'operator' };
    const move = { kind: 'move', id: 'a', workload: 'dc1', to: 'dc2', ifEpoch: LARGEST_NUMBER, ...flags };
    expect(v.is(ask, move)).to.equal(true);
  });
});

describe('the lengths of time that a peer says', () => {
  const ageOf = (ageMs: number): number =>
    v.parse(ownershipNews, news({ rows: [heard({ ageMs })] })).rows[0]?.ageMs ?? NaN;

  it('are taken as they are up to a hundred years, and as a hundred years beyond', () => {
    for (const ageMs of [0, 0.5, 4120, HUNDRED_YEARS_MS]) expect(ageOf(ageMs)).to.equal(ageMs);
    for (const ageMs of [HUNDRED_YEARS_MS + 1, LARGEST_NUMBER, 1e300]) expect(ageOf(ageMs)).to.equal(HUNDRED_YEARS_MS);
  });

  it('are a date when they are taken from the present, whatever the peer says', () => {
    expect(isoTime(Date.parse(AT) - ageOf(1e300))).to.match(/^1926-/);
  });

  it('are heard from whoever passes the longest one on, later', () => {
    expect(v.is(ownershipNews, news({ rows: [heard({ ageMs: ageOf(1e300) + DAY_MS })] }))).to.equal(true);
  });

  it('are bounded in conflicts and in requests too', () => {
    const { conflicts } = v.parse(ownershipNews, news({ conflicts: [conflict({ overlapMs: 1e300 })] }));
    expect(conflicts[0]?.overlapMs).to.equal(HUNDRED_YEARS_MS);
    expect(v.parse(ask, { kind: 'sync', id: 'a', timeoutMs: 1e300 })).to.include({ timeoutMs: HUNDRED_YEARS_MS });
  });

  it('are none when they are negative or endless', () => {
    for (const ageMs of [-1, NaN, Infinity])
      expect(v.is(ownershipNews, news({ rows: [heard({ ageMs })] }))).to.equal(false);
  });

  it('can be reckoned from every time that it says', () => {
    expect(v.is(ownershipNews, news({ moves: [notice({ startedAt: 'yesterday' })] }))).to.equal(false);
    expect(v.is(ownershipNews, news({ rows: [heard({ row: row({ since: '' }) })] }))).to.equal(false);
  });
});

describe('the rows that a gateway says', () => {
  const name = (index: number): string => `${index}`.padStart(2, '0').padEnd(64, 'x');
  const contested = (index: number): object[] => {
    const one = row({ workload: name(index), owner: name(index), epoch: LARGEST_EPOCH });
    const other = row({ workload: name(index), owner: name(index + 1), epoch: LARGEST_EPOCH });
    return [one, other].map((each) => heard({ row: each, used: LARGEST_EPOCH, ageMs: HUNDRED_YEARS_MS - 0.123 }));
  };
  const indexes = Array.from({ length: DATA_CENTERS_MOST }, (_, index) => index);
  const rows = indexes.flatMap(contested);

  it('are as many as a peer takes, with as many data centres as there may be, all of them contested', () => {
    expect(rows).to.have.length(ROWS_MOST);
    expect(v.is(ownershipNews, news({ rows }))).to.equal(true);
    expect(v.is(ownershipNews, news({ rows: [...rows, heard()] }))).to.equal(false);
  });

  it('have room in a message with their conflicts', () => {
    const conflicts = indexes.map((index) => {
      const [winner, loser] = [row({ workload: name(index), owner: name(index) }), row({ workload: name(index) })];
      return conflict({ workload: name(index), winner, loser, overlapMs: HUNDRED_YEARS_MS });
    });
    expect(JSON.stringify(news({ rows, conflicts })).length).to.be.below(MESSAGE_MAX_BYTES * 0.75);
  });
});
