import { expect } from 'chai';
import type { PeerMessage } from '../../src/wire/messages.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

const SEEDS = [1, 2, 3, 4, 5];

/** dc1 and dc2 see each other, and dc2 holds a snapshot of dc1. */
async function pair(seed: number): Promise<{ world: SimWorld; dc1: SimGateway; dc2: SimGateway }> {
  const world = new SimWorld({ seed });
  await world.begin();
  const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
  dc1.application.post('orders');
  await world.run(1000);
  return { world, dc1, dc2 };
}

/** The application of a gateway puts its watermark; virtual time has to pass until it is taken. */
function put(gateway: SimGateway, seq: number, flush = false): void {
  const watermarks = gateway.gateway?.api.watermarks;
  if (watermarks === undefined) throw new Error(`${gateway.name} does not run`);
  void watermarks.put('published', { seq }, { flush });
}

const known = (gateway: SimGateway, peer: string): unknown => gateway.gateway?.api.watermarks.ofPeer(peer).watermarks;
const delivered = (gateway: SimGateway): unknown[] =>
  (gateway.gateway?.api.deliveries() ?? []).map(({ watermarks }) => watermarks);

describe('the watermarks of a peer', () => {
  it('are known with its next heartbeat, or at once when its application asks for that', async () => {
    for (const seed of SEEDS) {
      const { world, dc1, dc2 } = await pair(seed);
      put(dc1, 1);
      await world.run(2500);
      expect(known(dc2, 'dc1')).to.deep.equal({ published: { seq: 1 } });
      dc1.reconfigure({ heartbeatIntervalMs: 60_000 });
      dc1.kill();
      dc1.start();
      await world.run(2500);
      put(dc1, 2, true);
      await world.run(500);
      expect(known(dc2, 'dc1')).to.deep.equal({ published: { seq: 2 } });
    }
  });

  it('are in the delivery as the dead peer last said them, and stay so when it comes back', async () => {
    for (const seed of SEEDS) {
      const { world, dc1, dc2 } = await pair(seed);
      for (let seq = 1; seq <= 20; seq += 1) {
        put(dc1, seq);
        await world.run(300);
      }
      await world.run(2500);
      dc1.kill();
      await world.run(12_000);
      expect(delivered(dc2)).to.deep.equal([{ published: { seq: 20 } }]);
      dc1.start();
      await world.run(3000);
      put(dc1, 21);
      await world.run(3000);
      expect(known(dc2, 'dc1')).to.deep.equal({ published: { seq: 21 } });
      expect(delivered(dc2)[0]).to.deep.equal({ published: { seq: 20 } });
    }
  });

  it('survive a restart of the survivor, whether it happens before or after the death is noticed', async () => {
    for (const seed of SEEDS) {
      for (const afterMs of [100, 30_000]) {
        const { world, dc1, dc2 } = await pair(seed);
        put(dc1, 7);
        await world.run(2500);
        dc1.kill();
        await world.run(afterMs);
        dc2.kill();
        dc2.start();
        await world.run(30_000);
        expect(known(dc2, 'dc1')).to.deep.equal({ published: { seq: 7 } });
        expect(delivered(dc2)).to.deep.equal([{ published: { seq: 7 } }]);
      }
    }
  });

  it('are known though the disk of the survivor is full, and are kept when it takes something again', async () => {
    for (const seed of SEEDS) {
      const { world, dc1, dc2 } = await pair(seed);
      dc2.failDisk('store-full');
      put(dc1, 7);
      await world.run(3000);
      expect(known(dc2, 'dc1')).to.deep.equal({ published: { seq: 7 } });
      dc2.failDisk(null);
      await world.run(30_000);
      dc1.kill();
      dc2.kill();
      dc2.start();
      await world.run(1000);
      expect(known(dc2, 'dc1')).to.deep.equal({ published: { seq: 7 } });
    }
  });

  it('are not overwritten by what an older run of it said and comes late', async () => {
    for (const seed of SEEDS) {
      const { world, dc1, dc2 } = await pair(seed);
      const { incarnation } = dc1.gateway!.api.status();
      put(dc1, 7);
      await world.run(2500);
      dc1.kill();
      dc1.start();
      await world.run(2500);
      put(dc1, 8);
      await world.run(2500);
      const message: PeerMessage = {
        heartbeatMsgType: 1,
        heartbeatCnt: 1_000_000,
        dataCenterOrigin: 'dc1',
        applicationName: 'default',
        incarnation,
        sentAt: '2026-01-01T00:00:00.000Z',
        interval: 1,
        application: { status: 'unknown' },
        lastHeard: null,
        protocol: 1,
        watermarks: { published: { seq: 99 } },
      };
      const outcome = await dc2.gateway!.inbox.receiveMessage(message, 'dc1').catch((error: unknown) => error);
      expect(outcome).to.have.property('code', 'stale-incarnation');
      expect(known(dc2, 'dc1')).to.deep.equal({ published: { seq: 8 } });
    }
  });

  it('are those of its run before, with its incarnation, until a new run that lost them has been told some', async () => {
    for (const seed of SEEDS) {
      const { world, dc1, dc2 } = await pair(seed);
      const { incarnation } = dc1.gateway!.api.status();
      put(dc1, 7);
      await world.run(2500);
      dc1.kill();
      dc1.disk.records.delete('watermarks/own');
      dc1.start();
      await world.run(5000);
      const before = { incarnation, watermarks: { published: { seq: 7 } } };
      expect(dc2.gateway?.api.watermarks.ofPeer('dc1')).to.deep.equal(before);
      put(dc1, 1);
      await world.run(2500);
      const after = { incarnation: dc1.gateway!.api.status().incarnation, watermarks: { published: { seq: 1 } } };
      expect(dc2.gateway?.api.watermarks.ofPeer('dc1')).to.deep.equal(after);
    }
  });
});
