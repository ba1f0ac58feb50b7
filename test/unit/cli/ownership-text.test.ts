import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { adviceOnBlock } from '../../../src/cli/ownership-advice.ts';
import { renderOwnership } from '../../../src/cli/ownership-text.ts';
import type { Paint } from '../../../src/cli/paint.ts';
import type { OwnershipView } from '../../../src/ports/ownership-api.ts';
import { fakeForeignRow, fakeRow } from '../../support/fake-ownership.ts';
import { NOW } from './status-view.ts';

const SINCE = '2026-01-02T03:00:00.000Z';
const rival = { workload: 'dc1', owner: 'dc2', epoch: 7, since: SINCE, reason: 'takeover' } as const;
const takeover: NonNullable<OwnershipView['takeover']> = {
  id: 't',
  workload: 'dc2',
  from: 'dc2',
  epoch: 8,
  phase: 'delivering',
  actor: 'automatic',
  forced: false,
  startedAt: '2026-01-02T03:04:30.000Z',
  steps: [],
  delivery: '41',
  inputs: {},
  acknowledged: false,
  blockedBy: null,
};

const plain: Paint = (text) => text;
type Peers = Parameters<typeof renderOwnership>[1]['peers'];
const render = (rows: OwnershipView[], peers: Peers = []): string[] =>
  renderOwnership(rows, { here: 'dc1', peers, wallMs: NOW, paint: plain });
/** What stands under the table of one row. */
const under = (row: OwnershipView, peers: Peers = []): string[] => render([row], peers).slice(2);

