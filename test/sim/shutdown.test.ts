import { expect } from 'chai';
import type { GatewayError } from '../../src/errors.ts';
import type { PeerMessage } from '../../src/wire/messages.ts';
import { SimWorld } from './sim-world.ts';

async function pair(seed: number): Promise<SimWorld> {
  const world = new SimWorld({ seed });
  await world.begin();
  world.gateway('dc1').application.post('orders');
  await world.run(1000);
  return world;
}

const SEEDS = [1, 2, 3];

function scenario(name: string, play: (seed: number) => Promise<void>): void {
  it(name, async () => {
    for (const seed of SEEDS) await play(seed);
  });
}

function farewell(world: SimWorld): PeerMessage {
  const { incarnation } = world.gateway('dc1').gateway!.api.status();
  return {
    heartbeatMsgType: 3,
    heartbeatCnt: 1_000_000,
    dataCenterOrigin: 'dc1',
    applicationName: 'default',
    incarnation,
    sentAt: '2026-01-01T00:00:00.000Z',
    interval: 1,
    application: { status: 'unknown' },
    lastHeard: null,
    protocol: 1,
  };
}

describe('19: an orderly shutdown', () => {
  scenario('is no death: the peer left, nothing is delivered, and it is up again when it comes back', async (seed) => {
    const world = await pair(seed);
    void world.gateway('dc1').leave();
    await world.run(30_000);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('left');
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(0);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(0);
    world.gateway('dc1').start();
    await world.run(2500);
    world.checkAllSeen();
  });

  scenario('whose message is lost at first is told again', async (seed) => {
    const world = await pair(seed);
    world.network.between('dc1', 'dc2', { loss: 0.6 });
    void world.gateway('dc1').leave();
    await world.run(60_000);
    expect(['left', 'down']).to.include(world.gateway('dc2').stateOf('dc1'));
    expect(world.gateway('dc1').life?.state).to.equal('ended');
  });

  scenario(
    'of which every message is lost is taken for a death, and the way out is bounded all the same',
    async (seed) => {
      const world = await pair(seed);
      world.network.cut('dc1', 'dc2');
      void world.gateway('dc1').leave();
      await world.run(60_000);
      expect(world.gateway('dc1').life?.state).to.equal('ended');
      expect(world.gateway('dc2').stateOf('dc1')).to.equal('down');
      expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    },
  );

  scenario('that is told twice is one', async (seed) => {
    const world = await pair(seed);
    world.network.between('dc1', 'dc2', { duplicates: 1 });
    void world.gateway('dc1').leave();
    await world.run(30_000);
    const left = world.oracle.events.filter(({ gateway, event }) => gateway === 'dc2' && event.type === 'peer-left');
    expect(left).to.have.length(1);
  });

  scenario('that is replayed days later changes nothing of a new run', async (seed) => {
    const world = await pair(seed);
    const old = farewell(world);
    void world.gateway('dc1').leave();
    await world.run(20_000);
    world.gateway('dc1').start();
    await world.run(5000);
    const { inbox } = world.gateway('dc2').gateway!;
    const before = world.oracle.transitions.length;
    const error = await inbox.receiveMessage(old, 'dc1').then(
      () => null,
      (thrown: unknown) => thrown as GatewayError,
    );
    expect(error?.code).to.equal('stale-incarnation');
    await world.run(10_000);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('up');
    expect(world.oracle.transitions.slice(before)).to.deep.equal([]);
  });
});

describe('20: an orderly shutdown while something is under way', () => {
  scenario('finishes the transfer, then leaves', async (seed) => {
    const world = await pair(seed);
    const { application } = world.gateway('dc1');
    world.network.between('dc1', 'dc2', { bytesPerMs: 0.1 });
    application.post('orders', 200);
    await world.run(world.random.int(10, 1500));
    void world.gateway('dc1').leave();
    await world.run(45_000);
    expect(world.gateway('dc1').life?.state).to.equal('ended');
    const versions = world
      .gateway('dc2')
      .rows('held')
      .map((row) => row.version);
    expect(versions).to.include(application.accepted.get('orders'));
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('left');
  });

  scenario('ends within a bound although a transfer never ends', async (seed) => {
    const world = await pair(seed);
    world.network.between('dc1', 'dc2', { bytesPerMs: 0.000_1 });
    world.gateway('dc1').application.post('orders', 200);
    await world.run(1000);
    void world.gateway('dc1').leave();
    await world.run(60_000);
    expect(world.gateway('dc1').life?.state).to.equal('ended');
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('left');
  });

  scenario('leaves an open delivery open: it is announced again in the next run', async (seed) => {
    const world = await pair(seed);
    const dc2 = world.gateway('dc2');
    dc2.application.isIdle = true;
    world.gateway('dc1').kill();
    await world.run(6000);
    const [open] = dc2.gateway!.api.deliveries('open');
    void dc2.leave();
    await world.run(60_000);
    expect(dc2.life?.state).to.equal('ended');
    dc2.application.isIdle = false;
    dc2.start();
    await world.run(10_000);
    expect(new Set(dc2.application.absorbed.map((row) => row.delivery))).to.deep.equal(new Set([open?.id]));
    expect(dc2.application.announced.filter(({ id }) => id === open?.id).length).to.be.at.least(2);
  });
});
