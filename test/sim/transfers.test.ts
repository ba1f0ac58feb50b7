import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { newestOffered } from '../../src/core/snapshot.ts';
import { GatewayError } from '../../src/errors.ts';
import type { SnapshotEnvelope } from '../../src/wire/snapshot-headers.ts';
import { SimWorld, type SimWorldOptions } from './sim-world.ts';

const SEEDS = [1, 2, 3];

async function pair(seed: number, options: Omit<SimWorldOptions, 'seed'> = {}): Promise<SimWorld> {
  const world = new SimWorld({ seed, ...options });
  await world.begin();
  return world;
}

function scenario(name: string, play: (seed: number) => Promise<void>): void {
  it(name, async () => {
    for (const seed of SEEDS) await play(seed);
  });
}

function heldAt(world: SimWorld, holder: string): string[] {
  return newestOffered(world.gateway(holder).rows('held')).map((row) => `${row.key.origin}@${row.version}`);
}

describe('11: the receiver restarts, then the peer dies', () => {
  scenario('what it holds is still delivered', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    world.gateway('dc2').kill();
    await world.run(world.random.int(0, 3000));
    world.gateway('dc1').kill();
    await world.run(world.random.int(0, 3000));
    world.gateway('dc2').start();
    await world.run(10_000);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(world.gateway('dc2').application.absorbed.map((row) => row.origin)).to.deep.equal(['orders']);
  });
});

describe('a peer that comes back', () => {
  scenario('is sent what waits for it at once, however long the heartbeats are apart', async (seed) => {
    // Our heartbeat may be answered before we have heard one of the peer's, and the next one is a minute away.
    const world = new SimWorld({ seed, settingsOf: { dc1: { heartbeatIntervalMs: 60_000 } } });
    world.gateway('dc2').start();
    await world.run(world.random.int(50, 950));
    world.gateway('dc1').start();
    await world.run(3000);
    world.gateway('dc1').application.post('orders');
    await world.run(3000);
    expect(heldAt(world, 'dc2')).to.have.length(1);
  });
});

describe('12: the line is cut in the middle of a transfer', () => {
  it('at any byte: the old version stays whole, and the new one arrives by itself', async () => {
    for (let at = 0; at <= 40; at += 1) {
      const world = await pair(at + 1);
      const { application } = world.gateway('dc1');
      application.post('orders', 30);
      await world.run(500);
      const [before] = heldAt(world, 'dc2');
      world.network.change('dc1', 'dc2', { breakAtByte: at });
      application.post('orders', 40);
      await world.run(400);
      if (at < 40) expect(heldAt(world, 'dc2')).to.deep.equal([before]);
      world.network.heal('dc1', 'dc2');
      await world.run(20_000);
      world.checkSettled();
      expect(heldAt(world, 'dc2')).not.to.deep.equal([before]);
    }
  });

  scenario(
    'for good, in silence: the old version stays whole, and the new one arrives after the heal',
    async (seed) => {
      const world = await pair(seed);
      const { application } = world.gateway('dc1');
      application.post('orders', 30);
      await world.run(500);
      world.network.change('dc1', 'dc2', { bytesPerMs: 0.01 });
      application.post('orders', 200);
      await world.run(world.random.int(10, 15_000));
      world.network.cut('dc1', 'dc2');
      await world.run(60_000);
      expect(heldAt(world, 'dc2')).to.have.length(1);
      world.network.heal('dc1', 'dc2');
      await world.run(20_000);
      world.checkSettled();
    },
  );
});

describe('13: a transfer fails', () => {
  scenario('many times, then works: the newest arrives, the ones between are superseded and counted', async (seed) => {
    const world = await pair(seed);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc2.failDisk('store-full');
    for (let i = 0; i < 20; i += 1) {
      dc1.application.post('orders');
      await world.run(world.random.int(50, 3000));
    }
    dc2.failDisk(null);
    await world.run(20_000);
    world.checkSettled();
    expect(dc1.counts.get('snapshotSent')).to.equal(1);
    expect(dc1.counts.get('snapshotSuperseded')).to.equal(19);
  });

  it('for hours: the retries are bounded, heartbeats go on, and it works by itself in the end', async () => {
    const world = await pair(1);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.application.post('orders');
    await world.run(500);
    dc2.failDisk('store-full');
    const failuresBefore = dc1.counts.get('transferFailed') ?? 0;
    dc1.application.post('orders');
    await world.run(2 * 3_600_000);
    const failures = (dc1.counts.get('transferFailed') ?? 0) - failuresBefore;
    expect(failures).to.be.within(7200 / 15 - 1, 7200 / 7.5 + 10);
    expect(world.oracle.downs('dc1', 'dc2') + world.oracle.downs('dc2', 'dc1')).to.equal(0);
    const errors = world.oracle.events.filter(
      ({ gateway, event }) => gateway === 'dc2' && event.type === 'store-error' && event.store === 'held',
    );
    expect(errors).to.have.length(1);
    dc2.failDisk(null);
    await world.run(20_000);
    world.checkSettled();
  });
});

