import { expect } from 'chai';
import { missAfterMs, nextDeadline } from '../../../src/core/silence.ts';
import { HealthDriver, changesOf, upPeer } from './health-driver.ts';

describe('silence of a peer', () => {
  const moments: [misses: number, k: number, afterMs: number][] = [
    [1, 1, 1500],
    [2, 1, 1500],
    [2, 2, 2000],
    [3, 2, 2500],
    [3, 3, 3000],
    [4, 1, 1500],
    [4, 2, 2500],
    [4, 3, 3500],
    [4, 4, 4000],
  ];
  for (const [misses, k, afterMs] of moments) {
    it(`counts miss ${k} of ${misses} at ${afterMs / 1000} intervals, not a millisecond before`, () => {
      expect(missAfterMs(k, 1000, misses)).to.equal(afterMs);
      const peer = upPeer({ missesAllowed: misses });
      peer.tick(afterMs - 1);
      expect(peer.health.missed).to.equal(k - 1);
      peer.tick(afterMs);
      expect(peer.health.missed).to.equal(k);
    });
  }

  for (const [misses, afterMs] of [
    [1, 1500],
    [2, 2000],
    [4, 4000],
  ] as const) {
    it(`declares the peer down at ${afterMs / 1000} intervals when ${misses} misses are allowed`, () => {
      const peer = upPeer({ missesAllowed: misses });
      expect(changesOf(peer.tick(afterMs - 1)).join()).not.to.contain('down');
      expect(changesOf(peer.tick(afterMs)).at(-1)).to.match(/-> down \(silence\)$/);
    });
  }

  it('goes from up to down without being suspect when one miss is allowed', () => {
    const peer = upPeer({ missesAllowed: 1 });
    expect(changesOf(peer.tick(1499))).to.deep.equal([]);
    expect(changesOf(peer.tick(1500))).to.deep.equal(['up -> down (silence)']);
  });

  it('is suspect from the first miss to the last but one, and says so once', () => {
    const peer = upPeer();
    expect(changesOf(peer.tick(1500))).to.deep.equal(['up -> suspect (silence)']);
    expect(changesOf(peer.tick(2500))).to.deep.equal([]);
    expect(changesOf(peer.tick(3999))).to.deep.equal([]);
    expect(changesOf(peer.tick(4000))).to.deep.equal(['suspect -> down (silence)']);
  });

  it('tells every miss once, in order, also when one tick finds several', () => {
    const peer = upPeer();
    peer.tick(1500);
    const effects = peer.tick(9000);
    expect(effects.map((effect) => effect.kind)).to.deep.equal(['missed', 'missed', 'missed', 'changed']);
    expect(effects.flatMap((effect) => (effect.kind === 'missed' ? [effect.missed] : []))).to.deep.equal([2, 3, 4]);
    expect(peer.tick(10_000)).to.deep.equal([]);
  });

  it('says down once, however long the silence lasts', () => {
    const peer = upPeer();
    peer.tick(4000);
    for (let at = 5000; at < 100_000; at += 1000) expect(peer.tick(at)).to.deep.equal([]);
  });

  it('takes our interval when the peer announces a shorter one', () => {
    const peer = upPeer({ intervalMs: 1000 }, { intervalMs: 100 });
    peer.tick(3999);
    expect(peer.health.state).to.equal('suspect');
    peer.tick(4000);
    expect(peer.health.state).to.equal('down');
  });

  it("takes the peer's interval when it announces a longer one", () => {
    const peer = upPeer({ intervalMs: 1000 }, { intervalMs: 5000 });
    peer.tick(7499);
    expect(peer.health.state).to.equal('up');
    peer.tick(19_999);
    expect(peer.health.state).to.equal('suspect');
    peer.tick(20_000);
    expect(peer.health.state).to.equal('down');
  });

  it('takes up a change of the announced interval with the next heartbeat', () => {
    const peer = upPeer({ intervalMs: 1000 }, { intervalMs: 5000 });
    peer.beat(5000, { intervalMs: 1000 });
    peer.tick(9000);
    expect(peer.health.state).to.equal('down');
  });

  it('counts from the last heartbeat, and a heartbeat takes every miss back', () => {
    const peer = upPeer();
    peer.tick(3500);
    expect(peer.health.missed).to.equal(3);
    expect(changesOf(peer.beat(3900))).to.deep.equal(['suspect -> up']);
    expect(peer.health.missed).to.equal(0);
    peer.tick(7899);
    expect(peer.health.state).to.equal('suspect');
    peer.tick(7900);
    expect(peer.health.state).to.equal('down');
  });

  it('never judges a peer that it has never heard', () => {
    const peer = new HealthDriver();
    expect(peer.tick(1_000_000)).to.deep.equal([]);
    expect(peer.health.state).to.equal('unknown');
    expect(nextDeadline(peer.health, peer.config)).to.equal(Infinity);
  });

  it('judges nobody while the exchange is switched off', () => {
    const peer = upPeer({ intervalMs: Infinity });
    expect(nextDeadline(peer.health, peer.config)).to.equal(Infinity);
    expect(peer.tick(1e12)).to.deep.equal([]);
    expect(peer.health.state).to.equal('up');
  });
});
