import { expect } from 'chai';
import type { MovePhase } from '../../src/core/move.ts';
import { moveRequest } from './move-request.ts';
import { postedWorld } from './posted-world.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

/** Every move here is of the work of dc1. */
const WORKLOAD = 'dc1';
const PAIR = ['dc1', 'dc2'];
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };
const NOT_READABLE = 'the store "held" is not readable here, so it is not known what there is to hand over';

const rowAt = (world: SimWorld, name: string) => world.gateway(name).gateway!.api.ownership.row(WORKLOAD);

async function move(world: SimWorld, at: string, to: string, ms: number): Promise<string> {
  const moved = world
    .gateway(at)
    .gateway!.api.ownership.move(moveRequest(WORKLOAD, to))
    .then(
      () => 'accepted',
      (error: unknown) => String(error),
    );
  await world.run(ms);
  return moved;
}

/** Begins a move that nobody but a crash holds up, and stops when its owner says that it has come so far. */
async function movedUntil(world: SimWorld, at: string, to: string, phase: MovePhase): Promise<void> {
  void move(world, at, to, 0);
  for (let ms = 0; ms < 30_000 && rowAt(world, at).move?.phase !== phase; ms += 1) await world.run(1);
  expect(rowAt(world, at).move?.phase).to.equal(phase);
}

/** Starts the gateway anew while what it holds cannot be reached. */
function restartWithout(gateway: SimGateway): void {
  gateway.kill();
  gateway.disk.away.add('held');
  gateway.start();
}

/** dc1 has died, dc2 does its work with what it holds, and its application has posted nothing anew; dc3 comes later. */
async function takenOver(): Promise<SimWorld> {
  const world = new SimWorld({ seed: 3, names: ['dc1', 'dc2', 'dc3'], settings: SETTINGS });
  for (const name of PAIR) world.gateway(name).start();
  await world.run(2000);
  world.gateway('dc1').application.post('orders');
  await world.run(2000);
  world.gateway('dc1').kill();
  await world.run(20_000);
  expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true });
  return world;
}

describe('a planned move to a data centre that does not know what it holds', () => {
  it('is rolled back when its time is over, and the old owner serves again', async () => {
    const world = await postedWorld(PAIR);
    await movedUntil(world, 'dc1', 'dc2', 'releasing');
    restartWithout(world.gateway('dc2'));
    await world.run(30_000);
    for (const name of PAIR) {
      expect(rowAt(world, name)).to.include({ owner: 'dc1', epoch: 1, primary: name === 'dc1' });
      expect(rowAt(world, name).move).to.include({
        phase: 'rolled-back',
        reason: 'the application at "dc2" did not acknowledge in time',
      });
    }
    expect(world.gateway('dc2').application.absorbed).to.deep.equal([]);
  });

  it('goes on when it is known', async () => {
    const world = await postedWorld(PAIR, { requestTimeoutMs: 60_000 });
    const { application, disk } = world.gateway('dc2');
    world.gateway('dc1').application.whenAsked = () => world.gateway('dc1').application.post('orders');
    await movedUntil(world, 'dc1', 'dc2', 'releasing');
    restartWithout(world.gateway('dc2'));
    await world.run(20_000);
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', primary: false });
    expect(application.absorbed).to.deep.equal([]);
    disk.away.clear();
    await world.run(20_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true });
    expect(application.absorbed).to.have.length(1);
  });
});

describe('with heartbeats switched off, a planned move to a data centre that does not know what it holds', () => {
  it('goes on when it is known, though nobody says another word', async () => {
    const world = await postedWorld(PAIR, { heartbeatIntervalMs: Infinity, requestTimeoutMs: 20_000 });
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    const { application, disk } = dc2;
    restartWithout(dc2);
    await world.run(100);
    // A heartbeat of each beside the rhythm, so that dc1 has heard dc2, and that dc2 hears it.
    for (const { gateway } of [dc1, dc2]) {
      void gateway!.api.watermarks.put('published', { seq: 1 }, { flush: true });
      await world.run(500);
    }
    expect(world.gateway('dc1').stateOf('dc2')).to.equal('up');
    await movedUntil(world, 'dc1', 'dc2', 'handing-over');
    await world.run(5000);
    expect(rowAt(world, 'dc1').move?.phase).to.equal('handing-over');
    disk.away.clear();
    await world.run(20_000);
    expect(application.absorbed).to.have.length(1);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true });
  });
});

describe('a planned move to a data centre that has nothing of what is handed over', () => {
  it('is rolled back, and says so', async () => {
    const world = await postedWorld(PAIR, { retainHeldAtStartup: false });
    const dc2 = world.gateway('dc2');
    // What it held before is set aside at its start, and that is what the owner knows to be there.
    dc2.kill();
    dc2.start();
    await world.run(5000);
    expect(dc2.rows('held').map(({ place }) => place)).to.deep.equal(['set-aside']);
    expect(await move(world, 'dc1', 'dc2', 30_000)).to.equal('accepted');
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1, primary: true });
    expect(rowAt(world, 'dc1').move).to.include({
      phase: 'rolled-back',
      reason: '"dc2" refused: nothing is there of the snapshot that is handed over',
    });
    // With a fresh one there is something again.
    world.gateway('dc1').application.post('orders');
    await world.run(2000);
    expect(await move(world, 'dc1', 'dc2', 30_000)).to.equal('accepted');
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true });
  });
});

describe('an owner that does not know what it holds', () => {
  it('begins no move of work that others did before it', async () => {
    const world = await takenOver();
    restartWithout(world.gateway('dc2'));
    world.gateway('dc3').start();
    await world.run(10_000);
    expect(await move(world, 'dc2', 'dc3', 60_000)).to.contain(`in-sync: ${NOT_READABLE}`);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true, move: null });
    world.gateway('dc2').disk.away.clear();
    await world.run(15_000);
    expect(await move(world, 'dc2', 'dc3', 60_000)).to.equal('accepted');
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc3', primary: true });
    expect(world.gateway('dc3').application.absorbed).to.have.length(1);
  });

  for (const phase of ['snapshots', 'releasing'] as const)
    it(`rolls back one that a crash cut off in ${phase}`, async () => {
      const world = await takenOver();
      world.gateway('dc3').start();
      await world.run(5000);
      await movedUntil(world, 'dc2', 'dc3', phase);
      restartWithout(world.gateway('dc2'));
      await world.run(40_000);
      expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true });
      expect(rowAt(world, 'dc2').move).to.include({ phase: 'rolled-back', reason: NOT_READABLE });
      // Nobody stands down for what cannot be handed over.
      const releasing = world.oracle.events.filter(({ event }) => event.type === 'owner-releasing');
      if (phase === 'snapshots') expect(releasing).to.deep.equal([]);
      expect(world.gateway('dc3').application.absorbed).to.deep.equal([]);
    });

  it('gives away all the same what nobody else ever did', async () => {
    const world = await postedWorld(PAIR);
    restartWithout(world.gateway('dc1'));
    await world.run(10_000);
    expect(await move(world, 'dc1', 'dc2', 30_000)).to.equal('accepted');
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true });
    expect(world.gateway('dc2').application.absorbed).to.have.length(1);
  });
});
