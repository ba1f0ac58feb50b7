import { expect } from 'chai';
import { HealthDriver, changesOf, upPeer } from './health-driver.ts';

function downPeer(config: ConstructorParameters<typeof HealthDriver>[0] = {}): HealthDriver {
  const peer = upPeer(config);
  peer.tick(4000);
  return peer;
}

describe('the recovery of a peer that is down', () => {
  it('needs one heartbeat by default', () => {
    expect(changesOf(downPeer().beat(9000))).to.deep.equal(['down -> up']);
  });

  it('needs as many heartbeats in a row as configured', () => {
    const peer = downPeer({ beatsToRecover: 3 });
    expect(peer.beat(9000)).to.deep.equal([]);
    expect(peer.beat(10_000)).to.deep.equal([]);
    expect(changesOf(peer.beat(11_000))).to.deep.equal(['down -> up']);
  });

  it('begins to count again after a heartbeat was missed', () => {
    const peer = downPeer({ beatsToRecover: 3 });
    peer.beat(9000);
    peer.beat(10_000);
    peer.beat(11_500);
    expect(peer.health.state).to.equal('down');
    peer.beat(12_500);
    expect(peer.health.state).to.equal('down');
    peer.beat(13_500);
    expect(peer.health.state).to.equal('up');
  });

  it('counts heartbeats that come a little late as in a row', () => {
    const peer = downPeer({ beatsToRecover: 2 });
    peer.beat(9000);
    expect(changesOf(peer.beat(10_499))).to.deep.equal(['down -> up']);
  });

  it('does not count a heartbeat that came twice', () => {
    const peer = downPeer({ beatsToRecover: 2 });
    peer.beat(9000, { count: 10 });
    peer.beat(9001, { count: 10 });
    expect(peer.health.state).to.equal('down');
  });

  it('gives the recovered peer all its intervals again', () => {
    const peer = downPeer();
    peer.beat(9000);
    peer.tick(12_999);
    expect(peer.health.state).to.equal('suspect');
    expect(changesOf(peer.tick(13_000))).to.deep.equal(['suspect -> down (silence)']);
  });
});

describe('a critical application', () => {
  it('takes its peer down with the N-th critical heartbeat in a row', () => {
    const peer = upPeer();
    for (const at of [1000, 2000, 3000]) expect(peer.beat(at, { application: 'critical' })).to.deep.equal([]);
    expect(changesOf(peer.beat(4000, { application: 'critical' }))).to.deep.equal([
      'up -> down (application-critical)',
    ]);
  });

  it('does not when one heartbeat between them says otherwise', () => {
    const peer = upPeer();
    for (const at of [1000, 2000, 3000]) peer.beat(at, { application: 'critical' });
    peer.beat(4000, { application: 'unknown' });
    for (const at of [5000, 6000, 7000]) peer.beat(at, { application: 'critical' });
    expect(peer.health.state).to.equal('up');
  });

  it('takes its peer down at once when one miss is allowed', () => {
    expect(changesOf(upPeer({ missesAllowed: 1 }).beat(1000, { application: 'critical' }))).to.have.length(1);
  });

  it('says down once while it stays critical', () => {
    const peer = upPeer();
    for (const at of [1000, 2000, 3000, 4000]) peer.beat(at, { application: 'critical' });
    for (const at of [5000, 6000, 7000]) expect(peer.beat(at, { application: 'critical' })).to.deep.equal([]);
    expect(peer.tick(60_000)).to.deep.equal([]);
  });

  it('does not count towards recovery', () => {
    const peer = downPeer({ beatsToRecover: 2 });
    peer.beat(9000);
    peer.beat(10_000, { application: 'critical' });
    peer.beat(11_000);
    expect(peer.health.state).to.equal('down');
    expect(changesOf(peer.beat(12_000))).to.deep.equal(['down -> up']);
  });

  it('lets the peer recover when it is well again', () => {
    const peer = upPeer();
    for (const at of [1000, 2000, 3000, 4000]) peer.beat(at, { application: 'critical' });
    expect(changesOf(peer.beat(5000))).to.deep.equal(['down -> up']);
  });

  it('begins to count anew after an orderly shutdown', () => {
    const peer = upPeer({}, { incarnation: 1 });
    for (const at of [1000, 2000, 3000]) peer.beat(at, { application: 'critical' });
    peer.leave(3500);
    expect(changesOf(peer.beat(9000, { incarnation: 2, application: 'critical' }))).to.deep.equal(['left -> up']);
  });

  it('travels with every heartbeat', () => {
    const peer = upPeer();
    peer.beat(1000, { application: 'critical' });
    expect(peer.health.application).to.equal('critical');
  });
});
