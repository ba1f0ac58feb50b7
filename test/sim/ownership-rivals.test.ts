import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import { BY_FORCE, moveRequest } from './move-request.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

const WORKLOAD = 'dc0';
const RIVALS = ['dc1', 'dc2', 'dc3'] as const;
const ALL = [WORKLOAD, ...RIVALS];
const LINES = [
  ['dc1', 'dc2'],
  ['dc1', 'dc3'],
  ['dc2', 'dc3'],
] as const;
const SECOND_MS = 1000;
const STEP_MS = 1;

/** dc0 dies, and each of the others, cut off from everybody, takes its work over under the same epoch. */
async function rivals(seed: number): Promise<SimWorld> {
  const world = new SimWorld({ seed, names: ALL });
  await world.begin();
  world.gateway(WORKLOAD).application.post('orders');
  await world.run(2000);
  world.gateway(WORKLOAD).kill();
  for (const [a, b] of LINES) world.network.cut(a, b);
  await world.run(60_000);
  for (const name of RIVALS) expect(viewOf(world, name)).to.deep.equal([name, 2, null]);
  return world;
}

/** Who owns it, since which epoch, and who says otherwise. */
function viewOf(world: SimWorld, name: string): unknown[] {
  const { owner, epoch, contestedBy } = world.gateway(name).gateway!.api.ownership.row(WORKLOAD);
  return [owner, epoch, contestedBy?.owner ?? null];
}

/** What was said of this workload: each of them took the others' work over as well. */
function conflictsOf(world: SimWorld, name?: string): GatewayEvent[] {
  return world.oracle.events
    .filter(({ gateway }) => gateway === (name ?? gateway))
    .flatMap(({ event }) => (event.type === 'ownership-conflict' && event.workload === WORKLOAD ? [event] : []));
}

/** The lines are back for a second. Judged in small steps: who speaks without end would not come to the end of a long one. */
async function heal(world: SimWorld): Promise<void> {
  for (const [a, b] of LINES) world.network.heal(a, b);
  for (let step = 0; step < SECOND_MS / STEP_MS; step += 1) {
    await world.run(STEP_MS);
    expect(conflictsOf(world).length).to.be.at.most(RIVALS.length * (RIVALS.length - 1));
  }
}

function sentBy({ counts }: SimGateway): number {
  return counts.get('heartbeatSent') ?? 0;
}

/** How many heartbeats each of the rivals sends in each of the next seconds. */
async function heartbeatsOf(world: SimWorld, seconds: number): Promise<number[]> {
  const gateways = RIVALS.map((name) => world.gateway(name));
  const found: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const before = gateways.map(sentBy);
    await world.run(SECOND_MS);
    found.push(...gateways.map((gateway, index) => sentBy(gateway) - before[index]!));
  }
  return found;
}

/** One command at one gateway; virtual time has to pass until it is done. */
async function force(world: SimWorld, to: string): Promise<void> {
  world.ownership.excuse(WORKLOAD);
  const moved = world.gateway(to).gateway!.api.ownership.move(moveRequest(WORKLOAD, to, BY_FORCE));
  await world.run(30_000);
  await moved;
}

describe('three rivals under one epoch', () => {
  for (let seed = 1; seed <= 3; seed += 1)
    it(`each say so, a bounded number of times, and go on with their heartbeats as before, seed ${seed}`, async () => {
      const world = await rivals(seed);
      const quiet = Math.max(...(await heartbeatsOf(world, 10)));
      const sent = RIVALS.map((name) => sentBy(world.gateway(name)));
      await heal(world);
      for (const [index, name] of RIVALS.entries())
        expect(sentBy(world.gateway(name)) - sent[index]!, name).to.be.at.most(10 * quiet);
      await world.run(10_000);
      for (const name of RIVALS) {
        const told = conflictsOf(world, name).length;
        expect(told, name).to.be.within(1, RIVALS.length - 1);
      }
      const settled = conflictsOf(world).length;
      for (const sent of await heartbeatsOf(world, 20)) expect(sent).to.be.at.most(quiet);
      expect(conflictsOf(world)).to.have.length(settled);
    });

  it('come to the same first name, and so does the one who returns, and a run after it', async () => {
    const world = await rivals(1);
    await heal(world);
    await world.run(10_000);
    const views = RIVALS.map((name) => viewOf(world, name));
    expect(views).to.deep.equal([
      ['dc1', 2, 'dc2'],
      ['dc2', 2, 'dc1'],
      ['dc3', 2, 'dc1'],
    ]);
    world.gateway(WORKLOAD).start();
    await world.run(10_000);
    const [owner, epoch, other] = viewOf(world, WORKLOAD);
    expect([epoch, other]).to.deep.equal([2, owner === 'dc1' ? 'dc2' : 'dc1']);
    const told = conflictsOf(world).length;
    world.gateway('dc3').kill();
    await world.run(SECOND_MS);
    world.gateway('dc3').start();
    await world.run(10_000);
    expect(RIVALS.map((name) => viewOf(world, name))).to.deep.equal(views);
    expect(conflictsOf(world)).to.have.length(told);
  });

  for (const to of RIVALS)
    it(`are settled by one command at ${to}`, async () => {
      const world = await rivals(2);
      await heal(world);
      world.gateway(WORKLOAD).start();
      await world.run(10_000);
      for (const name of ALL) expect(world.gateway(name).gateway!.api.ownership.row(WORKLOAD).primary).to.equal(false);
      await force(world, to);
      for (const name of ALL) expect(viewOf(world, name)).to.deep.equal([to, 3, null]);
      const primaries = ALL.filter((name) => world.gateway(name).gateway!.api.ownership.row(WORKLOAD).primary);
      expect(primaries).to.deep.equal([to]);
    });
});
