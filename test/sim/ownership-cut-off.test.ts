import { expect } from 'chai';
import { moveRequest } from './move-request.ts';
import { SimWorld } from './sim-world.ts';

const WORKLOAD = 'dc1';

function move(world: SimWorld, at: string, to: string): void {
  void world.gateway(at).gateway!.api.ownership.move(moveRequest(WORKLOAD, to));
}

describe('a planned move that a crash cut off', () => {
  it('brings the watermarks home, whose gateway died with the state returned and the delivery not made yet', async () => {
    const world = new SimWorld({ seed: 11, settings: { requestTimeoutMs: 10_000, releaseTimeoutMs: 500 } });
    await world.begin();
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.application.post('orders');
    await world.run(1000);
    dc1.kill();
    await world.run(10_000);
    dc1.start();
    await world.run(5000);
    void dc2.gateway!.api.watermarks.put('published', { seq: 2 }, { flush: true });
    dc2.application.whenAsked = ({ workload }) => {
      if (workload === WORKLOAD) dc2.application.post('orders', 20, WORKLOAD);
    };
    await world.run(1000);
    dc1.application.isIdle = true;
    let isStruck = false;
    dc1.disk.around = (moment) => {
      if (isStruck || moment !== 'after' || dc1.rows('returned').length === 0) return;
      isStruck = true;
      dc1.kill();
      world.timeline.after(1500, null, () => dc1.start());
    };
    move(world, 'dc2', 'dc1');
    await world.run(6000);
    expect(isStruck).to.equal(true);
    const [open] = dc1.gateway!.api.deliveries('open');
    expect(open).to.deep.include({ dataCenter: 'dc2', epoch: 3, watermarks: { published: { seq: 2 } } });
  });

  for (const [what, isOneWay] of [
    ['hears', false],
    ['does not hear', true],
  ] as const) {
    it(`is not gone on with by its target when a former owner returns with it, who ${what} who owns it now`, async () => {
      const settings = { requestTimeoutMs: 1000, releaseTimeoutMs: 500, takeoverOrder: ['dc3'] };
      const world = new SimWorld({ seed: 11, names: ['dc1', 'dc2', 'dc3'], settings });
      await world.begin();
      const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
      dc1.application.post('orders');
      await world.run(1000);
      let isStruck = false;
      dc1.disk.around = (moment) => {
        const record = [...dc1.disk.records].find(([name]) => name.startsWith('moves/'))?.[1];
        if (isStruck || moment !== 'after' || record?.includes('"handing-over"') !== true) return;
        isStruck = true;
        dc1.kill();
      };
      move(world, 'dc1', 'dc2');
      await world.run(20_000);
      expect(isStruck).to.equal(true);
      expect(dc2.gateway!.api.ownership.row(WORKLOAD)).to.include({ owner: 'dc3', epoch: 3 });
      if (isOneWay) {
        // dc1 speaks to dc2, and hears nobody.
        world.network.cut('dc1', 'dc3');
        world.network.change('dc2', 'dc1', { isCut: true });
        // What was under way before has come to nobody.
        await world.run(100);
      }
      dc1.start();
      await world.run(3000);
      expect(dc2.gateway!.api.deliveries()).to.deep.equal([]);
    });
  }
});
