import { expect } from 'chai';
import {
  announceAgain,
  cancel,
  createDelivery,
  findRow,
  pins,
  replaceVersion,
  settle,
  type Delivery,
  type Settled,
} from '../../../src/core/delivery.ts';
import { KEY, digestOf, row } from './snapshot-rows.ts';

const audit = { ...KEY, origin: 'audit' };

function delivery(snapshots = [row(5), row(7, { key: audit })]): Delivery {
  return createDelivery({
    id: 'd1',
    reason: 'takeover',
    dataCenter: 'dc2',
    createdAt: '2026-01-02T03:04:05.000Z',
    snapshots,
  });
}

function settled(of: Delivery, origin: string, state: 'acknowledged' | 'rejected' = 'acknowledged'): Delivery {
  const result = settle(of, { origin, state });
  if (result.kind !== 'settled') throw new Error(`not settled: ${result.kind}`);
  return result.delivery;
}

describe('a new delivery', () => {
  it('is open, announced once, and waits for every snapshot', () => {
    const fresh = delivery();
    expect(fresh).to.include({ state: 'open', attempt: 1, epoch: 0, heartbeatMsgType: 2 });
    expect(fresh.snapshots.map((each) => each.state)).to.deep.equal(['pending', 'pending']);
  });

  it('has the message type 4 when the snapshots are returned ones', () => {
    const returned = createDelivery({ id: 'd2', reason: 'return', dataCenter: 'dc2', createdAt: '', snapshots: [] });
    expect(returned.heartbeatMsgType).to.equal(4);
  });

  it('carries what describes each snapshot', () => {
    const [first] = delivery([row(5, { position: 'offset 9', labels: { stage: 'eu' } })]).snapshots;
    expect(first).to.include({
      workload: 'dc2',
      origin: 'orders',
      version: 5,
      bytes: 10,
      sha256: digestOf(5),
      position: 'offset 9',
    });
    expect(first?.labels).to.deep.equal({ stage: 'eu' });
  });

  const hrefs: [origin: string, workload: string, href: string][] = [
    ['orders', 'dc2', '/v1/deliveries/d1/snapshots/orders'],
    ['a/../b c?', 'dc2', '/v1/deliveries/d1/snapshots/a%2F..%2Fb%20c%3F'],
    ['orders', 'dc1', '/v1/deliveries/d1/snapshots/orders'],
  ];
  for (const [origin, workload, href] of hrefs) {
    it(`points to ${href} for an origin of the workload ${workload}`, () => {
      expect(delivery([row(1, { key: { ...KEY, origin, workload } })]).snapshots[0]?.href).to.equal(href);
    });
  }
});

describe('a delivery with one origin of two workloads', () => {
  it('names the workload in the paths, so that each of the two can be told from the other', () => {
    const rows = [row(1, { key: { ...KEY, workload: 'dc1' } }), row(2), row(3, { key: audit })];
    expect(delivery(rows).snapshots.map((each) => each.href)).to.deep.equal([
      '/v1/deliveries/d1/snapshots/orders?workload=dc1',
      '/v1/deliveries/d1/snapshots/orders?workload=dc2',
      '/v1/deliveries/d1/snapshots/audit',
    ]);
  });

  it('names the workload in the path only where an origin comes with two of them', () => {
    const rows = [row(1, { key: { ...KEY, workload: 'dc1' } }), row(2), row(3, { key: audit })];
    expect(delivery(rows).snapshots.map((each) => each.href)).to.deep.equal([
      '/v1/deliveries/d1/snapshots/orders?workload=dc1',
      '/v1/deliveries/d1/snapshots/orders?workload=dc2',
      '/v1/deliveries/d1/snapshots/audit',
    ]);
  });

  it('keeps the path of a snapshot when another version of it is offered', () => {
    const of = delivery([row(5, { key: { ...KEY, workload: 'dc1' } }), row(5)]);
    const before = row(4, { key: { ...KEY, workload: 'dc1' } });
    const replaced = replaceVersion(of, of.snapshots[0]!, before, 'damaged');
    expect(replaced.snapshots[0]?.href).to.equal(of.snapshots[0]?.href);
  });
});

describe('findRow', () => {
  const rows = [row(1, { key: { ...KEY, workload: 'dc1' } }), row(2)];

  it('prefers the data centre’s own workload when none is named', () => {
    expect(findRow(delivery(rows), 'orders')?.version).to.equal(2);
  });

  it('finds the workload that is named, and no other', () => {
    expect(findRow(delivery(rows), 'orders', 'dc1')?.version).to.equal(1);
    expect(findRow(delivery(rows), 'orders', 'dc9')).to.equal(undefined);
  });

  it('takes the only one there is when it is of another workload', () => {
    expect(findRow(delivery(rows.slice(0, 1)), 'orders')?.version).to.equal(1);
  });
});

