import { expect } from 'chai';
import { ReplicationPlan, type PeerRow } from '../../../src/core/replication-plan.ts';
import type { SnapshotFate, SnapshotKey } from '../../../src/core/snapshot.ts';
import { digestOf } from './snapshot-rows.ts';

const orders: SnapshotKey = { dataCenter: 'dc1', workload: 'dc1', origin: 'orders' };
const audit: SnapshotKey = { ...orders, origin: 'audit' };

function planWith(...offers: readonly [key: SnapshotKey, version: number, at: number][]): ReplicationPlan {
  const plan = new ReplicationPlan();
  for (const [key, version, at] of offers) plan.offer(key, { version, sha256: digestOf(version) }, at);
  return plan;
}

function offer(plan: ReplicationPlan, key: SnapshotKey, version: number, at: number): string {
  return plan.offer(key, { version, sha256: digestOf(version) }, at);
}

function listed(version: number, fate: SnapshotFate = 'held'): PeerRow {
  return { workload: 'dc1', origin: 'orders', version, sha256: digestOf(version), fate };
}

describe('offering a version', () => {
  it('plans the first of a key', () => {
    const plan = new ReplicationPlan();
    expect(offer(plan, orders, 1, 0)).to.equal('planned');
    expect(plan.start(0, 1)).to.deep.equal([{ key: orders, version: 1 }]);
  });

  it('supersedes one that has not gone, and says so', () => {
    const plan = planWith([orders, 1, 0]);
    expect(offer(plan, orders, 2, 1)).to.equal('superseded-another');
    expect(plan.start(1, 9)).to.deep.equal([{ key: orders, version: 2 }]);
  });

  it('does not count one that is under way as superseded', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 1);
    expect(offer(plan, orders, 2, 1)).to.equal('planned');
    expect(offer(plan, orders, 3, 2)).to.equal('superseded-another');
  });

  it('does not count one that has arrived as superseded', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 1);
    plan.stored(orders, 1);
    expect(offer(plan, orders, 2, 1)).to.equal('planned');
  });

  for (const version of [1, 2]) {
    it(`knows version ${version} already when 2 was offered`, () => {
      const plan = planWith([orders, 2, 0]);
      expect(offer(plan, orders, version, 1)).to.equal('known');
      expect(plan.start(1, 9)).to.deep.equal([{ key: orders, version: 2 }]);
    });
  }

  it('is tried at once, whatever the back-off of the one before', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 1);
    plan.failed(orders, () => 1000);
    expect(plan.start(1, 1)).to.deep.equal([]);
    offer(plan, orders, 2, 2);
    expect(plan.start(2, 1)).to.deep.equal([{ key: orders, version: 2 }]);
  });
});

describe('starting transfers', () => {
  it('starts no more than the capacity, those under way counted', () => {
    const plan = planWith([orders, 1, 0], [audit, 1, 0]);
    expect(plan.start(0, 1)).to.have.length(1);
    expect(plan.start(0, 1)).to.deep.equal([]);
    expect(plan.start(0, 2)).to.have.length(1);
    expect(plan.underWay()).to.equal(2);
  });

  it('never starts a second transfer of a key, also when a newer version waits', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 9);
    offer(plan, orders, 2, 1);
    expect(plan.start(1, 9)).to.deep.equal([]);
    plan.stored(orders, 1);
    expect(plan.start(2, 9)).to.deep.equal([{ key: orders, version: 2 }]);
  });

  it('begins with the one that waits longest', () => {
    const plan = planWith([audit, 1, 0], [orders, 1, 1]);
    offer(plan, audit, 2, 2);
    expect(plan.start(2, 1)).to.deep.equal([{ key: audit, version: 2 }]);
  });

  it('lets a key whose application posts all the time starve no other', () => {
    const plan = planWith([orders, 1, 0], [audit, 1, 1]);
    plan.start(2, 1);
    offer(plan, orders, 2, 3);
    plan.stored(orders, 1);
    expect(plan.start(4, 1)).to.deep.equal([{ key: audit, version: 1 }]);
  });

  it('lets a key that always fails starve no other', () => {
    const plan = planWith([orders, 1, 0], [audit, 1, 1]);
    plan.start(2, 1);
    plan.failed(orders, () => 2);
    expect(plan.start(3, 1)).to.deep.equal([{ key: audit, version: 1 }]);
  });
});

