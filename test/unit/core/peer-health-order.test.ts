import { expect } from 'chai';
import { HealthDriver, changesOf, upPeer } from './health-driver.ts';

describe('the order of a peer’s messages', () => {
  it('takes an unknown peer up at its first heartbeat', () => {
    expect(changesOf(new HealthDriver().beat(5))).to.deep.equal(['unknown -> up']);
  });

  it('says nothing for a heartbeat of a peer that is up', () => {
    expect(upPeer().beat(1000)).to.deep.equal([]);
  });

  const stale: [name: string, incarnation: number, count: number][] = [
    ['a doubled one', 7, 3],
    ['one that was overtaken', 7, 2],
    ['one of an earlier run, with a greater count', 6, 900],
  ];
  for (const [name, incarnation, count] of stale) {
    it(`lets ${name} change nothing and names what it has`, () => {
      const peer = upPeer({}, { incarnation: 7, count: 3 });
      const before = peer.health;
      const effects = peer.beat(3000, { incarnation, count });
      expect(effects).to.deep.equal([{ kind: 'stale', has: { incarnation: 7, heartbeatCnt: 3 } }]);
      expect(peer.health).to.deep.equal(before);
    });
  }

  it('takes a smaller count of a later run', () => {
    const peer = upPeer({}, { incarnation: 7, count: 300 });
    peer.beat(2000, { incarnation: 8, count: 1 });
    expect(peer.health.order).to.deep.equal({ incarnation: 8, heartbeatCnt: 1 });
    expect(peer.health.countFrom).to.equal(2000);
  });

  it('does not let stale heartbeats keep a dead peer alive', () => {
    const peer = upPeer({}, { count: 50 });
    for (let at = 100; at < 4000; at += 100) peer.beat(at, { count: 50 });
    peer.tick(4000);
    expect(peer.health.state).to.equal('down');
  });

  it('does not let stale heartbeats bring a dead peer back', () => {
    const peer = upPeer({}, { count: 50 });
    peer.tick(4000);
    for (let count = 1; count <= 50; count += 1) peer.beat(4000 + count, { count });
    expect(peer.health.state).to.equal('down');
  });
});

describe('an orderly shutdown', () => {
  for (const state of ['unknown', 'up', 'suspect', 'down'] as const) {
    it(`makes a peer that is ${state} left`, () => {
      const peer = new HealthDriver();
      if (state !== 'unknown') peer.beat(0);
      if (state === 'suspect') peer.tick(2000);
      if (state === 'down') peer.tick(4000);
      expect(peer.health.state).to.equal(state);
      expect(changesOf(peer.leave(5000))).to.deep.equal([`${state} -> left`]);
    });
  }

  it('ends the judging: a peer that left is never down by its silence', () => {
    const peer = upPeer();
    peer.leave(1000);
    expect(peer.tick(1_000_000)).to.deep.equal([]);
    expect(peer.health.state).to.equal('left');
  });

  it('is said once when it comes twice', () => {
    const peer = upPeer();
    peer.leave(1000, { count: 9 });
    expect(peer.leave(1100, { count: 9 }).map((effect) => effect.kind)).to.deep.equal(['stale']);
    expect(peer.leave(1200, { count: 10 }).map((effect) => effect.kind)).to.deep.equal(['stale']);
  });

  it('is not taken back by a heartbeat of the same run, whatever its count', () => {
    const peer = upPeer({}, { incarnation: 7 });
    peer.leave(1000);
    expect(peer.beat(1500, { incarnation: 7, count: 1000 }).map((effect) => effect.kind)).to.deep.equal(['stale']);
    expect(peer.health.state).to.equal('left');
  });

  it('ends with a heartbeat of a later run, whatever number of heartbeats a recovery wants', () => {
    const peer = upPeer({ beatsToRecover: 3 }, { incarnation: 7 });
    peer.leave(1000);
    expect(changesOf(peer.beat(60_000, { incarnation: 8 }))).to.deep.equal(['left -> up']);
  });

  it('changes nothing of a new run when it is replayed days later', () => {
    const peer = upPeer({}, { incarnation: 7 });
    peer.leave(1000, { incarnation: 7, count: 2 });
    peer.beat(10_000, { incarnation: 8 });
    const before = peer.health;
    expect(peer.leave(300_000, { incarnation: 7, count: 2 }).map((effect) => effect.kind)).to.deep.equal(['stale']);
    expect(peer.health).to.deep.equal(before);
  });

  it('of a still later run is noted without a second event, and outdates the runs before', () => {
    const peer = upPeer({}, { incarnation: 7 });
    peer.leave(1000);
    expect(peer.leave(9000, { incarnation: 8 })).to.deep.equal([]);
    expect(peer.health.order?.incarnation).to.equal(8);
    expect(peer.beat(9500, { incarnation: 8 }).map((effect) => effect.kind)).to.deep.equal(['stale']);
  });
});