describe('settling a snapshot of a delivery', () => {
  it('notes the answer and stays open while another is waited for', () => {
    const result = settle(delivery(), { origin: 'orders', state: 'acknowledged' });
    expect(result).to.include({ kind: 'settled', done: false });
    expect(result.kind === 'settled' && result.delivery.snapshots.map((each) => each.state)).to.deep.equal([
      'acknowledged',
      'pending',
    ]);
  });

  it('is done with the last answer, acknowledged or rejected', () => {
    const result = settle(settled(delivery(), 'orders'), { origin: 'audit', state: 'rejected' });
    expect(result).to.include({ kind: 'settled', done: true });
    expect(result.kind === 'settled' && result.delivery.state).to.equal('done');
  });

  const refusals: [name: string, of: Delivery, verdict: Parameters<typeof settle>[1], kind: Settled['kind']][] = [
    [
      'refuses an origin that is not in it',
      delivery(),
      { origin: 'nothing', state: 'acknowledged' },
      'no-such-snapshot',
    ],
    [
      'refuses another version than the one that is offered',
      delivery(),
      { origin: 'orders', version: 4, state: 'acknowledged' },
      'other-version',
    ],
    [
      'refuses every answer to a cancelled delivery',
      cancel(delivery()),
      { origin: 'orders', state: 'acknowledged' },
      'cancelled',
    ],
    [
      'takes the same answer twice',
      settled(delivery(), 'orders'),
      { origin: 'orders', version: 5, state: 'acknowledged' },
      'repeated',
    ],
    [
      'refuses the opposite of what was said',
      settled(delivery(), 'orders'),
      { origin: 'orders', state: 'rejected' },
      'settled-otherwise',
    ],
    [
      'takes the same answer also when all is done',
      settled(settled(delivery(), 'orders'), 'audit'),
      { origin: 'audit', state: 'acknowledged' },
      'repeated',
    ],
  ];
  for (const [name, of, verdict, kind] of refusals) it(name, () => expect(settle(of, verdict).kind).to.equal(kind));

  it('does not change the delivery that it was given', () => {
    const before = delivery();
    settle(before, { origin: 'orders', state: 'acknowledged' });
    expect(before).to.deep.equal(delivery());
  });
});

describe('a version that cannot be offered', () => {
  it('is replaced by the one before, which is waited for', () => {
    const of = delivery();
    const replaced = replaceVersion(of, of.snapshots[0]!, row(4), 'damaged');
    expect(replaced.snapshots[0]).to.include({ origin: 'orders', version: 4, sha256: digestOf(4), state: 'pending' });
    expect(settle(replaced, { origin: 'orders', version: 5, state: 'acknowledged' })).to.deep.equal({
      kind: 'other-version',
      version: 4,
    });
  });

  for (const how of ['damaged', 'rejected'] as const) {
    it(`ends as ${how} when none is left, and ends the delivery when it was the last one open`, () => {
      const of = settled(delivery(), 'audit');
      const ended = replaceVersion(of, of.snapshots[0]!, undefined, how);
      expect(ended.snapshots[0]?.state).to.equal(how);
      expect(ended.state).to.equal('done');
    });
  }

  it('does not end the delivery while another snapshot is waited for', () => {
    const of = delivery();
    expect(replaceVersion(of, of.snapshots[0]!, undefined, 'damaged').state).to.equal('open');
  });

  it('is found by its name in a delivery that was read from a record', () => {
    const of = delivery();
    const copy = structuredClone(of);
    expect(replaceVersion(copy, of.snapshots[0]!, row(4), 'damaged').snapshots[0]?.version).to.equal(4);
  });

  it('changes nothing once the application has answered, or when the delivery is over', () => {
    const answered = settled(delivery(), 'orders');
    expect(replaceVersion(answered, answered.snapshots[0]!, row(4), 'damaged')).to.deep.equal(answered);
    const cancelled = cancel(delivery());
    expect(replaceVersion(cancelled, cancelled.snapshots[0]!, undefined, 'damaged')).to.deep.equal(cancelled);
  });
});

describe('an open delivery', () => {
  it('pins the versions that it has, and no others', () => {
    expect(pins(delivery(), KEY, 5)).to.equal(true);
    expect(pins(delivery(), KEY, 4)).to.equal(false);
    expect(pins(delivery(), audit, 5)).to.equal(false);
    expect(pins(delivery(), { ...KEY, dataCenter: 'dc3' }, 5)).to.equal(false);
    expect(pins(delivery(), { ...KEY, workload: 'dc1' }, 5)).to.equal(false);
  });

  it('pins what it has until it is over, also what was answered', () => {
    const half = settled(delivery(), 'orders');
    expect(pins(half, KEY, 5)).to.equal(true);
    expect(pins(settled(half, 'audit'), KEY, 5)).to.equal(false);
    expect(pins(cancel(half), KEY, 5)).to.equal(false);
  });

  it('pins the replacement instead of what it replaced', () => {
    const of = delivery();
    const replaced = replaceVersion(of, of.snapshots[0]!, row(4), 'damaged');
    expect([pins(replaced, KEY, 4), pins(replaced, KEY, 5)]).to.deep.equal([true, false]);
  });

  it('is marked as a repeat by every further announcement', () => {
    expect([announceAgain(delivery()).attempt, announceAgain(announceAgain(delivery())).attempt]).to.deep.equal([2, 3]);
  });

  it('can be cancelled, a done one cannot', () => {
    expect(cancel(delivery()).state).to.equal('cancelled');
    expect(cancel(settled(settled(delivery(), 'orders'), 'audit')).state).to.equal('done');
  });
});