describe('a failed transfer', () => {
  it('waits for its back-off, which is told how often it has failed', () => {
    const plan = planWith([orders, 1, 0]);
    for (const failures of [1, 2, 3]) {
      plan.start(failures * 100, 1);
      expect(plan.failed(orders, (count) => (count + 1) * 100)).to.equal(failures);
    }
    expect(plan.nextStartAt()).to.equal(400);
    expect(plan.start(399, 1)).to.deep.equal([]);
    expect(plan.start(400, 1)).to.have.length(1);
  });

  it('of a version that was superseded meanwhile counts for nothing: the newer one goes at once', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 1);
    offer(plan, orders, 2, 1);
    expect(plan.failed(orders, () => 1000)).to.equal(0);
    expect(plan.start(1, 1)).to.deep.equal([{ key: orders, version: 2 }]);
  });

  it('is forgotten with the next success', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 1);
    plan.failed(orders, () => 0);
    plan.start(1, 1);
    plan.stored(orders, 1);
    offer(plan, orders, 2, 2);
    plan.start(2, 1);
    expect(plan.failed(orders, () => 0)).to.equal(1);
  });

  it('waits no longer when the peer can be reached again', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 1);
    plan.failed(orders, () => 1e9);
    plan.retryAll(50);
    expect(plan.start(50, 1)).to.have.length(1);
  });
});

describe('a version that is gone here', () => {
  it('waits for the next offer when it was damaged, also for one of an older version', () => {
    const plan = planWith([orders, 5, 0]);
    plan.start(0, 1);
    plan.dropped(orders);
    expect(plan.start(1, 1)).to.deep.equal([]);
    expect([plan.pending(), plan.underWay()]).to.deep.equal([0, 0]);
    offer(plan, orders, 4, 2);
    expect(plan.start(2, 1)).to.deep.equal([{ key: orders, version: 4 }]);
  });

  it('does not take the newer one with it that came meanwhile', () => {
    const plan = planWith([orders, 1, 0]);
    plan.start(0, 1);
    offer(plan, orders, 2, 1);
    plan.dropped(orders);
    expect(plan.start(2, 1)).to.deep.equal([{ key: orders, version: 2 }]);
  });
});

