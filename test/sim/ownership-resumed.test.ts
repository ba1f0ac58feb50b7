import { expect } from 'chai';
import type { MoveRequest } from '../../src/ports/ownership-api.ts';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import { moveRequest } from './move-request.ts';
import { SimWorld } from './sim-world.ts';

const WORKLOAD = 'dc1';
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };

const wanted = (to: string, changes: Partial<MoveRequest> = {}): MoveRequest => moveRequest(WORKLOAD, to, changes);

async function begun(names: readonly string[], seed = 3): Promise<SimWorld> {
  const world = new SimWorld({ seed, names, settings: SETTINGS });
  await world.begin();
  world.gateway('dc1').application.post('orders');
  await world.run(2000);
  return world;
}

const rowAt = (world: SimWorld, name: string) => world.gateway(name).gateway!.api.ownership.row(WORKLOAD);

describe('a takeover that a crash of its gateway cut off', () => {
  it('takes nothing from an owner that is back meanwhile, however quick its application is', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = await begun(['dc1', 'dc2'], seed);
      const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
      dc2.application.isIdle = true;
      dc1.kill();
      await world.run(8000);
      expect(rowAt(world, 'dc2').takeover?.phase).to.equal('delivering');
      dc2.kill();
      dc2.application.isIdle = false;
      await world.run(1000);
      dc1.start();
      await world.run(10_000 + 50 * seed);
      dc2.start();
      await world.run(4000);
      expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1, primary: true });
      expect(rowAt(world, 'dc2').takeover?.phase).to.equal('cancelled');
    }
  });

  it('begins no work that a third data centre has taken meanwhile, though it hears of that late', async () => {
    const world = await begun(['dc1', 'dc2', 'dc3']);
    const dc2 = world.gateway('dc2');
    dc2.application.isIdle = true;
    world.gateway('dc1').kill();
    await world.run(6000);
    expect(rowAt(world, 'dc2').takeover?.phase).to.equal('delivering');
    dc2.kill();
    await world.run(20_000);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc3', primary: true });
    world.network.cut('dc2', 'dc3');
    await world.run(1000);
    dc2.application.isIdle = false;
    dc2.start();
    await world.run(2500);
    world.network.heal('dc2', 'dc3');
    await world.run(10_000);
    const said = world.oracle.events.filter(
      ({ gateway, event }) => gateway === 'dc2' && event.type === 'takeover-completed',
    );
    expect(said).to.deep.equal([]);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc3' });
  });

  it('goes on where an operator took the work of one that had left in order', async () => {
    const world = await begun(['dc1', 'dc2']);
    const dc2 = world.gateway('dc2');
    void world.gateway('dc1').leave();
    await world.run(5000);
    dc2.application.isIdle = true;
    const asked = dc2.gateway!.api.ownership.move(wanted('dc2'));
    await world.run(3000);
    await asked;
    dc2.kill();
    dc2.application.isIdle = false;
    dc2.start();
    await world.run(15_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true });
  });
});

describe('a takeover whose change of owner takes long to write', () => {
  it('is called off when the owner is heard meanwhile', async () => {
    const world = await begun(['dc1', 'dc2']);
    const dc2 = world.gateway('dc2');
    world.network.cut('dc1', 'dc2');
    dc2.application.isIdle = true;
    await world.run(10_000);
    dc2.application.isIdle = false;
    // The row of the new owner, and whatever is written after it, takes long.
    dc2.pace.latencyMs = 4000;
    while (rowAt(world, 'dc2').takeover?.phase !== 'changing') await world.run(100);
    await world.run(4500);
    world.network.heal('dc1', 'dc2');
    await world.run(60_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1' });
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1, primary: true });
    expect(rowAt(world, 'dc2').takeover?.phase).to.equal('cancelled');
  });
});

describe('a takeover whose disk hangs at the change of owner', () => {
  const typesAt = (world: SimWorld, name: string): string[] =>
    world.oracle.events.filter(({ gateway }) => gateway === name).map(({ event }) => event.type);

  /** What dc2 has is written only after minutes, from the death of dc1 on. */
  async function hanging(settings: Partial<GatewaySettings> = {}) {
    const world = new SimWorld({ seed: 3, settings: { ...SETTINGS, ...settings } });
    await world.begin();
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc2.pace.latencyMs = 200_000;
    dc1.kill();
    await world.run(60_000);
    return { world, dc1, dc2 };
  }

  it('is blocked visibly, and holds up neither the failover command nor what follows from the return', async () => {
    const { world, dc1, dc2 } = await hanging({ failoverCommand: 'call somebody' });
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', blockedBy: 'state-unwritable' });
    expect(rowAt(world, 'dc2').takeover?.phase).to.equal('changing');
    expect(typesAt(world, 'dc2')).to.include('failover-command');
    expect(typesAt(world, 'dc2').filter((type) => type === 'takeover-blocked')).to.have.length(1);
    dc1.start();
    await world.run(10_000);
    expect(typesAt(world, 'dc2')).to.include.members(['peer-up', 'takeover-cancelled']);
    // The row that nobody wants any more may have reached the disk when that goes on.
    dc2.pace.latencyMs = 0;
    await world.run(400_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', epoch: 1 });
    dc2.kill();
    dc2.start();
    await world.run(10_000);
    for (const name of ['dc1', 'dc2']) expect(rowAt(world, name)).to.include({ owner: 'dc1', epoch: 1 });
    expect(rowAt(world, 'dc1').primary).to.equal(true);
  });

  it('is called off for good, though its owner dies again before the disk goes on', async () => {
    const { world, dc1, dc2 } = await hanging();
    dc1.start();
    await world.run(10_000);
    dc1.kill();
    await world.run(20_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', blockedBy: 'state-unwritable' });
    const second = rowAt(world, 'dc2').takeover;
    dc2.pace.latencyMs = 0;
    await world.run(400_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: second?.epoch, primary: true });
    expect(typesAt(world, 'dc2').filter((type) => type === 'owner-changed')).to.have.length(1);
  });

  it('is completed when the disk goes on', async () => {
    const { world, dc2 } = await hanging();
    dc2.pace.latencyMs = 0;
    await world.run(400_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true, blockedBy: null });
    expect(typesAt(world, 'dc2').filter((type) => type === 'takeover-completed')).to.have.length(1);
  });
});

