import { expect } from 'chai';
import type { MoveRequest } from '../../src/ports/ownership-api.ts';
import { BY_FORCE, moveRequest } from './move-request.ts';
import { SimWorld } from './sim-world.ts';

const WORKLOAD = 'dc1';
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };
const YEAR_MS = 365 * 86_400_000;

function newest(world: SimWorld, name: string): number {
  return world.gateway(name).application.newestAccepted.get(`${WORKLOAD}\0orders`)!.version;
}

/** All that this world has now is everywhere, and nobody's application posts anything more. */
async function heal(world: SimWorld): Promise<void> {
  for (const one of world.gateways)
    for (const other of world.gateways) if (one !== other) world.network.heal(one.name, other.name);
  await world.run(5000);
}

/** dc2 took over the work of dc1, which was only cut off and goes on posting. */
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
  for (let each = 0; each < 3; each += 1) dc1.application.post('orders', 20, WORKLOAD);
  await world.run(1000);
  expect(newest(world, 'dc2')).to.be.above(newest(world, 'dc1'));
  await heal(world);
  return world;
}

/** Nobody could speak to anybody: dc2 and dc3 took over the work of dc1 under one epoch, and dc2 was told to keep it. */
async function contested(): Promise<SimWorld> {
  const names = ['dc1', 'dc2', 'dc3'];
  const world = new SimWorld({ seed: 3, names, settings: SETTINGS });
  await world.begin();
  world.gateway('dc1').application.post('orders');
  await world.run(2000);
  world.network.cut('dc1', 'dc2');
  world.network.cut('dc1', 'dc3');
  world.network.cut('dc2', 'dc3');
  await world.run(20_000);
  for (const [name, posts] of [
    ['dc2', 1],
    ['dc3', 3],
  ] as const) {
    expect(world.gateway(name).gateway?.api.ownership.row(WORKLOAD)).to.include({ owner: name, epoch: 2 });
    for (let each = 0; each < posts; each += 1) {
      world.gateway(name).application.post('orders', 20, WORKLOAD);
      await world.run(500);
    }
  }
  expect(newest(world, 'dc3')).to.be.above(newest(world, 'dc2'));
  // What dc3 posted has not come to dc2 yet when dc2 is told; dc1 tells both of each other.
  world.network.heal('dc1', 'dc2');
  world.network.heal('dc1', 'dc3');
  await world.run(5000);
  expect(world.gateway('dc2').gateway?.api.ownership.row(WORKLOAD).contestedBy).not.to.equal(null);
  world.ownership.excuse();
  await move(world, 'dc2', BY_FORCE);
  await heal(world);
  return world;
}

async function move(world: SimWorld, to: string, forced: Partial<MoveRequest> = {}): Promise<void> {
  const moved = world.gateway('dc2').gateway!.api.ownership.move(moveRequest(WORKLOAD, to, forced));
  await world.run(40_000);
  await moved;
  for (const { gateway } of world.gateways) expect(gateway?.api.ownership.row(WORKLOAD).owner).to.equal(to);
}

/** The newest that the application there has taken in of the workload was posted at dc2. */
function expectOfDc2(world: SimWorld, name: string): void {
  const gateway = world.gateway(name);
  const absorbed = gateway.application.absorbed.filter(({ workload }) => workload === WORKLOAD).at(-1);
  const given = (['held', 'returned'] as const)
    .flatMap((place) => gateway.rows(place))
    .find(({ key, version }) => key.workload === WORKLOAD && version === absorbed?.version);
  const posted = world.gateway('dc2').application.digests.get('orders');
  expect(posted?.has(given?.sha256 ?? '')).to.equal(true);
}

describe('what the owner accepted after it had taken over', () => {
  for (const [what, skewMs] of [
    ['posted later', 0],
    ['has a clock that is two hundred years ahead', 200 * YEAR_MS],
  ] as const) {
    it(`goes home, though the home data centre had lost the work and ${what}`, async () => {
      const world = await crossed(['dc1', 'dc2'], skewMs);
      await move(world, 'dc1');
      expect(world.gateway('dc1').application.absorbed.map(({ dataCenter }) => dataCenter)).to.deep.equal(['dc2']);
      expectOfDc2(world, 'dc1');
    });

    it(`goes to a third data centre, though the home data centre had lost the work and ${what}`, async () => {
      const world = await crossed(['dc1', 'dc2', 'dc3'], skewMs);
      await move(world, 'dc3');
      expectOfDc2(world, 'dc3');
    });

    for (const survivor of ['dc1', 'dc3']) {
      it(`is what ${survivor} begins with when the owner dies next, though dc1 had lost the work and ${what}`, async () => {
        const world = await crossed(['dc1', 'dc2', 'dc3'], skewMs);
        // As an operator does once the reason of the first takeover is understood.
        await world.gateway('dc2').gateway!.api.ownership.acknowledge(WORKLOAD, 'test');
        await world.run(2000);
        if (survivor === 'dc3') world.gateway('dc1').kill();
        world.gateway('dc2').kill();
        await world.run(20_000);
        expect(world.gateway(survivor).gateway?.api.ownership.row(WORKLOAD).owner).to.equal(survivor);
        expectOfDc2(world, survivor);
      });
    }
  }

  it('goes home, though another took over under the same epoch and posted more', async () => {
    const world = await contested();
    await move(world, 'dc1');
    expectOfDc2(world, 'dc1');
  });

  it('is what its next owner begins with, though full disks made the epochs jump again and again before', async () => {
    const world = new SimWorld({ seed: 3, settings: SETTINGS });
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    // What was taken over without a word on the disk may be heard of late.
    world.ownership.excuse();
    await world.begin();
    dc1.application.post('orders');
    await world.run(2000);
    for (let death = 0; death < 5; death += 1) {
      dc2.failDisk('store-full');
      dc1.kill();
      await world.run(10_000);
      dc2.failDisk(null);
      await world.run(30_000);
      dc1.start();
      await world.run(5000);
      await move(world, 'dc1');
    }
    expect(dc1.gateway?.api.ownership.row(WORKLOAD).epoch).to.be.above(100);
    world.network.cut('dc1', 'dc2');
    await world.run(10_000);
    dc2.application.post('orders', 20, WORKLOAD);
    await world.run(1000);
    for (let each = 0; each < 5; each += 1) dc1.application.post('orders', 20, WORKLOAD);
    await world.run(1000);
    await heal(world);
    dc2.kill();
    await world.run(20_000);
    expect(dc1.gateway?.api.ownership.row(WORKLOAD).owner).to.equal('dc1');
    expectOfDc2(world, 'dc1');
  });
});
