import { expect } from 'chai';
import type { SnapshotKey, StoredSnapshot } from '../../src/core/snapshot.ts';
import type { GatewayApi, ScrubView } from '../../src/ports/gateway-api.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld, type SimWorldOptions } from './sim-world.ts';

const EVERY_MS = 5000;
/** A start's delay, the interval, and what follows from what was found. */
const FOUND_MS = 2 * EVERY_MS + 3000;

/** dc1 has posted so many versions of each origin, all of which dc2 has; both verify what they store all the time. */
async function holding(
  posts: readonly string[] = ['a', 'a', 'b'],
  options: Omit<SimWorldOptions, 'seed'> = {},
): Promise<{ world: SimWorld; dc1: SimGateway; dc2: SimGateway }> {
  const world = new SimWorld({
    seed: 7,
    ...options,
    settings: { scrubIntervalMs: EVERY_MS, snapshotHistory: 3, ...options.settings },
  });
  await world.begin();
  const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
  for (const origin of posts) {
    dc1.application.post(origin);
    await world.run(300);
  }
  return { world, dc1, dc2 };
}

function apiOf(gateway: SimGateway): GatewayApi {
  if (gateway.gateway === null) throw new Error(`${gateway.name} does not run`);
  return gateway.gateway.api;
}

function scrubOf(gateway: SimGateway): ScrubView {
  return apiOf(gateway).status().scrub;
}

function versions(gateway: SimGateway, store: 'outgoing' | 'held' | 'returned', origin: string): StoredSnapshot[] {
  const rows = gateway.rows(store).filter((row) => row.key.origin === origin);
  return rows.sort((a, b) => b.version - a.version);
}

function places(gateway: SimGateway, store: 'outgoing' | 'held' | 'returned', origin: string): string[] {
  return versions(gateway, store, origin).map(({ place }) => place);
}

function newest(gateway: SimGateway, store: 'outgoing' | 'held' | 'returned', origin: string): StoredSnapshot {
  const [row] = versions(gateway, store, origin);
  if (row === undefined) throw new Error(`${gateway.name} has nothing of ${origin}`);
  return row;
}

function damageEvents(world: SimWorld, gateway: string): { origin: string; version: number }[] {
  return world.oracle.events.flatMap(({ gateway: by, event }) =>
    by === gateway && event.type === 'snapshot-damaged' ? [{ origin: event.origin, version: event.version }] : [],
  );
}

async function isWhole(api: GatewayApi, peer: string, key: SnapshotKey, version: number): Promise<boolean> {
  const reader = await api.openHeld(peer, { origin: key.origin, workload: key.workload, version });
  await reader.close();
  return reader.snapshot.place === 'live';
}