describe('what a former run left of a data centre whose name is learned late', () => {
  /** dc2 is killed, and started without the name of dc1 in its configuration. */
  function forget(world: SimWorld): void {
    const dc2 = world.gateway('dc2');
    dc2.kill();
    dc2.reconfigure({ peers: [{ name: null, machines: ['dc1:25091'] }] });
    dc2.start();
  }

  it('is driven to its end, where it is a move', async () => {
    const world = await begun(['dc1', 'dc2']);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.kill();
    await world.run(10_000);
    dc1.application.isIdle = true;
    dc1.start();
    await world.run(5000);
    const asked = dc2.gateway!.api.ownership.move(wanted('dc1'));
    await world.run(13_000);
    await asked;
    expect(rowAt(world, 'dc2').move?.phase).to.equal('handing-over');
    forget(world);
    dc1.application.isIdle = false;
    await world.run(30_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', epoch: 3 });
    expect(rowAt(world, 'dc2').move?.phase).to.equal('committed');
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', primary: true });
  });

  it('is said, where it is that the work is ours', async () => {
    const world = await begun(['dc1', 'dc2']);
    const dc2 = world.gateway('dc2');
    const asked = world.gateway('dc1').gateway!.api.ownership.move(wanted('dc2'));
    while (rowAt(world, 'dc1').move?.phase !== 'handing-over') await world.run(1);
    // The row is on the disk, and what is said of it takes longer.
    while (rowAt(world, 'dc1').move?.phase !== 'committed') await world.run(1);
    dc2.pace.latencyMs = 1000;
    while (rowAt(world, 'dc2').owner !== 'dc2') await world.run(1);
    await world.run(1500);
    await asked;
    expect(rowAt(world, 'dc2').primary).to.equal(false);
    dc2.pace.latencyMs = 0;
    forget(world);
    await world.run(20_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true });
  });
});

describe('a takeover beside another one', () => {
  it('is called off as soon as it is heard that the other was quicker', async () => {
    const world = await begun(['dc1', 'dc2', 'dc3']);
    for (const name of ['dc2', 'dc3']) world.gateway(name).application.isIdle = true;
    world.gateway('dc1').kill();
    await world.run(20_000);
    for (const name of ['dc2', 'dc3']) expect(rowAt(world, name).takeover?.phase).to.equal('delivering');
    for (const name of ['dc2', 'dc3']) world.gateway(name).application.isIdle = false;
    await world.run(30_000);
    expect(world.oracle.events.some(({ event }) => event.type === 'takeover-completed')).to.equal(true);
    const completed = world.oracle.events.filter(({ event }) => event.type === 'takeover-completed');
    const conflicts = world.oracle.events.filter(({ event }) => event.type === 'ownership-conflict');
    // Either one alone began the work, or both did and both say so.
    if (completed.length === 1) expect(conflicts).to.deep.equal([]);
    else expect(new Set(conflicts.map(({ gateway }) => gateway))).to.include.members(['dc2', 'dc3']);
    expect(rowAt(world, 'dc2').owner).to.equal(rowAt(world, 'dc3').owner);
  });
});

describe('the state that a takeover hands over', () => {
  it('is all of it, also what the application had absorbed before it had lost the work', async () => {
    const world = await begun(['dc1', 'dc2']);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.application.post('audit');
    await world.run(1000);
    dc1.kill();
    await world.run(10_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2 });
    dc1.start();
    await world.run(5000);
    const home = dc2.gateway!.api.ownership.move(wanted('dc1'));
    await world.run(30_000);
    await home;
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', epoch: 3 });
    dc1.application.post('orders');
    await world.run(2000);
    dc1.kill();
    await world.run(20_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 4 });
    const last = dc2.gateway!.api.deliveries().find(({ epoch }) => epoch === 4);
    expect(last?.snapshots.map(({ origin }) => origin).sort()).to.deep.equal(['audit', 'orders']);
  });

  it('is asked for anew of every origin, also of those that came with the work', async () => {
    const world = await begun(['dc1', 'dc2']);
    const dc2 = world.gateway('dc2');
    world.gateway('dc1').kill();
    await world.run(10_000);
    const { api } = dc2.gateway!;
    const { requestId } = await api.requestSnapshots({ workload: WORKLOAD, origins: null, timeoutMs: null });
    const awaited = api.awaitRequest(requestId, 'accepted', 1000, new AbortController().signal);
    await world.run(2000);
    const { isComplete, rows } = await awaited;
    expect(isComplete).to.equal(false);
    expect(rows).to.deep.equal([{ workload: WORKLOAD, origin: 'orders', state: 'missing', version: null }]);
  });
});
