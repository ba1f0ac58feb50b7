import { expect } from 'chai';
import type { OwnershipApi } from '../../src/ports/ownership-api.ts';
import { moveRequest } from './move-request.ts';
import { SimWorld } from './sim-world.ts';

const SEEDS = [1, 2, 3];
const TIMEOUTS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };

async function worldOf(seed: number, ...names: string[]): Promise<SimWorld> {
  const world = new SimWorld({ seed, names, settings: TIMEOUTS });
  await world.begin();
  return world;
}

function ownershipOf(world: SimWorld, name: string): OwnershipApi {
  const { gateway } = world.gateway(name);
  if (gateway === null) throw new Error(`${name} does not run`);
  return gateway.api.ownership;
}

function scenario(name: string, play: (seed: number) => Promise<void>): void {
  it(name, async () => {
    for (const seed of SEEDS) await play(seed);
  });
}

describe('a takeover of what nothing is held of', () => {
  scenario('follows all the same when its home had only given back what was not its own', async (seed) => {
    const world = await worldOf(seed, 'dc1', 'dc2');
    world.gateway('dc1').application.post('orders');
    await world.run(2000);
    world.gateway('dc1').kill();
    await world.run(10_000);
    world.gateway('dc1').start();
    await world.run(5000);
    const { epoch } = ownershipOf(world, 'dc2').row('dc1');
    const moved = ownershipOf(world, 'dc2').move(moveRequest('dc1', 'dc1', { ifEpoch: epoch }));
    await world.run(30_000);
    await moved;
    expect(ownershipOf(world, 'dc1').row('dc1')).to.include({ owner: 'dc1', reason: 'failback' });
    world.gateway('dc2').kill();
    await world.run(10_000);
    expect(ownershipOf(world, 'dc1').row('dc2')).to.include({ owner: 'dc1', primary: true, blockedBy: null });
  });

  scenario('follows when its home had only posted for the work that it took over', async (seed) => {
    const world = await worldOf(seed, 'dc1', 'dc2', 'dc3');
    world.gateway('dc1').application.post('orders');
    await world.run(2000);
    world.gateway('dc1').kill();
    await world.run(10_000);
    world.gateway('dc2').application.post('orders', 20, 'dc1');
    await world.run(2000);
    world.gateway('dc2').kill();
    await world.run(15_000);
    expect(ownershipOf(world, 'dc3').row('dc2')).to.include({ owner: 'dc3', primary: true, blockedBy: null });
  });

  scenario('follows when its application had withdrawn everything: nothing is lost', async (seed) => {
    const world = await worldOf(seed, 'dc1', 'dc2');
    const { application } = world.gateway('dc1');
    application.post('orders');
    application.post('audit');
    await world.run(2000);
    application.withdraw('orders');
    application.withdraw('audit');
    await world.run(2000);
    world.gateway('dc1').kill();
    await world.run(10_000);
    expect(ownershipOf(world, 'dc2').row('dc1')).to.include({ owner: 'dc2', primary: true, blockedBy: null });
  });

  scenario('waits when only some of it was withdrawn, and the rest is lost', async (seed) => {
    const world = await worldOf(seed, 'dc1', 'dc2');
    const { application } = world.gateway('dc1');
    application.post('orders');
    application.post('audit');
    await world.run(2000);
    application.withdraw('orders');
    await world.run(2000);
    world.gateway('dc2').kill();
    world.gateway('dc2').disk.snapshots.delete('held');
    world.oracle.forget('dc2');
    world.gateway('dc1').kill();
    world.gateway('dc2').start();
    await world.run(10_000);
    expect(ownershipOf(world, 'dc2').row('dc1')).to.include({ owner: 'dc1', blockedBy: 'nothing-held' });
  });
});