describe('the verification of everything that is stored', () => {
  it('goes round and round, and says how far it is', async () => {
    const { world, dc1, dc2 } = await holding();
    await world.run(FOUND_MS);
    for (const gateway of [dc1, dc2]) {
      expect(scrubOf(gateway)).to.include({ state: 'idle', verified: 3, damaged: 0 });
      expect(scrubOf(gateway).bytes).to.be.greaterThan(3);
    }
    const { startedAt, completedAt } = scrubOf(dc2);
    expect(Date.parse(completedAt ?? '')).to.be.at.least(Date.parse(startedAt ?? ''));
    await world.run(EVERY_MS);
    expect(Date.parse(scrubOf(dc2).startedAt ?? '') - Date.parse(startedAt ?? '')).to.be.closeTo(EVERY_MS, 10);
    expect(dc2.gateway?.telemetrySource.scrubCompletedMs()).to.be.closeTo(
      Date.parse(scrubOf(dc2).completedAt ?? ''),
      1,
    );
    expect(damageEvents(world, 'dc2')).to.deep.equal([]);
  });

  for (const how of ['damage', 'lose'] as const) {
    it(`finds a held newest version that went bad by "${how}", says it once, and the peer sends it again`, async () => {
      const { world, dc2 } = await holding();
      const { key, version } = newest(dc2, 'held', 'a');
      dc2.disk[how](key, version);
      await world.run(FOUND_MS);
      expect(damageEvents(world, 'dc2')).to.deep.equal([{ origin: 'a', version }]);
      expect(dc2.counts.get('scrubDamaged')).to.equal(1);
      expect(dc2.counts.get('verificationFailed')).to.equal(1);
      expect(places(dc2, 'held', 'a')).to.deep.equal(['live', 'live']);
      expect(await isWhole(apiOf(dc2), 'dc1', key, version)).to.equal(true);
      world.checkSettled();
    });
  }

  it('finds a version that a takeover delivered, and when the peer sends it again it is not delivered again', async () => {
    const { world, dc1, dc2 } = await holding(['a']);
    dc1.kill();
    await world.run(8000);
    dc1.start();
    await world.run(3000);
    const delivered = newest(dc2, 'held', 'a');
    expect(delivered.deliveredBy).not.to.equal(null);
    dc2.disk.damage(delivered.key, delivered.version);
    await world.run(FOUND_MS);
    expect(damageEvents(world, 'dc2').length).to.equal(1);
    expect(newest(dc2, 'held', 'a')).to.include({ place: 'live', deliveredBy: delivered.deliveredBy });
    dc1.kill();
    await world.run(20_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(2);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
  });

  it('finds an older version, which stays lost while the newest is offered', async () => {
    const { world, dc2 } = await holding();
    const before = versions(dc2, 'held', 'a')[1]!;
    dc2.disk.damage(before.key, before.version);
    await world.run(FOUND_MS);
    expect(damageEvents(world, 'dc2')).to.deep.equal([{ origin: 'a', version: before.version }]);
    expect(places(dc2, 'held', 'a')).to.deep.equal(['live', 'lost']);
    expect(scrubOf(dc2)).to.include({ verified: 2, damaged: 0 });
  });

  it('finds versions that are offered to nobody', async () => {
    const { world, dc1, dc2 } = await holding(['a'], { settings: { scrubIntervalMs: EVERY_MS } });
    dc1.application.withdraw('a');
    await world.run(500);
    const setAside = versions(dc2, 'held', 'a')[1]!;
    expect(setAside.place).to.equal('set-aside');
    dc2.disk.damage(setAside.key, setAside.version);
    await world.run(FOUND_MS);
    expect(places(dc2, 'held', 'a')).to.deep.equal(['live', 'lost']);
  });

  it('finds an own newest version that the peer has, and the one before is offered', async () => {
    const { world, dc1, dc2 } = await holding();
    const [damaged, before] = versions(dc1, 'outgoing', 'a');
    dc1.disk.damage(damaged!.key, damaged!.version);
    await world.run(FOUND_MS);
    expect(damageEvents(world, 'dc1')).to.deep.equal([{ origin: 'a', version: damaged!.version }]);
    const offered = apiOf(dc1)
      .outgoing()
      .find(({ origin }) => origin === 'a');
    expect(offered?.version).to.equal(before!.version);
    const reader = await apiOf(dc1).openOutgoing('a');
    expect(reader.snapshot.version).to.equal(before!.version);
    expect(newest(dc2, 'held', 'a')).to.include({ version: damaged!.version, place: 'live' });
    world.checkSettled();
    dc1.application.post('a');
    await world.run(2000);
    world.checkSettled();
    expect(newest(dc2, 'held', 'a').version).to.be.greaterThan(damaged!.version);
  });

  it('finds an own newest version that the peer lacks, and the one before goes out in its place', async () => {
    // Nobody takes the work over during the cut, so that dc1 goes on posting.
    const { world, dc1, dc2 } = await holding(['b'], { settings: { takeoverPolicy: 'manual' } });
    world.network.cut('dc1', 'dc2');
    dc1.application.post('a');
    await world.run(300);
    dc1.application.post('a');
    await world.run(300);
    const [damaged, before] = versions(dc1, 'outgoing', 'a');
    dc1.disk.damage(damaged!.key, damaged!.version);
    await world.run(FOUND_MS);
    world.network.heal('dc1', 'dc2');
    await world.run(20_000);
    expect(newest(dc2, 'held', 'a')).to.include({ version: before!.version, place: 'live' });
    dc1.application.post('a');
    await world.run(2000);
    world.checkSettled();
  });

  it('finds what a peer gave back and the application has not taken yet', async () => {
    const { world, dc1, dc2 } = await holding(['a']);
    dc1.application.isIdle = true;
    dc1.kill();
    await world.run(500);
    dc1.start();
    await world.run(1500);
    await apiOf(dc2).returnTo('dc1');
    await world.run(1500);
    const returned = newest(dc1, 'returned', 'a');
    dc1.disk.damage(returned.key, returned.version);
    await world.run(FOUND_MS);
    expect(places(dc1, 'returned', 'a')).to.deep.equal(['lost']);
    expect(damageEvents(world, 'dc1')).to.deep.equal([{ origin: 'a', version: returned.version }]);
  });

  it('finishes its rounds though the gateway is killed in the middle of each', async () => {
    const origins = ['a', 'b', 'c', 'd', 'e', 'f'];
    const { world, dc2 } = await holding(origins, { settings: { scrubIntervalMs: 3_600_000 } });
    const isDone = (): boolean => dc2.gateway !== null && scrubOf(dc2).completedAt !== null;
    let most = 0;
    for (let lives = 0; lives < 10 && !isDone(); lives += 1) {
      const before = dc2.counts.get('scrubVerified') ?? 0;
      for (let steps = 0; steps < 40_000; steps += 1) {
        await world.run(1);
        const verified = (dc2.counts.get('scrubVerified') ?? 0) - before;
        most = Math.max(most, verified);
        if (verified === 3 || isDone()) break;
      }
      if (isDone()) break;
      dc2.kill();
      dc2.start();
      await world.run(50);
    }
    expect(most).to.be.at.most(3);
    expect(scrubOf(dc2)).to.include({ verified: origins.length, damaged: 0, state: 'idle' });
  });

  it('begins a round that is overdue after a start, and none that is not', async () => {
    const { world, dc2 } = await holding(['a'], { settings: { scrubIntervalMs: 60_000 } });
    await world.run(31_000);
    const first = scrubOf(dc2);
    expect(first.completedAt).not.to.equal(null);
    dc2.kill();
    dc2.start();
    await world.run(31_000);
    expect(scrubOf(dc2)).to.deep.equal(first);
    dc2.kill();
    await world.run(90_000);
    dc2.start();
    await world.run(500);
    expect(scrubOf(dc2), 'not at once').to.deep.equal(first);
    await world.run(31_000);
    expect(Date.parse(scrubOf(dc2).startedAt ?? '')).to.be.greaterThan(Date.parse(first.startedAt ?? ''));
  });

  it('condemns nothing while a store is away, says that it waits, and goes on', async () => {
    const { world, dc2 } = await holding();
    dc2.disk.away.add('held');
    await world.run(FOUND_MS);
    expect(scrubOf(dc2).state).to.equal('waiting');
    const { verified } = scrubOf(dc2);
    await world.run(60_000);
    expect(scrubOf(dc2)).to.include({ state: 'waiting', verified });
    dc2.disk.away.clear();
    await world.run(20_000);
    expect(scrubOf(dc2)).to.include({ verified: 3, damaged: 0 });
    expect(scrubOf(dc2).state).not.to.equal('waiting');
    expect(dc2.rows('held').map(({ place }) => place)).to.deep.equal(['live', 'live', 'live']);
    expect(damageEvents(world, 'dc2')).to.deep.equal([]);
  });

  it('is off when its interval is', async () => {
    const { world, dc2 } = await holding(['a'], { settings: { scrubIntervalMs: Infinity } });
    dc2.disk.damage(newest(dc2, 'held', 'a').key, newest(dc2, 'held', 'a').version);
    await world.run(3_600_000);
    expect(scrubOf(dc2)).to.deep.equal({
      state: 'off',
      startedAt: null,
      completedAt: null,
      verified: 0,
      bytes: 0,
      damaged: 0,
    });
    expect(damageEvents(world, 'dc2')).to.deep.equal([]);
  });
});
