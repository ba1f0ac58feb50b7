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
