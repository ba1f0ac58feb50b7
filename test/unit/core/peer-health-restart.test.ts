import { expect } from 'chai';
import { rememberedPeer, type RememberedPeer } from '../../../src/core/peer-state.ts';
import { HealthDriver, changesOf } from './health-driver.ts';

const ORDER = { incarnation: 7, heartbeatCnt: 30 };

function restarted(remembered: RememberedPeer | null, holds: boolean, config = {}): HealthDriver {
  return new HealthDriver(config, rememberedPeer(remembered, holds, 10_000));
}

describe('a peer after our restart', () => {
  for (const state of ['up', 'suspect'] as const) {
    it(`that was ${state} gets N full intervals from the moment our listener is open`, () => {
      const peer = restarted({ state, reason: null, order: ORDER }, true);
      peer.tick(13_999);
      expect(peer.health.state).to.equal('suspect');
      expect(changesOf(peer.tick(14_000))).to.deep.equal(['suspect -> down (silence)']);
    });
  }

  it('that was up and is heard in time causes no event', () => {
    const peer = restarted({ state: 'up', reason: null, order: ORDER }, true);
    expect(peer.beat(10_900, { incarnation: 7, count: 31 })).to.deep.equal([]);
  });

  it('that was down stays down without a second event', () => {
    const peer = restarted({ state: 'down', reason: 'silence', order: ORDER }, true);
    expect(peer.tick(1_000_000)).to.deep.equal([]);
    expect(peer.health).to.include({ state: 'down', reason: 'silence' });
    expect(changesOf(peer.beat(1_000_001, { incarnation: 7, count: 31 }))).to.deep.equal(['down -> up']);
  });

  it('that left stays left until a later run', () => {
    const peer = restarted({ state: 'left', reason: null, order: ORDER }, true);
    expect(peer.tick(1_000_000)).to.deep.equal([]);
    expect(peer.beat(1_000_001, { incarnation: 7, count: 31 }).map((effect) => effect.kind)).to.deep.equal(['stale']);
    expect(changesOf(peer.beat(1_000_002, { incarnation: 8 }))).to.deep.equal(['left -> up']);
  });

  it('is not fooled by messages that were sent before the restart', () => {
    const peer = restarted({ state: 'down', reason: 'silence', order: ORDER }, true);
    expect(peer.beat(10_001, { incarnation: 7, count: 30 }).map((effect) => effect.kind)).to.deep.equal(['stale']);
  });

  it('of which something is held is suspect, never unknown', () => {
    for (const remembered of [null, { state: 'unknown', reason: null, order: null }] as const) {
      const peer = restarted(remembered, true);
      expect(peer.health).to.include({ state: 'suspect', reason: 'silence' });
      peer.tick(13_999);
      expect(peer.health.state).to.equal('suspect');
      peer.tick(14_000);
      expect(peer.health.state).to.equal('down');
    }
  });

  it('of which nothing is held and nothing was known is unknown', () => {
    expect(restarted(null, false).health.state).to.equal('unknown');
  });

  it('is judged by the pace that it last announced until it is heard again', () => {
    const peer = restarted({ state: 'up', reason: null, order: ORDER, announcedMs: 30_000 }, true);
    peer.tick(129_999);
    expect(peer.health.state).to.equal('suspect');
    peer.tick(130_000);
    expect(peer.health.state).to.equal('down');
  });
});

describe('our own pause', () => {
  it('counts no miss for its time', () => {
    const peer = restarted({ state: 'up', reason: null, order: ORDER }, true);
    peer.beat(10_500, { incarnation: 7, count: 31 });
    peer.paused(70_500, 59_000);
    expect(peer.tick(70_500)).to.deep.equal([]);
    expect(peer.health).to.include({ state: 'up', missed: 0 });
  });

  it('takes the silence before it into account', () => {
    const peer = restarted({ state: 'up', reason: null, order: ORDER }, true);
    peer.tick(12_500);
    peer.paused(62_500, 50_000);
    peer.tick(63_999);
    expect(peer.health.state).to.equal('suspect');
    expect(changesOf(peer.tick(64_000))).to.deep.equal(['suspect -> down (silence)']);
  });

  it('never puts the beginning of a silence into the future', () => {
    const peer = restarted({ state: 'up', reason: null, order: ORDER }, true);
    peer.beat(60_000, { incarnation: 7, count: 31 });
    peer.paused(60_010, 50_000);
    peer.tick(64_010);
    expect(peer.health.state).to.equal('down');
  });

  it('lets an answer that came before it count as long as it would have', () => {
    const peer = restarted({ state: 'up', reason: null, order: ORDER }, true);
    peer.answered(13_500);
    peer.paused(63_500, 50_000);
    expect(changesOf(peer.tick(64_000)).at(-1)).to.equal('up -> suspect (one-way)');
  });

  it('brings nobody back who was down before it', () => {
    const peer = restarted({ state: 'down', reason: 'silence', order: ORDER }, true);
    expect(peer.paused(70_000, 50_000)).to.deep.equal([]);
    expect(peer.health.state).to.equal('down');
  });
});
