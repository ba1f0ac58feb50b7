import { expect } from 'chai';
import { SimWorld, type SimWorldOptions } from './sim-world.ts';

const SEEDS = [1, 2, 3, 4, 5];

/** Two gateways that see each other; dc2 holds a snapshot of dc1. */
async function pair(seed: number, options: Omit<SimWorldOptions, 'seed'> = {}): Promise<SimWorld> {
  const world = new SimWorld({ seed, ...options });
  await world.begin();
  world.gateway('dc1').application.post('orders');
  await world.run(1000);
  expect(world.gateway('dc2').rows('held')).to.have.length(1);
  return world;
}

/** One row of the table of scenarios, over several seeds. */
function scenario(name: string, play: (seed: number) => Promise<void>): void {
  it(name, async () => {
    for (const seed of SEEDS) await play(seed);
  });
}

describe('1: the peer is stopped and goes on', () => {
  scenario('before the threshold: it is never down, and nothing is delivered', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').stop();
    await world.run(2900);
    world.gateway('dc1').resume();
    await world.run(10_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(0);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(0);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('up');
  });

  scenario('after the threshold: down once, up once, one delivery', async (seed) => {
    const world = await pair(seed);
    const upsBefore = world.oracle.ups('dc2', 'dc1');
    world.gateway('dc1').stop();
    await world.run(60_000);
    world.gateway('dc1').resume();
    await world.run(30_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(1);
    expect(world.oracle.ups('dc2', 'dc1')).to.equal(upsBefore + 1);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(world.oracle.downs('dc1', 'dc2')).to.equal(0);
  });
});

describe('2: this gateway itself is stopped for longer than the threshold', () => {
  scenario('nobody is declared down on waking, and the pause is counted', async (seed) => {
    const world = await pair(seed);
    const dc2 = world.gateway('dc2');
    dc2.stop();
    await world.run(world.random.int(4000, 120_000));
    dc2.resume();
    await world.run(20_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(0);
    expect(dc2.gateway?.api.status().ownPauses.count).to.be.at.least(1);
    expect(dc2.gateway?.api.status().ownPauses.longestSeconds).to.be.at.least(3.8);
  });

  scenario('a peer that died meanwhile is found out after the waking', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc2').stop();
    await world.run(1000);
    world.gateway('dc1').kill();
    await world.run(60_000);
    world.gateway('dc2').resume();
    await world.run(10_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(1);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
  });
});

describe('3: the wall clock jumps an hour', () => {
  for (const [name, jumps] of [
    ['forward', [3_600_000]],
    ['back', [-3_600_000]],
    ['to and fro', [3_600_000, -7_200_000, 3_600_000]],
  ] as const) {
    for (const who of ['dc1', 'dc2'] as const) {
      scenario(`${name} on ${who}: no verdict changes`, async (seed) => {
        const world = await pair(seed);
        const before = world.oracle.transitions.length;
        for (const ms of jumps) {
          world.gateway(who).skew.jump(ms);
          world.gateway('dc1').application.post('orders');
          await world.run(7000);
        }
        expect(world.oracle.transitions.slice(before)).to.deep.equal([]);
        world.checkSettled();
      });

      scenario(`${name} on ${who}, which is then restarted: it is understood at once`, async (seed) => {
        const world = await pair(seed);
        for (const ms of jumps) {
          world.gateway(who).skew.jump(ms);
          world.gateway(who).kill();
          world.gateway(who).start();
          world.gateway(who).application.post('orders');
          await world.run(2500);
          world.checkAllSeen();
        }
        expect(world.oracle.downs('dc1', 'dc2') + world.oracle.downs('dc2', 'dc1')).to.equal(0);
      });
    }
  }
});

describe('4: a two-way cut longer than the threshold, then it heals', () => {
  scenario('both declare each other down, and both see each other within two intervals of the heal', async (seed) => {
    const world = await pair(seed);
    world.network.cut('dc1', 'dc2');
    await world.run(world.random.int(6000, 120_000));
    expect([world.oracle.downs('dc1', 'dc2'), world.oracle.downs('dc2', 'dc1')]).to.deep.equal([1, 1]);
    world.network.heal('dc1', 'dc2');
    await world.run(2000);
    world.checkAllSeen();
    await world.run(30_000);
    expect([world.oracle.downs('dc1', 'dc2'), world.oracle.downs('dc2', 'dc1')]).to.deep.equal([1, 1]);
  });
});

describe('5: only one direction is cut', () => {
  const hears = (world: SimWorld, who: string, peer: string): unknown =>
    world.gateway(who).gateway?.api.peer(peer).hearsUs;

  for (const [from, to] of [
    ['dc1', 'dc2'],
    ['dc2', 'dc1'],
  ] as const) {
    scenario(`from ${from} to ${to}: ${to} goes by what it hears, ${from} knows that it is not heard`, async (seed) => {
      const world = await pair(seed);
      world.network.change(from, to, { isCut: true });
      await world.run(20_000);
      // What goes from `from` to `to` is lost: its heartbeats, and its answers to the other's heartbeats.
      expect(world.gateway(from).stateOf(to)).to.equal('up');
      expect(hears(world, from, to)).to.equal(false);
      expect(world.gateway(to).stateOf(from)).to.equal('down');
      world.network.heal(from, to);
      await world.run(2500);
      world.checkAllSeen();
      expect([hears(world, from, to), hears(world, to, from)]).to.deep.equal([true, true]);
    });
  }
});

describe('7: a rough line for a thousand intervals, with misses set for it', () => {
  scenario('30 % loss, 100 ms delay with jitter, duplicates, reordering: no false down', async (seed) => {
    const world = new SimWorld({ seed, settings: { missesAllowed: 12 } });
    await world.begin();
    world.network.between('dc1', 'dc2', { loss: 0.3, latencyMs: 100, jitterMs: 1500, duplicates: 0.2 });
    await world.run(1_000_000);
    expect(world.oracle.downs('dc1', 'dc2') + world.oracle.downs('dc2', 'dc1')).to.equal(0);
    for (const { counts } of world.gateways) {
      expect(counts.get('heartbeatReceived')).to.be.within(400, 800);
      expect(counts.get('rejected stale')).to.be.greaterThan(100);
    }
  });
});

describe('8: a line that goes up and down at random for an hour', () => {
  it('leads to at most one takeover while nothing new is replicated, and is counted', async () => {
    for (const seed of [1, 2]) {
      const world = await pair(seed, { settings: { takeoverBlockPeriodMs: 7_200_000 } });
      const end = world.timeline.now + 3_600_000;
      while (world.timeline.now < end) {
        world.network.cut('dc1', 'dc2');
        await world.run(world.random.int(500, 20_000));
        world.network.heal('dc1', 'dc2');
        await world.run(world.random.int(500, 20_000));
      }
      const done = world.oracle.events.filter(
        ({ gateway, event }) => gateway === 'dc2' && event.type === 'delivery-done',
      );
      expect(done).to.have.length(1);
      expect(world.oracle.events.filter(({ event }) => event.type === 'takeover-completed')).to.have.length(2);
      expect(world.gateway('dc2').gateway?.api.peer('dc1').transitions).to.be.greaterThan(50);
    }
  });
});

describe('a peer with a longer interval than ours', () => {
  scenario('is judged by its own pace, also after our restart', async (seed) => {
    const world = new SimWorld({ seed, settingsOf: { dc1: { heartbeatIntervalMs: 10_000 } } });
    await world.begin();
    await world.run(world.random.int(0, 10_000));
    world.gateway('dc2').kill();
    world.gateway('dc2').start();
    // No answer tells it that the peer is alive: it has only what it remembers.
    world.network.change('dc2', 'dc1', { isCut: true });
    await world.run(60_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(0);
    world.gateway('dc1').kill();
    await world.run(41_500);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(1);
  });
});

describe('24: no snapshot traffic at all when the peer dies', () => {
  scenario('it is detected all the same, at N intervals, and nothing is delivered', async (seed) => {
    const world = new SimWorld({ seed });
    await world.begin();
    await world.run(world.random.int(0, 5000));
    world.gateway('dc1').kill();
    await world.run(3000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(0);
    await world.run(1600);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(1);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(0);
  });
});
