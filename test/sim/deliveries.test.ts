import { expect } from 'chai';
import { SimWorld } from './sim-world.ts';

const SEEDS = [1, 2, 3, 4, 5];

async function pair(seed: number): Promise<SimWorld> {
  const world = new SimWorld({ seed });
  await world.begin();
  world.gateway('dc1').application.post('orders');
  await world.run(1000);
  Object.assign(world.gateway('dc2').pace, { latencyMs: 20, jitterMs: 20 });
  return world;
}

describe('the announcements of a delivery', () => {
  it('begin with the first attempt: who connects before that is not told of a repeat', async () => {
    for (const seed of SEEDS) {
      const world = await pair(seed);
      const dc2 = world.gateway('dc2');
      const attempts: number[] = [];
      world.oracle.onEvent = (gateway, event) => {
        if (gateway === dc2 && event.type === 'delivery') attempts.push(event.delivery.attempt);
      };
      world.gateway('dc1').kill();
      for (let i = 0; i < 700; i += 1) {
        // A subscriber connects again and again, also between the delivery's coming to be and its announcement.
        if (attempts.length === 0)
          attempts.push(...(dc2.gateway?.api.events.repeats() ?? []).map(({ attempt }) => attempt));
        await world.run(10);
      }
      expect(attempts[0]).to.equal(1);
    }
  });

  it('go on until the application has answered, each further one marked as a repeat', async () => {
    for (const seed of SEEDS) {
      const world = await pair(seed);
      const { application } = world.gateway('dc2');
      application.isIdle = true;
      world.gateway('dc1').kill();
      await world.run(100_000);
      const attempts = application.announced.map(({ attempt }) => attempt);
      expect(attempts.length).to.be.at.least(4);
      expect(attempts).to.deep.equal(attempts.map((_, index) => index + 1));
    }
  });

  it('end when the peer is heard again before the application has answered', async () => {
    for (const seed of SEEDS) {
      const world = await pair(seed);
      const dc2 = world.gateway('dc2');
      dc2.application.isIdle = true;
      world.network.cut('dc1', 'dc2');
      await world.run(10_000);
      expect(dc2.gateway?.api.deliveries('open')).to.have.length(1);
      world.network.heal('dc1', 'dc2');
      await world.run(5000);
      expect(dc2.gateway?.api.deliveries().map(({ state }) => state)).to.deep.equal(['cancelled']);
    }
  });
});

describe('what a takeover has delivered', () => {
  it('is not delivered by itself again until its origin replicates something newer', async () => {
    for (const seed of SEEDS) {
      const world = await pair(seed);
      const dc1 = world.gateway('dc1');
      for (const expected of [1, 1, 2]) {
        world.network.cut('dc1', 'dc2');
        await world.run(12_000);
        expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(expected);
        world.network.heal('dc1', 'dc2');
        await world.run(5000);
        if (expected === 1 && world.oracle.downs('dc2', 'dc1') === 2) dc1.application.post('orders');
        await world.run(20_000);
      }
    }
  });
});
