import { expect } from 'chai';
import type { EventType } from '../../src/core/events.ts';
import type { Oracle } from './oracle.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

const SEEDS = [1, 2, 3, 4, 5];

/** dc2 holds two snapshots of dc1; its disk takes a little time, so that there is a moment between any two steps. */
async function pair(seed: number): Promise<SimWorld> {
  const world = new SimWorld({ seed });
  await world.begin();
  for (const origin of ['orders', 'audit']) world.gateway('dc1').application.post(origin);
  await world.run(1000);
  expect(world.gateway('dc2').rows('held')).to.have.length(2);
  Object.assign(world.gateway('dc2').pace, { latencyMs: 5, jitterMs: 20 });
  return world;
}

/** Kills the gateway at the moment that `when` names, once; it is started again two seconds later. */
function killAt(
  world: SimWorld,
  gateway: SimGateway,
  when: (oracle: Oracle, strike: () => void) => void,
): { struck: boolean } {
  const state = { struck: false };
  when(world.oracle, () => {
    if (state.struck) return;
    state.struck = true;
    world.timeline.after(0, null, () => gateway.kill());
    world.timeline.after(2000, null, () => gateway.start());
  });
  return state;
}

const MOMENTS: readonly [name: string, when: (oracle: Oracle, strike: () => void) => void][] = [
  [
    'right after down was decided',
    (oracle, strike) =>
      (oracle.onTransition = (gateway, _peer, to) => {
        if (gateway.name === 'dc2' && to === 'down') strike();
      }),
  ],
  ['right after down was announced', atEvent('peer-down')],
  ['right after the delivery was announced', atEvent('delivery')],
  ['right after the delivery was done', atEvent('delivery-done')],
];

function atEvent(type: EventType): (oracle: Oracle, strike: () => void) => void {
  return (oracle, strike) => {
    oracle.onEvent = (gateway, event) => {
      if (gateway.name === 'dc2' && event.type === type) strike();
    };
  };
}

describe('9: kill -9 of the survivor', () => {
  for (const [name, when] of MOMENTS) {
    it(`${name}: it resumes, and every snapshot is delivered`, async () => {
      for (const seed of SEEDS) {
        const world = await pair(seed);
        const dc2 = world.gateway('dc2');
        const killed = killAt(world, dc2, when);
        world.gateway('dc1').kill();
        await world.run(60_000);
        expect(killed.struck).to.equal(true);
        expect(new Set(dc2.application.absorbed.map((row) => row.origin))).to.deep.equal(new Set(['orders', 'audit']));
        expect(dc2.gateway?.api.deliveries('open')).to.deep.equal([]);
      }
    });
  }

  it('between two acknowledgements, again and again: the rest is delivered, each repeat marked as one', async () => {
    for (const seed of SEEDS) {
      const world = await pair(seed);
      const dc2 = world.gateway('dc2');
      world.gateway('dc1').kill();
      await world.run(4000);
      for (let i = 0; i < 5; i += 1) {
        await world.run(world.random.int(1, 400));
        dc2.kill();
        await world.run(world.random.int(0, 100));
        dc2.start();
      }
      await world.run(30_000);
      expect(new Set(dc2.application.absorbed.map((row) => row.origin))).to.deep.equal(new Set(['orders', 'audit']));
      expect(dc2.gateway?.api.deliveries('open')).to.deep.equal([]);
    }
  });
});

describe('10: kill -9 of either gateway, again and again, under load', () => {
  it('every accepted snapshot, or a newer one, is there; none is torn', async () => {
    for (const seed of SEEDS) {
      const world = new SimWorld({ seed, names: ['dc1', 'dc2'] });
      await world.begin();
      for (const { pace } of world.gateways) Object.assign(pace, { latencyMs: 1, jitterMs: 30 });
      world.network.between('dc1', 'dc2', { bytesPerMs: 2 });
      for (let i = 0; i < 60; i += 1) {
        for (const { application } of world.gateways) application.post(world.random.pick(['orders', 'audit', 'stock']));
        await world.run(world.random.int(1, 300));
        if (i % 3 !== 0) continue;
        const victim = world.random.pick(world.gateways);
        victim.kill();
        await world.run(world.random.int(0, 1000));
        victim.start();
      }
      await world.run(40_000);
      world.checkSettled();
      for (const { application } of world.gateways) expect(application.accepted.size).to.equal(3);
    }
  });
});