describe('a transfer that is sent again before the first one has ended', () => {
  scenario('is the same to the receiver: stored once, and neither refused nor renumbered', async (seed) => {
    const world = await pair(seed, { settings: { missesAllowed: 20 } });
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.application.post('audit');
    await world.run(1000);
    dc2.stop();
    dc1.application.post('orders');
    await world.run(4000);
    // The sender gives up after five seconds, unheard, and tries again: both requests lie in the stopped process's sockets.
    world.network.cut('dc1', 'dc2');
    await world.run(1200);
    world.network.heal('dc1', 'dc2');
    await world.run(1000);
    Object.assign(dc2.pace, { latencyMs: 50 });
    dc2.resume();
    await world.run(20_000);
    expect(dc2.counts.get('rejected version-conflict')).to.equal(undefined);
    expect(dc1.rows('outgoing')).to.have.length(2);
    world.checkSettled();
  });
});

describe('15: an older snapshot arrives after a newer one', () => {
  scenario('it is refused and counted, and changes nothing', async (seed) => {
    const world = await pair(seed);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.application.post('orders');
    await world.run(1000);
    const before = dc2.rows('held');
    const bytes = Buffer.from('something old');
    const error = await dc2
      .gateway!.inbox.receiveSnapshot(
        olderThan(before[0]!.version, bytes),
        contentOf(bytes),
        new AbortController().signal,
      )
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    expect(error).to.be.instanceOf(GatewayError).with.property('code', 'version-older');
    expect((error as GatewayError).facts).to.deep.equal({ has: before[0]!.version });
    expect(dc2.rows('held')).to.deep.equal(before);
    expect(dc2.counts.get('rejected version-older')).to.equal(1);
  });
});

describe('16: a snapshot is withdrawn while another is on its way', () => {
  for (const [name, isWithdrawnLast] of [
    ['withdrawn last', true],
    ['posted last', false],
  ] as const) {
    scenario(`${name}: the later one wins, the same after a restart`, async (seed) => {
      const world = await pair(seed);
      const { application } = world.gateway('dc1');
      application.post('orders');
      await world.run(1000);
      world.network.between('dc1', 'dc2', { bytesPerMs: 0.1 });
      const steps = isWithdrawnLast ? ['post', 'withdraw'] : ['withdraw', 'post'];
      for (const step of steps) {
        if (step === 'post') application.post('orders', 200);
        else application.withdraw('orders');
        await world.run(world.random.int(1, 500));
      }
      await world.run(30_000);
      expect(heldAt(world, 'dc2')).to.have.length(isWithdrawnLast ? 0 : 1);
      for (const gateway of world.gateways) gateway.kill();
      for (const gateway of world.gateways) gateway.start();
      await world.run(30_000);
      expect(heldAt(world, 'dc2')).to.have.length(isWithdrawnLast ? 0 : 1);
      world.checkSettled();
    });
  }
});

describe('17: the disk is full when a gateway starts', () => {
  scenario('it starts all the same and is heard, and works when there is room again', async (seed) => {
    const world = await pair(seed);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.application.post('orders');
    await world.run(1000);
    dc1.kill();
    await world.run(8000);
    expect(dc2.gateway?.api.deliveries('done')).to.have.length(1);
    dc2.kill();
    dc2.failDisk('store-full');
    dc2.start();
    dc1.start();
    await world.run(2500);
    expect(dc2.isRunning).to.equal(true);
    world.checkAllSeen();
    dc2.failDisk(null);
    dc1.application.post('orders');
    await world.run(20_000);
    world.checkSettled();
  });
});

describe('a receiver that lost its store', () => {
  scenario('is refilled with the newest of every origin', async (seed) => {
    const world = await pair(seed);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    for (const origin of ['orders', 'audit', 'stock']) dc1.application.post(origin);
    await world.run(1000);
    dc2.kill();
    dc2.disk.snapshots.clear();
    world.oracle.forget('dc2');
    dc2.start();
    await world.run(5000);
    expect(heldAt(world, 'dc2')).to.have.length(3);
    world.checkSettled();
  });
});

function olderThan(version: number, bytes: Buffer): SnapshotEnvelope {
  return {
    heartbeatMsgType: 2,
    heartbeatCnt: 1000,
    dataCenterOrigin: 'dc1',
    applicationName: 'default',
    incarnation: 1,
    workload: 'dc1',
    origin: 'orders',
    batch: null,
    description: {
      version: version - 1,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      takenAt: '2026-01-01T00:00:00.000Z',
      position: null,
      labels: {},
      withdrawn: false,
    },
  };
}

async function* contentOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
