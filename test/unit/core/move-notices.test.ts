import { expect } from 'chai';
import { MESSAGE_MAX_BYTES } from '../../../src/adapters/peer-http/options.ts';
import {
  noticeOf,
  shownNotice,
  withinRoom,
  withoutDelivery,
  type Move,
  type MoveNotice,
} from '../../../src/core/move.ts';
import { LARGEST_EPOCH, ROWS_MOST, type OwnershipRow } from '../../../src/core/ownership.ts';
import { WATERMARKS_MOST_BYTES } from '../../../src/core/watermarks.ts';
import { PROTOCOL } from '../../../src/units.ts';
import { parsePeerMessage } from '../../../src/wire/messages.ts';

const AT = '2026-01-02T03:04:05.678Z';
const OLDER = '2026-01-01T00:00:00.000Z';
/** Every message tells of each workload twice at most: 32 data centres. */
const WORKLOADS = Array.from({ length: ROWS_MOST / 2 }, (_, index) => `${index}-`.padEnd(64, 'w'));

function move(changes: Partial<Move> = {}): Move {
  return {
    id: '1795464746697',
    workload: 'dc1',
    from: 'dc1',
    to: 'dc2',
    epoch: LARGEST_EPOCH,
    phase: 'rolled-back',
    actor: 'operator',
    startedAt: AT,
    steps: [],
    missing: [],
    snapshots: 100_000,
    reason: null,
    ...changes,
  };
}

const named = (notices: readonly MoveNotice[]): [string, number][] =>
  notices.map(({ id, missing }) => [id, missing.length]);

describe('what is shown of the word of another gateway on its move', () => {
  const said = (phase: Move['phase']): MoveNotice => noticeOf(move({ epoch: 5, phase }));
  const before = { owner: 'dc1', epoch: 4, reason: 'initial' } as const;

  it('is that word, as long as more may follow', () => {
    for (const state of ['up', 'suspect', 'unknown', undefined] as const)
      expect(shownNotice(said('flushing'), before, state)).to.deep.equal(said('flushing'));
  });

  it('is nothing once its owner is gone, or another row has come that far', () => {
    for (const state of ['left', 'down'] as const) expect(shownNotice(said('flushing'), before, state)).to.equal(null);
    expect(shownNotice(said('flushing'), { owner: 'dc3', epoch: 6, reason: 'takeover' }, 'up')).to.equal(null);
    expect(shownNotice(said('flushing'), { owner: 'dc2', epoch: 5, reason: 'takeover' }, 'up')).to.equal(null);
  });

  it('is that it was committed where its own row came first', () => {
    const row = { owner: 'dc2', epoch: 5, reason: 'switchover' } as const;
    expect(shownNotice(said('handing-over'), row, 'down')).to.deep.equal(said('committed'));
  });

  it('is its last word for ever', () => {
    const later = { owner: 'dc3', epoch: 9, reason: 'takeover' } as const;
    for (const phase of ['committed', 'rolled-back'] as const)
      expect(shownNotice(said(phase), later, 'left')).to.deep.equal(said(phase));
  });
});

describe('a target that has nothing to deliver', () => {
  it('is ready where there is nothing, or its application has it', () => {
    const ready = { state: 'ready', reason: null };
    expect(withoutDelivery(0, false)).to.deep.equal(ready);
    expect(withoutDelivery(2, true)).to.deep.equal(ready);
  });

  it('has failed where all of it is missing', () => {
    expect(withoutDelivery(2, false)).to.deep.equal({
      state: 'failed',
      reason: 'nothing is there of the 2 snapshots that are handed over',
    });
  });
});

describe('what is told of moves', () => {
  it('has all names where they are few', () => {
    const notices = [move({ missing: ['orders', 'audit'] }), move({ workload: 'dc2', missing: ['stock'] })].map(
      noticeOf,
    );
    expect(withinRoom(notices)).to.have.deep.members(notices);
  });

  it('names the missing origins of what is under way, then of the newest, as far as there is room', () => {
    const missing = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(60, 'o'));
    const notices = [
      move({ id: 'old', startedAt: OLDER, missing }),
      move({ id: 'new', missing }),
      move({ id: 'under-way', startedAt: OLDER, phase: 'releasing', missing }),
    ].map(noticeOf);
    expect(named(withinRoom(notices))).to.deep.equal([
      ['under-way', 20],
      ['new', 2],
      ['old', 0],
    ]);
  });

  it('leaves a heartbeat short enough, whatever there is to tell', () => {
    const row = (workload: string, owner: string): OwnershipRow => ({
      workload,
      owner,
      epoch: LARGEST_EPOCH,
      since: AT,
      reason: 'switchover',
    });
    const [here = '', there = ''] = WORKLOADS;
    const missing = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(66, '\u20ac'));
    const message = {
      heartbeatMsgType: 1,
      heartbeatCnt: Number.MAX_SAFE_INTEGER,
      dataCenterOrigin: here,
      applicationName: 'a'.repeat(200),
      incarnation: Number.MAX_SAFE_INTEGER,
      sentAt: AT,
      interval: 444_444_444,
      application: { status: 'critical' },
      lastHeard: { heartbeatCnt: Number.MAX_SAFE_INTEGER, ageMs: 123_456_789.123456 },
      protocol: PROTOCOL,
      mode: 'passive',
      watermarks: { name: { seq: 1, position: 'p'.repeat(WATERMARKS_MOST_BYTES - 100) } },
      ownership: {
        rows: WORKLOADS.flatMap((workload) =>
          [here, there].map((owner) => ({
            row: row(workload, owner),
            used: LARGEST_EPOCH,
            ageMs: 123_456_789.123456,
            acknowledged: LARGEST_EPOCH,
          })),
        ),
        conflicts: WORKLOADS.map((workload) => ({
          workload,
          winner: row(workload, here),
          loser: row(workload, there),
          overlapMs: 123_456_789.123456,
          at: AT,
          acknowledged: false,
        })),
        moves: withinRoom(
          WORKLOADS.map((workload) =>
            noticeOf(move({ workload, from: here, to: there, missing, reason: 'r'.repeat(500) })),
          ),
        ),
        progress: [],
      },
    };
    const text = JSON.stringify(message);
    expect(parsePeerMessage(JSON.parse(text))).to.have.property('kind', 'message');
    expect(Buffer.byteLength(text)).to.be.below(MESSAGE_MAX_BYTES);
  });
});
