import { expect } from 'chai';
import { SimWorld } from './sim-world.ts';

const WORKLOAD = 'dc1';
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };

/** dc2 took over the work of dc1, which was only cut off, went on posting, and numbers higher than dc2 does. */
async function crossed(names: readonly string[], skewMs: number): Promise<SimWorld> {
  const world = new SimWorld({ seed: 3, names, settings: SETTINGS });
  const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
  await world.begin();
  dc1.application.post('orders');
  await world.run(2000);
  for (const other of names.slice(1)) world.network.cut('dc1', other);
  await world.run(10_000);
  expect(dc2.gateway?.api.ownership.row(WORKLOAD).owner).to.equal('dc2');
  dc2.application.post('orders', 20, WORKLOAD);
  await world.run(1000);
  dc1.skew.jump(skewMs);
  dc1.application.post('orders', 20, WORKLOAD);
  await world.run(1000);
  for (const other of names.slice(1)) world.network.heal('dc1', other);
  await world.run(5000);
  const number = (name: string): number =>
    world.gateway(name).application.newestAccepted.get(`${WORKLOAD}\0orders`)!.version;
  expect(number('dc1')).to.be.above(number('dc2'));
  return world;
}

/** Nobody's application posts anything more: what the owner has is all there is. */
async function move(world: SimWorld, to: string): Promise<void> {
  const request = {
    workload: WORKLOAD,
    to,
    ifEpoch: null,
    force: false,
    acceptDataLoss: false,
    dryRun: false,
    actor: 'test',
  };
  const moved = world.gateway('dc2').gateway!.api.ownership.move(request);
  await world.run(40_000);
  await moved;
  for (const { gateway } of world.gateways) expect(gateway?.api.ownership.row(WORKLOAD).owner).to.equal(to);
}

describe('what the owner accepted after it had taken over', () => {
  for (const [what, skewMs] of [
    ['posted later', 0],
    ['has a clock that is an hour ahead', 3_600_000],
  ] as const) {
    it(`goes home, though the home data centre had lost the work and ${what}`, async () => {
      const world = await crossed(['dc1', 'dc2'], skewMs);
      await move(world, 'dc1');
      const { absorbed } = world.gateway('dc1').application;
      expect(absorbed.map(({ workload, origin, dataCenter }) => [dataCenter, workload, origin])).to.deep.equal([
        ['dc2', WORKLOAD, 'orders'],
      ]);
      const given = world
        .gateway('dc1')
        .rows('returned')
        .find(({ version }) => version === absorbed[0]?.version);
      expect(
        world
          .gateway('dc2')
          .application.digests.get('orders')
          ?.has(given?.sha256 ?? ''),
      ).to.equal(true);
    });

    it(`goes to a third data centre, though the home data centre had lost the work and ${what}`, async () => {
      const world = await crossed(['dc1', 'dc2', 'dc3'], skewMs);
      await move(world, 'dc3');
      const dc3 = world.gateway('dc3');
      const [absorbed] = dc3.application.absorbed.filter(({ workload }) => workload === WORKLOAD);
      const given = dc3
        .rows('held')
        .find(({ key, version }) => key.workload === WORKLOAD && version === absorbed?.version);
      expect(
        world
          .gateway('dc2')
          .application.digests.get('orders')
          ?.has(given?.sha256 ?? ''),
      ).to.equal(true);
    });
  }
});
