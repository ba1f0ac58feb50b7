import { expect } from 'chai';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { Stage } from './stage.ts';

describe('an incarnation', () => {
  it('grows from run to run, also when the clock went back', async () => {
    const disk = new MemoryDisk();
    const first = await new Stage({ disk }).load();
    const later = new Stage({ disk });
    later.clock.wallMs = () => 1;
    await later.load();
    expect(later.identity.incarnation).to.be.greaterThan(first.identity.incarnation);
  });

  it('that the disk did not take is kept apart by chance from what the next run is given', async () => {
    const disk = new MemoryDisk();
    disk.failAll('store-full');
    const unlucky = new Stage({ disk, random: () => 0.5 });
    await unlucky.load();
    const next = await new Stage().load();
    expect(unlucky.identity.incarnation).not.to.equal(next.identity.incarnation);
  });

  it('is raised above what a peer has heard, and the count begins anew', async () => {
    const { identity } = await new Stage().load();
    identity.nextCount();
    const seen = identity.incarnation + 1000;
    await identity.raiseAbove(seen);
    expect(identity.incarnation).to.be.greaterThan(seen);
    expect(identity.sent).to.equal(0);
  });

  it('is not raised again at once, so that two gateways of one name do not chase each other', async () => {
    const { identity, clock } = await new Stage().load();
    await identity.raiseAbove(identity.incarnation + 1);
    const raised = identity.incarnation;
    await identity.raiseAbove(raised + 1);
    expect(identity.incarnation).to.equal(raised);
    await clock.advance(10_000);
    await identity.raiseAbove(raised + 1);
    expect(identity.incarnation).to.be.greaterThan(raised);
  });

  it('of every run up to now is known as ours, another is not', async () => {
    const { identity } = await new Stage().load();
    const first = identity.incarnation;
    await identity.raiseAbove(first);
    expect(identity.isOurs(first)).to.equal(true);
    expect(identity.isOurs(identity.incarnation)).to.equal(true);
    expect(identity.isOurs(first - 1)).to.equal(false);
  });
});
