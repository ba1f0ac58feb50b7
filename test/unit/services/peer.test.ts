import { expect } from 'chai';
import { Peer } from '../../../src/services/peer.ts';
import { Stage } from './stage.ts';

function peer(): Peer {
  return new Peer({ name: 'dc2', machines: ['127.0.0.1:1'] }, new Stage().context);
}

describe('the live incarnations of a peer', () => {
  it('are none before it was heard', () => {
    expect(peer().liveIncarnations(-Infinity)).to.equal(0);
  });

  it('are one after it was restarted, although the run before was heard a moment ago', () => {
    const restarted = peer();
    restarted.noteIncarnation(1, 100);
    restarted.noteIncarnation(2, 110);
    expect(restarted.liveIncarnations(0)).to.equal(1);
  });

  it('are two when the older one is heard again after the newer', () => {
    const twice = peer();
    twice.noteIncarnation(1, 100);
    twice.noteIncarnation(2, 110);
    twice.noteIncarnation(1, 120);
    expect(twice.liveIncarnations(0)).to.equal(2);
    expect(twice.liveIncarnations(115)).to.equal(1);
  });

  it('are remembered within a bound', () => {
    const flapping = peer();
    for (let incarnation = 1; incarnation <= 1000; incarnation += 1) flapping.noteIncarnation(incarnation, incarnation);
    for (let incarnation = 1; incarnation <= 999; incarnation += 1) flapping.noteIncarnation(incarnation, 2000);
    expect(flapping.liveIncarnations(0)).to.be.at.most(16);
  });
});

describe('a return to a peer', () => {
  it('needs the versions that are planned, of that peer and workload alone', () => {
    const target = peer();
    const key = { dataCenter: 'dc2', workload: 'dc2', origin: 'a' };
    expect(target.isReturning(key, 7)).to.equal(false);
    target.returning = [{ returnId: '1', total: 1, workload: 'dc2', origin: 'a', version: 7 }];
    expect(target.isReturning(key, 7)).to.equal(true);
    expect(target.isReturning(key, 8)).to.equal(false);
    for (const other of [{ dataCenter: 'dc3' }, { workload: 'dc3' }, { origin: 'b' }])
      expect(target.isReturning({ ...key, ...other }, 7)).to.equal(false);
  });
});
