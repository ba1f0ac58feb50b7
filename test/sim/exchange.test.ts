import { expect } from 'chai';
import type { PeerInbox } from '../../src/ports/peer-inbox.ts';
import { BY_FORCE, moveRequest } from './move-request.ts';
import { PORT } from './sim-settings.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

const SEEDS = [1, 2, 3];

function scenario(name: string, play: (seed: number) => Promise<void>): void {
  it(name, async () => {
    for (const seed of SEEDS) await play(seed);
  });
}

/** Looks at the snapshots that arrive at a gateway, as they do. */
function watchArrivals(
  world: SimWorld,
  receiver: SimGateway,
  around: (arrive: () => Promise<void>) => Promise<void>,
): void {
  const address = `${receiver.name}:${PORT}`;
  const listener = world.network.listenerAt(address);
  if (listener === undefined) throw new Error(`${receiver.name} does not listen`);
  const { inbox } = listener;
  const watched: PeerInbox = {
    receiveMessage: (message, from) => inbox.receiveMessage(message, from),
    receiveSnapshot: (envelope, content, signal) => around(() => inbox.receiveSnapshot(envelope, content, signal)),
    inventory: (dataCenter) => inbox.inventory(dataCenter),
    rejected: (reason, detail, from) => inbox.rejected(reason, detail, from),
  };
  world.network.listen(address, { life: listener.life, inbox: watched });
}

describe('numberOfHttpSenderReceiverPairs', () => {
  for (const pairs of [1, 3]) {
    scenario(`${pairs}: so many transfers are under way at once, never more`, async (seed) => {
      const world = new SimWorld({ seed, settings: { parallelTransfers: pairs } });
      await world.begin();
      let underWay = 0;
      let most = 0;
      let all = 0;
      watchArrivals(world, world.gateway('dc2'), async (arrive) => {
        underWay += 1;
        all += 1;
        most = Math.max(most, underWay);
        await arrive().finally(() => (underWay -= 1));
      });
      world.network.change('dc1', 'dc2', { bytesPerMs: 0.5 });
      for (let i = 0; i < 8; i += 1) world.gateway('dc1').application.post(`origin ${i}`, 100);
      await world.run(20_000);
      world.checkSettled();
      expect([all, most]).to.deep.equal([8, pairs]);
    });
  }
});

describe('crossDCInitDelay', () => {
  scenario('keeps the first heartbeat back for so long, and nothing else', async (seed) => {
    const world = new SimWorld({ seed, settingsOf: { dc1: { initDelayMs: 7000 } } });
    await world.begin();
    await world.run(4800);
    expect(world.gateway('dc1').counts.get('heartbeatSent')).to.equal(undefined);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('unknown');
    expect(world.gateway('dc1').stateOf('dc2')).to.equal('up');
    await world.run(500);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('up');
  });
});

describe('heartbeats that are switched off', () => {
  scenario('on both sides: none is sent, and nobody is ever down', async (seed) => {
    const world = new SimWorld({ seed, settings: { heartbeatIntervalMs: Infinity } });
    await world.begin();
    world.gateway('dc1').kill();
    await world.run(3_600_000);
    expect(world.gateway('dc2').counts.get('heartbeatSent')).to.equal(undefined);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('unknown');
  });

  scenario(
    'on both sides: a former owner that was away hears that it is one, whoever was restarted since',
    async (seed) => {
      const world = new SimWorld({ seed, settings: { heartbeatIntervalMs: Infinity } });
      await world.begin();
      world.gateway('dc1').application.post('orders');
      await world.run(90_000);
      world.gateway('dc1').kill();
      await world.run(5000);
      const taken = world.gateway('dc2').gateway!.api.ownership.move(moveRequest('dc1', 'dc2', BY_FORCE));
      await world.run(20_000);
      await taken;
      if (seed > 1) {
        world.gateway('dc2').kill();
        world.gateway('dc2').start();
        await world.run(20_000);
      }
      world.gateway('dc1').start();
      await world.run(20_000);
      const rowAt = (name: string) => world.gateway(name).gateway!.api.ownership.row('dc1');
      expect(rowAt('dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true });
      expect(rowAt('dc1')).to.include({ owner: 'dc2', epoch: 2, primary: false });
      // It is told once, and not for ever.
      const sent = world.gateway('dc2').counts.get('heartbeatSent');
      await world.run(3_600_000);
      expect(world.gateway('dc2').counts.get('heartbeatSent')).to.be.at.most((sent ?? 0) + 1);
    },
  );

  for (const [where, off] of [
    ['on both sides', ['dc1', 'dc2']],
    ['at the sender', ['dc1']],
    ['at the receiver', ['dc2']],
  ] as const) {
    scenario(`${where}: snapshots are exchanged all the same, also after the receiver was restarted`, async (seed) => {
      const settingsOf = Object.fromEntries(off.map((name) => [name, { heartbeatIntervalMs: Infinity }]));
      const world = new SimWorld({ seed, settingsOf });
      await world.begin();
      world.gateway('dc1').application.post('orders');
      await world.run(30_000);
      const held = (): number =>
        world.gateway('dc2').gateway?.api.held('dc1', { history: false, workload: undefined }).length ?? 0;
      expect(held()).to.equal(1);
      world.gateway('dc2').kill();
      world.gateway('dc1').application.post('accounts');
      await world.run(30_000);
      world.gateway('dc2').start();
      await world.run(90_000);
      expect(held()).to.equal(2);
    });
  }
});

describe('orderlyShutdownSnapshots=keep', () => {
  scenario('leaves what is held for deliver and return, and nothing is delivered by itself', async (seed) => {
    const world = new SimWorld({ seed });
    await world.begin();
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    const leaving = world.gateway('dc1').leave();
    await world.run(20_000);
    await leaving;
    const { gateway, application } = world.gateway('dc2');
    expect(gateway?.api.peer('dc1')).to.include({ state: 'left' });
    expect(application.announced).to.deep.equal([]);
    const delivery = await gateway?.api.deliver({ dataCenter: 'dc1', origins: null });
    expect(delivery?.snapshots.map(({ origin }) => origin)).to.deep.equal(['orders']);
    await gateway?.api.returnTo('dc1');
    world.gateway('dc1').start();
    await world.run(10_000);
    const returned = world
      .gateway('dc1')
      .application.absorbed.map(({ origin, dataCenter }) => `${origin} ${dataCenter}`);
    expect(returned).to.deep.equal(['orders dc2']);
  });
});
