import { expect } from 'chai';
import { rememberedPeer } from '../../../src/core/peer-state.ts';
import { hearsUs, isRefused, nextDeadline } from '../../../src/core/silence.ts';
import { HealthDriver, changesOf, upPeer } from './health-driver.ts';

/** Silent since 0, but answering each of our heartbeats until (and with) the given time. */
function answeringPeer(until: number): HealthDriver {
  const peer = upPeer();
  for (let at = 500; at <= until; at += 500) {
    peer.answered(at);
    peer.tick(at);
  }
  return peer;
}

describe('a peer that answers but is not heard', () => {
  it('stays suspect with the reason one-way at the N-th interval', () => {
    const peer = answeringPeer(3900);
    expect(changesOf(peer.tick(4000))).to.deep.equal(['suspect -> suspect (one-way)']);
  });

  it('stays so as long as it answers, and says so once', () => {
    const peer = answeringPeer(4000);
    for (let at = 5000; at < 60_000; at += 1000) {
      peer.answered(at);
      expect(peer.tick(at + 999)).to.deep.equal([]);
    }
    expect(peer.health.state).to.equal('suspect');
    expect(peer.health.missed).to.equal(3);
  });

  it('is down when the last answer is more than an interval old', () => {
    const peer = answeringPeer(5000);
    expect(changesOf(peer.tick(6000))).to.deep.equal([]);
    expect(changesOf(peer.tick(6250))).to.deep.equal(['suspect -> down (silence)']);
  });

  it('is down at the N-th interval when it answered long ago', () => {
    const peer = upPeer();
    peer.answered(100);
    peer.tick(3999);
    expect(changesOf(peer.tick(4000))).to.deep.equal(['suspect -> down (silence)']);
  });

  it('is one-way also when one miss is allowed', () => {
    const peer = upPeer({ missesAllowed: 1 });
    peer.answered(1000);
    expect(changesOf(peer.tick(1500))).to.deep.equal(['up -> suspect (one-way)']);
    expect(changesOf(peer.tick(2250))).to.deep.equal(['suspect -> down (silence)']);
  });

  it('takes the longer interval as the last one', () => {
    const peer = upPeer({ intervalMs: 1000 }, { intervalMs: 10_000 });
    peer.answered(35_000);
    expect(changesOf(peer.tick(40_000)).at(-1)).to.equal('up -> suspect (one-way)');
  });

  it('is up with the next heartbeat', () => {
    expect(changesOf(answeringPeer(4000).beat(4100))).to.deep.equal(['suspect -> up']);
  });

  it('wakes the judge at the N-th interval although an answer is fresh', () => {
    const peer = answeringPeer(3900);
    expect(nextDeadline(peer.health, peer.config)).to.equal(4000);
  });
});