describe('who owns the work, for people', () => {
  it('is a row for each workload, with nothing under it when nothing is to be done', () => {
    const foreign = fakeForeignRow({ owner: 'dc3', local: { attached: false, applicationStatus: 'unknown' } });
    expect(render([fakeRow({ since: SINCE, epoch: 12 }), foreign])).to.deep.equal([
      'workload  owner  attached  application  since  epoch  behind',
      'dc1       dc1    yes       passing      5m0s   12     none',
      'dc2       dc3    no        unknown      54s    1      -',
    ]);
  });

  it('says how far the peers are behind where we own it', () => {
    const [, line] = render([fakeRow({ behind: { versions: 2, seconds: 3.25 } })]);
    expect(line).to.match(/ 2 versions, 3\.3s$/);
  });

  it('names both of a contest, and the command that ends it', () => {
    const lines = render([fakeRow({ epoch: 7, contestedBy: rival, primary: false })]);
    expect(lines[1]).to.match(/^dc1 +dc1 \(dc2\) /);
    expect(lines.slice(2)).to.deep.equal([
      'dc1: contested by dc1 and dc2, both with epoch 7; neither serves it until crossdc failover dc1 --to DC --force --accept-data-loss',
    ]);
  });

  it('tells a conflict with its span, and the command that acknowledges it', () => {
    const loser = { ...rival, owner: 'dc1', epoch: 6 };
    const conflict = { workload: 'dc1', winner: rival, loser, overlapMs: 3200, at: SINCE, acknowledged: false };
    expect(under(fakeForeignRow({ workload: 'dc1', conflict }))).to.deep.equal([
      'dc1: conflict: dc2 (epoch 7) and dc1 (epoch 6) both owned it, for 3.2 s; compare what they did, then crossdc ack dc1',
      'dc1: dc2 does it, since epoch 1; crossdc failover dc1 --to dc1 brings it home',
    ]);
    const equal = { ...conflict, loser: { ...loser, epoch: 7 }, overlapMs: 0 };
    expect(under(fakeForeignRow({ workload: 'dc1', conflict: equal }))[0]).to.contain('both owned it; compare');
  });

  it('says what a takeover waits for', () => {
    expect(under(fakeForeignRow({ takeover }))).to.deep.equal([
      'dc2: takeover from dc2 (automatic) begun 30s ago waits until the application here has acknowledged delivery 41 ' +
        '(a store that fails refuses it: crossdc status); ' +
        'GET /v1/deliveries/41 shows what is pending, POST …/reject gives up what the application cannot use, and ' +
        'crossdc failover dc2 --to dc1 --force --accept-data-loss goes on without the application: the delivery is ' +
        'called off, and what it offered the application finds by /v1/restore',
    ]);
    const local = { attached: false, applicationStatus: 'unknown' } as const;
    expect(under(fakeForeignRow({ takeover, local }))[0]).to.contain(
      'acknowledged delivery 41, and no application is attached here (a store',
    );
    expect(under(fakeForeignRow({ takeover: { ...takeover, phase: 'changing' } }))[0]).to.contain(
      'under way (changing)',
    );
  });

  it('says once what blocks a takeover that has begun', () => {
    const blocked = { ...takeover, phase: 'due', delivery: null, blockedBy: 'app-critical' } as const;
    expect(under(fakeForeignRow({ takeover: blocked, blockedBy: 'app-critical' }))).to.deep.equal([
      'dc2: takeover from dc2 (automatic) begun 30s ago is blocked by app-critical: the application here is critical: ' +
        'mend it, or crossdc failover dc2 --to dc1 --force --accept-data-loss gives it the work all the same',
    ]);
  });

  it('says why none begins, and until when', () => {
    const until = '2026-01-02T04:00:00.000Z';
    expect(under(fakeForeignRow({ blockedBy: 'block-period', blockedUntil: until }))).to.deep.equal([
      `dc2: nothing follows, blocked by block-period until ${until}: it was taken over lately; crossdc ack dc2 lets the ` +
        'next takeover follow at once',
    ]);
    expect(
      under(fakeRow({ workload: 'dc2', takeover: { ...takeover, phase: 'completed' }, blockedUntil: until })),
    ).to.deep.equal([`dc2: no second automatic takeover until ${until}; crossdc ack dc2 allows it at once`]);
    expect(under(fakeForeignRow({ blockedBy: 'manual' }))[0]).to.contain('crossdc failover dc2 --to dc1 takes it');
  });

  it('says where a planned move is, and nothing of one that is over', () => {
    const move = {
      id: 'm',
      workload: 'dc1',
      from: 'dc1',
      to: 'dc2',
      epoch: 8,
      startedAt: takeover.startedAt,
      reason: null,
      snapshots: 1,
      missing: [],
    };
    expect(under(fakeRow({ move: { ...move, phase: 'handing-over' } }))[0]).to.match(
      /^dc1: move from dc1 to dc2 begun 30s ago is under way \(handing-over\); .* rolls back to dc1 by itself/,
    );
    for (const phase of ['committed', 'rolled-back'] as const)
      expect(under(fakeRow({ move: { ...move, phase } }))).to.deep.equal([]);
  });

  describe('of work that another one has', () => {
    const dc3Left: Peers = [
      { name: 'dc2', state: 'up' },
      { name: 'dc3', state: 'left' },
    ];
    const ours = (more: Partial<OwnershipView> = {}): OwnershipView =>
      fakeForeignRow({ workload: 'dc1', owner: 'dc3', epoch: 2, ...more });
    const moved = (more: Partial<NonNullable<OwnershipView['move']>> = {}): OwnershipView['move'] => ({
      id: 'm',
      workload: 'dc1',
      from: 'dc3',
      to: 'dc1',
      epoch: 3,
      phase: 'rolled-back',
      startedAt: SINCE,
      reason: '"dc1" is down',
      snapshots: 1,
      missing: [],
      ...more,
    });
    const home = 'dc1: dc3 does it, since epoch 2; crossdc failover dc1 --to dc1 brings it home';

    it('says that nobody does it when its owner has left, and the command that takes it', () => {
      expect(under(fakeForeignRow({ owner: 'dc3' }), dc3Left)).to.deep.equal([
        'dc2: nobody does it: dc3 has left; crossdc failover dc2 --to dc1 takes it here',
      ]);
      expect(under(ours(), dc3Left)).to.deep.equal([
        'dc1: nobody does it: dc3 has left; crossdc failover dc1 --to dc1 takes it here',
      ]);
      expect(under(fakeForeignRow(), dc3Left)).to.deep.equal([]);
    });

    it('says so, too, of one that left, or died, in the middle of a move', () => {
      const move = moved({ phase: 'handing-over' });
      expect(under(ours({ move }), dc3Left)).to.deep.equal([
        'dc1: nobody does it: dc3 has left; crossdc failover dc1 --to dc1 takes it here',
      ]);
      expect(under(ours({ move, blockedBy: 'manual' }), [{ name: 'dc3', state: 'down' }])).to.deep.equal([
        'dc1: nothing follows, blocked by manual: takeoverPolicy is manual; crossdc failover dc1 --to dc1 takes it',
      ]);
    });

    it('says nothing of that while it is taken over, or claimed by two', () => {
      expect(under(fakeForeignRow({ owner: 'dc3', takeover }), dc3Left)).to.have.length(1);
      const contested = under(fakeForeignRow({ owner: 'dc3', contestedBy: { ...rival, workload: 'dc2' } }), dc3Left);
      expect(contested.join()).to.contain('contested by').and.not.to.contain('nobody does it');
    });

    it('says who does ours, and the command that brings it home', () => {
      expect(under(ours())).to.deep.equal([home]);
      expect(under(ours({ move: moved({ phase: 'handing-over' }) })).join()).not.to.contain('brings it home');
      expect(under(ours({ blockedBy: 'manual' }))).to.have.length(1);
      expect(under(ours(), [{ name: 'dc3', state: 'down' }])).to.deep.equal([]);
    });

    it('says why the last fail-back was rolled back, until the row has come further', () => {
      expect(under(ours({ move: moved() }))).to.deep.equal([
        'dc1: dc3 does it, since epoch 2; the last fail-back was rolled back: "dc1" is down; ' +
          'crossdc failover dc1 --to dc1 brings it home',
      ]);
      expect(under(ours({ move: moved({ epoch: 2 }) }))).to.deep.equal([home]);
      expect(under(ours({ move: moved({ to: 'dc2' }) }))).to.deep.equal([home]);
    });
  });

  it('says why work that is owned here is not served, when nothing else says it', () => {
    const row = fakeRow({ primary: false, notPrimaryBecause: 'the peers were not heard yet' });
    expect(under(row)).to.deep.equal(['dc1: /primary is 503: the peers were not heard yet']);
    expect(under(fakeForeignRow())).to.deep.equal([]);
  });

  it('shows control characters by their number', () => {
    const text = render([fakeRow({ workload: 'a\u001b[2J', blockedBy: 'x\u009b' })]).join('\n');
    expect(text).to.contain('a\\u{1b}[2J  ').and.to.contain('blocked by x\\u{9b}: ');
  });

  it('has an advice for every block of a takeover, and one for those of a newer gateway', () => {
    const source = readFileSync(new URL('../../../src/core/takeover.ts', import.meta.url), 'utf8');
    const type = /export type TakeoverBlock =([^;]*);/.exec(source)?.[1] ?? '';
    const blocks = [...type.matchAll(/\| '([a-z-]+)'/g)].map(([, block = '']) => block);
    expect(blocks).to.include.members(['passive', 'held-too-old']);
    const advice = blocks.map((block) => adviceOnBlock(block, 'dc2', 'dc1'));
    for (const each of advice) expect(each).to.match(/crossdc (failover|ack|events)/);
    expect(new Set(advice).size).to.equal(blocks.length);
    expect(adviceOnBlock('constructor', 'dc2', 'dc1')).to.equal('crossdc events says why');
  });
});
