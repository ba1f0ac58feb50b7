import { expect } from 'chai';
import type { StoredSnapshot } from '../../src/core/snapshot.ts';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

const AGE_MS = 60_000;
/** An age, a look after it, and a little. */
const PAST_MS = 2 * AGE_MS + 15_000;

type Store = 'outgoing' | 'held' | 'returned';

async function pair(settings: Partial<GatewaySettings> = {}): Promise<{
  world: SimWorld;
  dc1: SimGateway;
  dc2: SimGateway;
}> {
  const world = new SimWorld({ seed: 11, settings: { snapshotHistory: 3, archiveMaxAgeMs: AGE_MS, ...settings } });
  await world.begin();
  return { world, dc1: world.gateway('dc1'), dc2: world.gateway('dc2') };
}

async function post(world: SimWorld, gateway: SimGateway, ...origins: readonly string[]): Promise<void> {
  for (const origin of origins) {
    gateway.application.post(origin, 100);
    await world.run(300);
  }
}

function rows(gateway: SimGateway, store: Store, origin = 'a'): StoredSnapshot[] {
  return gateway
    .rows(store)
    .filter((row) => row.key.origin === origin)
    .sort((a, b) => b.version - a.version);
}

function places(gateway: SimGateway, store: Store, origin = 'a'): string[] {
  return rows(gateway, store, origin).map((row) => (row.withdrawn ? `${row.place} withdrawal` : row.place));
}

