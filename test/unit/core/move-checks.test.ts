import { expect } from 'chai';
import { isInSync, moveChecks, needsHeld, type MoveFacts } from '../../../src/core/move.ts';
import { ReplicationPlan } from '../../../src/core/replication-plan.ts';

const GOOD: MoveFacts = {
  self: 'dc1',
  to: 'dc2',
  owner: 'dc1',
  epoch: 3,
  ifEpoch: null,
  isContested: false,
  target: { state: 'up', application: 'passing', hearsUs: true, behindVersions: 0, behindSeconds: 0 },
  isHeldKnown: true,
  busyWith: null,
  isShuttingDown: false,
};

function failed(facts: Partial<MoveFacts>): string[] {
  return moveChecks({ ...GOOD, ...facts })
    .filter(({ ok }) => !ok)
    .map(({ check, detail }) => `${check}: ${detail}`);
}

function behind(behindVersions: number, behindSeconds: number): MoveFacts['target'] {
  return { state: 'up', application: 'passing', hearsUs: true, behindVersions, behindSeconds };
}

describe('the checks of a planned move', () => {
  it('let one begin that nothing speaks against', () => {
    expect(failed({})).to.deep.equal([]);
    expect(failed({ ifEpoch: 3 })).to.deep.equal([]);
  });

  it('name what speaks against it', () => {
    expect(failed({ target: null })).to.deep.equal(['target: "dc2" is no peer of "dc1"']);
    expect(failed({ ifEpoch: 2 })).to.deep.equal(['epoch: the epoch is 3, not 2']);
    expect(failed({ busyWith: 'a takeover of it is under way' })).to.deep.equal([
      'idle: a takeover of it is under way',
    ]);
  });

  it('name a contest before everything else of the row, and the word that settles it', () => {
    const settled = (to: string): string =>
      `owner: contested by "dc1" and "dc2" at epoch 3; --force --accept-data-loss settles it for "${to}"`;
    const contested = { isContested: true, rival: 'dc2' };
    expect(failed(contested)).to.deep.equal([settled('dc2')]);
    expect(failed({ ...contested, to: 'dc1', target: null })).to.deep.equal([settled('dc1')]);
    expect(failed({ isContested: true })).to.deep.equal([
      'owner: contested at epoch 3; --force --accept-data-loss settles it for "dc2"',
    ]);
  });

  it('do not call the owner a stranger to itself', () => {
    expect(failed({ to: 'dc1', target: null })).to.deep.equal(['owner: "dc1" owns it already']);
    expect(moveChecks({ ...GOOD, to: 'dc1', target: null }).map(({ check }) => check)).not.to.include('target');
  });

  it('say why the target is down where it is not silent', () => {
    const down = (reason: string | null) => failed({ target: { ...behind(0, 0)!, state: 'down', reason } });
    expect(down('application-critical')).to.deep.equal(['target: "dc2" is down (application-critical)']);
    expect(down('silence')).to.deep.equal(['target: "dc2" is down']);
    expect(down(null)).to.deep.equal(['target: "dc2" is down']);
    expect(failed({ target: { ...behind(0, 0)!, hearsUs: false } })).to.deep.equal(['target: "dc2" does not hear us']);
  });

  it('let nothing be handed over while it is not known what there is', () => {
    const unknown = 'in-sync: the store "held" is not readable here, so it is not known what there is to hand over';
    expect(failed({ isHeldKnown: false })).to.deep.equal([unknown]);
    expect(failed({ isHeldKnown: false, target: behind(1, 60) })).to.deep.equal([unknown]);
    expect([1, 2].map(needsHeld)).to.deep.equal([false, true]);
  });

  it('take what is on its way for no lag, and what waits for long for one', () => {
    expect(failed({ target: behind(2, 0.4) })).to.deep.equal([]);
    expect(failed({ target: behind(1, 5) })).to.deep.equal([]);
    expect(failed({ target: behind(1, 5.1) })).to.deep.equal(['in-sync: "dc2" lacks 1 snapshot, the oldest for 5.1 s']);
    expect(failed({ target: behind(2, 60) })).to.deep.equal([
      'in-sync: "dc2" lacks 2 snapshots, the oldest for 60.0 s',
    ]);
    expect(isInSync({ behindVersions: 0, behindSeconds: 3600 })).to.equal(true);
  });
});

describe('since when something of a workload waits for a peer', () => {
  const key = (workload: string) => ({ dataCenter: 'dc1', workload, origin: 'orders' });

  it('is told of that workload alone, and of all together', () => {
    const plan = new ReplicationPlan();
    plan.offer(key('dc1'), { version: 1, sha256: 'a' }, 100);
    plan.offer(key('dc2'), { version: 1, sha256: 'b' }, 50);
    expect(plan.oldestPendingSince()).to.equal(50);
    expect(plan.oldestPendingSince('dc1')).to.equal(100);
    expect(plan.oldestPendingSince('dc3')).to.equal(null);
    plan.stored(key('dc1'), 1);
    expect(plan.oldestPendingSince('dc1')).to.equal(null);
  });
});
