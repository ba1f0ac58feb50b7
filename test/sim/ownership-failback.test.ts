import { expect } from 'chai';
import type { HistoryEntry, OwnershipView } from '../../src/ports/ownership-api.ts';
import { SimWorld } from './sim-world.ts';

/** The home of the work, which dc2 has taken over and gives back by itself. */
const HOME = 'dc1';
const DELAY_MS = 4000;
/** How often the owner looks, a heartbeat that it waits for, and the move's first word. */
const LOOK_MS = 3000;
const SETTINGS = { requestTimeoutMs: 1000, releaseTimeoutMs: 500 };
/** What dc1 takes; dc2 takes more. */
const MOST_BYTES = 1000;

async function pair(): Promise<SimWorld> {
  const world = new SimWorld({
    seed: 9,
    settings: SETTINGS,
    settingsOf: {
      dc1: { snapshotMaxBytes: MOST_BYTES, takeoverPolicy: 'manual' },
      dc2: { failback: 'automatic', failbackDelayMs: DELAY_MS },
    },
  });
  await world.begin();
  world.gateway(HOME).application.post('orders');
  await world.run(1000);
  return world;
}

/** dc1 died, and dc2 does its work. */
async function takenOver(): Promise<SimWorld> {
  const world = await pair();
  world.gateway(HOME).kill();
  await world.run(10_000);
  expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true });
  return world;
}

function rowAt(world: SimWorld, name: string): OwnershipView {
  return world.gateway(name).gateway!.api.ownership.row(HOME);
}

/** When dc2 began to give the work back, each time. */
function begunAt(world: SimWorld): readonly number[] {
  return world.oracle.events.flatMap(({ at, gateway, event }) =>
    gateway === 'dc2' && event.type === 'move-started' ? [at] : [],
  );
}

/** A move that is refused has changed nothing, but it was tried, and the operator's history fills with such. */
async function refusals(world: SimWorld): Promise<readonly HistoryEntry[]> {
  const entries = await world.gateway('dc2').gateway!.api.ownership.history(0, 100);
  return entries.filter(({ kind }) => kind === 'refused');
}

/** From the moment on at which nothing spoke against it, the whole delay has passed, and little more. */
async function expectHomeAfter(world: SimWorld, goodAt: number): Promise<void> {
  await world.run(DELAY_MS + LOOK_MS + 10_000);
  const [begun = 0, ...others] = begunAt(world);
  expect(others).to.deep.equal([]);
  expect(begun - goodAt).to.be.within(DELAY_MS, DELAY_MS + LOOK_MS);
  expect(rowAt(world, HOME)).to.include({ owner: HOME, reason: 'failback', primary: true });
}

describe('failback=automatic', () => {
  it('waits for people while a conflict is unacknowledged', async () => {
    const world = await pair();
    world.network.cut(HOME, 'dc2');
    await world.run(15_000);
    world.network.heal(HOME, 'dc2');
    await world.run(10 * DELAY_MS);
    expect(world.gateway('dc2').stateOf(HOME)).to.equal('up');
    expect(rowAt(world, 'dc2').conflict?.acknowledged).to.equal(false);
    expect(rowAt(world, 'dc2').owner).to.equal('dc2');
    expect(begunAt(world)).to.deep.equal([]);
    void world.gateway('dc2').gateway!.api.ownership.acknowledge(HOME, 'a test');
    await expectHomeAfter(world, world.timeline.now);
  });

  it('does not begin while the application at home is critical, and counts the delay anew after it', async () => {
    const world = await takenOver();
    const { application } = world.gateway(HOME);
    world.gateway(HOME).start();
    await world.run(2000);
    application.tellHealth('critical');
    // For fewer heartbeats than it takes to be declared down.
    await world.run(2500);
    expect(world.gateway('dc2').stateOf(HOME)).to.equal('up');
    application.tellHealth('passing');
    await expectHomeAfter(world, world.timeline.now);
    expect(await refusals(world)).to.deep.equal([]);
  });

  it('does not begin while the home is not in sync, and counts the delay anew after it', async () => {
    const world = await takenOver();
    const { application } = world.gateway('dc2');
    // More than the home takes: it waits for ever.
    application.post('orders', 2 * MOST_BYTES, HOME);
    await world.run(1000);
    world.gateway(HOME).start();
    await world.run(10 * DELAY_MS);
    expect(world.gateway('dc2').stateOf(HOME)).to.equal('up');
    expect(rowAt(world, 'dc2').behind?.versions).to.equal(1);
    expect(begunAt(world)).to.deep.equal([]);
    expect(await refusals(world)).to.deep.equal([]);
    application.post('orders', 20, HOME);
    await expectHomeAfter(world, world.timeline.now);
  });

  it('is tried less and less often where the application at home never takes it: meanwhile nobody does the work', async () => {
    const world = await takenOver();
    const { application } = world.gateway(HOME);
    application.isIdle = true;
    world.gateway(HOME).start();
    await world.run(3_600_000);
    const begun = begunAt(world);
    expect(begun).to.have.length.within(4, 7);
    const waits = begun.slice(1).map((at, index) => at - (begun[index] ?? 0));
    for (const [index, wait] of waits.entries()) expect(wait).to.be.above(1.8 * (waits[index - 1] ?? 0));
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true });
    application.isIdle = false;
    await world.run(5_400_000);
    expect(rowAt(world, HOME)).to.include({ owner: HOME, reason: 'failback', primary: true });
  });
});