describe('the archive of a store', () => {
  it('of what the application withdrew goes when it is old enough, on both sides; the withdrawal stays', async () => {
    const { world, dc1, dc2 } = await pair();
    await post(world, dc1, 'a', 'a');
    dc1.application.withdraw('a');
    await world.run(1000);
    const before = ['live withdrawal', 'set-aside', 'set-aside'];
    expect([places(dc1, 'outgoing'), places(dc2, 'held')]).to.deep.equal([before, before]);
    await world.run(AGE_MS - 5000);
    expect([places(dc1, 'outgoing'), places(dc2, 'held')]).to.deep.equal([before, before]);
    expect(dc2.gateway?.telemetrySource.archives()).to.deep.include({ store: 'held', bytes: 200 });
    await world.run(PAST_MS);
    expect([places(dc1, 'outgoing'), places(dc2, 'held')]).to.deep.equal([['live withdrawal'], ['live withdrawal']]);
    expect(dc2.counts.get('archiveRemoved held')).to.equal(2);
    expect(dc1.counts.get('archiveRemoved outgoing')).to.equal(2);
    expect(dc2.gateway?.telemetrySource.archives()).to.deep.include({ store: 'held', bytes: 0 });
    world.checkSettled();
  });

  it('of what was set aside at a start keeps the newest of each origin, and the peer does not send it again', async () => {
    const { world, dc1, dc2 } = await pair({ retainHeldAtStartup: false });
    await post(world, dc1, 'a', 'a', 'b');
    dc2.kill();
    dc2.start();
    await world.run(1000);
    expect([places(dc2, 'held'), places(dc2, 'held', 'b')]).to.deep.equal([['set-aside', 'set-aside'], ['set-aside']]);
    await world.run(3 * PAST_MS);
    expect([places(dc2, 'held'), places(dc2, 'held', 'b')]).to.deep.equal([['set-aside'], ['set-aside']]);
    await post(world, dc1, 'a');
    await world.run(PAST_MS);
    expect(places(dc2, 'held')).to.deep.equal(['live']);
    world.checkSettled();
  });

  it('is bounded by bytes as well, the oldest first', async () => {
    const { world, dc1, dc2 } = await pair({ archiveMaxBytes: 250 });
    await post(world, dc1, 'a', 'a', 'a', 'a');
    dc1.application.withdraw('a');
    await world.run(1000);
    expect(places(dc2, 'held').length).to.equal(5);
    await post(world, dc1, 'a');
    await world.run(AGE_MS - 3000);
    expect(places(dc2, 'held')).to.deep.equal(['live', 'live withdrawal', 'set-aside', 'set-aside']);
  });

  it('has damaged content too, which goes; the row of the newest stays lost until it is filled', async () => {
    const { world, dc1, dc2 } = await pair({ scrubIntervalMs: 5000 });
    await post(world, dc1, 'a');
    dc1.kill();
    const [held] = rows(dc2, 'held');
    dc2.disk.damage(held!.key, held!.version);
    await world.run(12_000);
    expect(places(dc2, 'held')).to.deep.equal(['lost']);
    expect(await dc2.gateway?.api.damaged()).to.have.length(1);
    await world.run(3 * PAST_MS);
    expect(await dc2.gateway?.api.damaged()).to.deep.equal([]);
    expect(places(dc2, 'held')).to.deep.equal(['lost']);
    dc1.start();
    await world.run(10_000);
    expect(places(dc2, 'held')).to.deep.equal(['live']);
    world.checkSettled();
  });

  it('never loses what an open delivery or a return needs', async () => {
    const { world, dc1, dc2 } = await pair({ retainHeldAtStartup: false, snapshotHistory: 0 });
    await post(world, dc1, 'a', 'a');
    dc2.application.isIdle = true;
    const delivery = await dc2.gateway?.api.deliver({ dataCenter: 'dc1', origins: null });
    const pinned = delivery?.snapshots[0]?.version ?? 0;
    await post(world, dc1, 'a', 'a');
    await world.run(3 * PAST_MS);
    expect(rows(dc2, 'held').map(({ version }) => version)).to.include(pinned);
    const reader = await dc2.gateway?.api.openDelivered(delivery?.id ?? '', { origin: 'a', workload: undefined });
    expect(reader?.snapshot.version).to.equal(pinned);
    await reader?.close();
    await dc2.gateway?.api.acknowledge(delivery?.id ?? '', { origin: 'a', workload: undefined, version: pinned });
    await world.run(PAST_MS);
    expect(places(dc2, 'held')).to.deep.equal(['live']);
  });

  it('believes no wall clock that jumped while it ran', async () => {
    const { world, dc1, dc2 } = await pair();
    await post(world, dc1, 'a');
    dc1.application.withdraw('a');
    await world.run(1000);
    dc2.skew.jump(10 * 24 * 3_600_000);
    // One look comes with the jump behind it; the next one finds a clock that goes on steadily and believes it.
    await world.run(AGE_MS - 2000);
    expect(places(dc2, 'held')).to.deep.equal(['live withdrawal', 'set-aside']);
    await world.run(PAST_MS);
    expect(places(dc2, 'held')).to.deep.equal(['live withdrawal']);
  });

  it('waits while a store is away, and is kept later', async () => {
    const { world, dc1, dc2 } = await pair();
    await post(world, dc1, 'a');
    dc1.application.withdraw('a');
    await world.run(1000);
    dc2.disk.away.add('held');
    await world.run(3 * PAST_MS);
    expect(places(dc2, 'held')).to.deep.equal(['live withdrawal', 'set-aside']);
    dc2.disk.away.clear();
    await world.run(PAST_MS);
    expect(places(dc2, 'held')).to.deep.equal(['live withdrawal']);
    const errors = world.oracle.events.filter(
      ({ gateway, event }) => gateway === 'dc2' && event.type === 'store-error',
    );
    expect(errors.length).to.equal(1);
  });
});

describe('the history of an origin', () => {
  it('is cut to what the operator wants when that was lowered and nothing new came', async () => {
    const world = new SimWorld({ seed: 12, settings: { snapshotHistory: 3, archiveMaxAgeMs: AGE_MS } });
    await world.begin();
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    await post(world, dc1, 'a', 'a', 'a', 'a');
    expect([places(dc1, 'outgoing').length, places(dc2, 'held').length]).to.deep.equal([4, 4]);
    for (const gateway of [dc1, dc2]) {
      gateway.kill();
      gateway.reconfigure({ snapshotHistory: 1 });
      gateway.start();
    }
    await world.run(AGE_MS + 15_000);
    expect([places(dc1, 'outgoing'), places(dc2, 'held')]).to.deep.equal([
      ['live', 'live'],
      ['live', 'live'],
    ]);
    world.checkSettled();
  });
});