describe('comparing with what the peer has', () => {
  const fates: [fate: SnapshotFate, goesAgain: boolean][] = [
    ['held', false],
    ['delivered', false],
    ['set-aside', false],
    ['withdrawn', false],
    ['lost', true],
  ];
  for (const [fate, goesAgain] of fates) {
    it(`${goesAgain ? 'sends again' : 'does not send again'} what the peer calls ${fate}`, () => {
      const plan = planWith([orders, 3, 0]);
      plan.start(0, 1);
      plan.stored(orders, 3);
      plan.reconcile([listed(3, fate)], 'dc1', 5);
      expect(plan.start(5, 1)).to.have.length(goesAgain ? 1 : 0);
    });
  }

  it('sends again what the peer does not list', () => {
    const plan = planWith([orders, 3, 0]);
    plan.start(0, 1);
    plan.stored(orders, 3);
    plan.reconcile([], 'dc1', 5);
    expect(plan.start(5, 1)).to.deep.equal([{ key: orders, version: 3 }]);
    expect(plan.oldestPendingSince()).to.equal(5);
  });

  it('does not send what the peer turns out to have, or to have newer', () => {
    for (const has of [3, 9]) {
      const plan = planWith([orders, 3, 0]);
      plan.reconcile([listed(has)], 'dc1', 5);
      expect(plan.start(5, 1)).to.deep.equal([]);
      expect(plan.stateOf(orders)).to.equal('stored');
    }
  });

  it('sends what the peer has only in an older version', () => {
    const plan = planWith([orders, 3, 0]);
    plan.reconcile([listed(2)], 'dc1', 5);
    expect(plan.start(5, 1)).to.deep.equal([{ key: orders, version: 3 }]);
  });

  it('does not shorten a back-off', () => {
    const plan = planWith([orders, 3, 0]);
    plan.start(0, 1);
    plan.failed(orders, () => 1000);
    plan.reconcile([], 'dc1', 5);
    expect(plan.start(5, 1)).to.deep.equal([]);
  });

  it('leaves a transfer that is under way to its own end', () => {
    const plan = planWith([orders, 3, 0]);
    plan.start(0, 1);
    plan.reconcile([], 'dc1', 5);
    expect(plan.stateOf(orders)).to.equal('sending');
    plan.stored(orders, 3);
    expect(plan.stateOf(orders)).to.equal('stored');
  });

  it('does not take a row of another workload for ours', () => {
    const plan = planWith([orders, 3, 0]);
    plan.reconcile([{ ...listed(3), workload: 'dc9' }], 'dc1', 5);
    expect(plan.start(5, 1)).to.have.length(1);
  });

  it('lists as believed what the peer has at our newest version', () => {
    const plan = planWith([orders, 3, 0], [audit, 1, 0]);
    plan.start(0, 9);
    plan.stored(orders, 3);
    expect(plan.believed()).to.deep.equal([{ key: orders, version: 3, sha256: digestOf(3) }]);
  });
});

describe('what is shown of a plan', () => {
  it('is the state of each key', () => {
    const plan = planWith([orders, 1, 0]);
    expect([plan.stateOf(audit), plan.stateOf(orders)]).to.deep.equal(['pending', 'pending']);
    plan.start(0, 1);
    expect(plan.stateOf(orders)).to.equal('sending');
    plan.stored(orders, 1);
    expect(plan.stateOf(orders)).to.equal('stored');
    offer(plan, orders, 2, 1);
    expect(plan.stateOf(orders)).to.equal('pending');
  });

  it('is whether the peer has a version or a newer one', () => {
    const plan = planWith([orders, 5, 0]);
    expect(plan.has(orders, 5)).to.equal(false);
    plan.stored(orders, 5);
    expect([plan.has(orders, 4), plan.has(orders, 5), plan.has(orders, 6)]).to.deep.equal([true, true, false]);
  });

  it('is since when the oldest version that the peer lacks waits', () => {
    const plan = planWith([orders, 1, 10]);
    offer(plan, orders, 2, 20);
    expect(plan.oldestPendingSince()).to.equal(10);
    plan.start(20, 1);
    offer(plan, orders, 3, 30);
    offer(plan, orders, 4, 40);
    plan.stored(orders, 2);
    expect(plan.oldestPendingSince()).to.equal(30);
    plan.start(50, 1);
    plan.stored(orders, 4);
    expect(plan.oldestPendingSince()).to.equal(null);
  });

  it('counts what is pending, under way or not', () => {
    const plan = planWith([orders, 1, 0], [audit, 1, 0]);
    plan.start(0, 1);
    expect(plan.pending()).to.equal(2);
    plan.stored(orders, 1);
    expect(plan.pending()).to.equal(1);
  });

  it('has nothing to wait for when all is stored or under way', () => {
    const plan = planWith([orders, 1, 0]);
    expect(plan.nextStartAt()).to.equal(0);
    plan.start(0, 1);
    expect(plan.nextStartAt()).to.equal(Infinity);
    plan.stored(orders, 1);
    expect(plan.nextStartAt()).to.equal(Infinity);
  });
});