describe('a peer that refuses us', () => {
  function refusingPeer(until: number): HealthDriver {
    const peer = upPeer();
    for (let at = 500; at <= until; at += 1000) peer.refused(at);
    return peer;
  }

  it('is down with the reason refused when it falls silent', () => {
    expect(changesOf(refusingPeer(3500).tick(4000)).at(-1)).to.equal('up -> down (refused)');
  });

  it('is down with the reason refused when its application is critical', () => {
    const peer = refusingPeer(3500);
    for (const at of [3600, 3700, 3800]) peer.beat(at, { application: 'critical' });
    expect(changesOf(peer.beat(3900, { application: 'critical' }))).to.deep.equal(['up -> down (refused)']);
    peer.beat(4000, { application: 'critical' });
    expect(peer.health.reason).to.equal('refused');
  });

  it('is up as long as its heartbeats come', () => {
    const peer = upPeer();
    for (let at = 1000; at < 20_000; at += 1000) {
      peer.refused(at);
      peer.beat(at);
    }
    expect(peer.health.state).to.equal('up');
  });

  it('is shown as such also when it was down before, without a second event', () => {
    const peer = upPeer();
    peer.tick(4000);
    expect(peer.refused(5000)).to.deep.equal([]);
    expect(peer.health.reason).to.equal('refused');
  });

  it('ends to be one when no refusal came for N beats; what was held back may go on', () => {
    const peer = refusingPeer(3500);
    peer.tick(4000);
    expect(peer.tick(7749)).to.deep.equal([]);
    expect(peer.tick(7750)).to.deep.equal([{ kind: 'refusal-ended' }]);
    expect(peer.health).to.include({ state: 'down', reason: 'silence' });
    expect(peer.tick(9000)).to.deep.equal([]);
  });

  it('of which only one of several machines refuses us, is one as long as our heartbeats go round', () => {
    const peer = upPeer({ missesAllowed: 1, machines: 3 });
    peer.refused(1400);
    peer.tick(1500);
    for (const at of [4400, 7400, 10_400]) {
      expect(peer.tick(at - 1)).to.deep.equal([]);
      peer.refused(at);
    }
    expect(peer.health.reason).to.equal('refused');
  });

  it('holds everything back as long as it answers us again, and until it falls silent', () => {
    const peer = refusingPeer(3500);
    peer.tick(4000);
    for (let at = 5000; at <= 20_000; at += 1000) {
      peer.answered(at);
      expect(peer.tick(at + 900)).to.deep.equal([]);
    }
    expect(peer.tick(21_250)).to.deep.equal([{ kind: 'refusal-ended' }]);
  });

  it('asks for the judge also when the refusal ended with an answer', () => {
    const peer = refusingPeer(3500);
    peer.tick(4000);
    peer.answered(5000);
    expect(nextDeadline(peer.health, peer.config)).to.equal(6250);
  });

  it('falls back to the reason that lay beneath when the refusal ends', () => {
    const peer = refusingPeer(500);
    for (const at of [1000, 2000, 3000, 4000]) peer.beat(at, { application: 'critical' });
    expect(peer.health.reason).to.equal('refused');
    peer.tick(60_000);
    expect(peer.health.reason).to.equal('application-critical');
  });

  it('is up again with its next heartbeat', () => {
    const peer = refusingPeer(3500);
    peer.tick(4000);
    expect(changesOf(peer.beat(5000))).to.deep.equal(['down -> up']);
  });

  it('is not taken to have ended it because we slept or were restarted', () => {
    const asleep = refusingPeer(3500);
    asleep.tick(4000);
    asleep.paused(100_000, 95_000);
    expect(asleep.tick(100_000)).to.deep.equal([]);

    const restarted = new HealthDriver(
      {},
      rememberedPeer({ state: 'down', reason: 'refused', order: null }, true, 500),
    );
    expect(restarted.tick(500)).to.deep.equal([]);
    expect(isRefused(restarted.health, restarted.config, 4000)).to.equal(true);
    expect(restarted.tick(4750)).to.deep.equal([{ kind: 'refusal-ended' }]);
  });
});

describe('whether the peer hears us', () => {
  it('is not known before anything came from it', () => {
    const peer = new HealthDriver();
    expect(hearsUs(peer.health, peer.config, 100_000)).to.equal(null);
  });

  it('is not known after our own restart, until something came from it', () => {
    const peer = new HealthDriver({}, rememberedPeer({ state: 'up', reason: null, order: null }, true, 0));
    expect(hearsUs(peer.health, peer.config, 100)).to.equal(null);
    peer.beat(200, { heardUsAgoMs: null });
    expect(hearsUs(peer.health, peer.config, 200)).to.equal(false);
  });

  it('is true when it answered within the last interval', () => {
    const peer = new HealthDriver();
    peer.answered(0);
    expect(hearsUs(peer.health, peer.config, 1200)).to.equal(true);
    expect(hearsUs(peer.health, peer.config, 1300)).to.equal(false);
  });

  it('is true when, by its own word, it heard us within two intervals', () => {
    const peer = upPeer({}, { heardUsAgoMs: 500 });
    expect(hearsUs(peer.health, peer.config, 1499)).to.equal(true);
    expect(hearsUs(peer.health, peer.config, 1500)).to.equal(false);
  });

  it('is false when its heartbeats say that it does not', () => {
    const peer = upPeer({}, { heardUsAgoMs: null });
    for (let at = 1000; at < 9000; at += 1000) peer.beat(at, { heardUsAgoMs: at });
    expect(hearsUs(peer.health, peer.config, 9000)).to.equal(false);
    expect(peer.health.state).to.equal('up');
  });
});
