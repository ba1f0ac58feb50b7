import { expect } from 'chai';
import { GatewayError } from '../../src/errors.ts';
import type { GatewayApi, PeerView } from '../../src/ports/gateway-api.ts';
import { SimWorld, type SimWorldOptions } from './sim-world.ts';

const SEEDS = [1, 2, 3];
const FRESH = { snapshotIntervalMs: 30_000 };

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

function apiOf(world: SimWorld, name: string): GatewayApi {
  const { gateway } = world.gateway(name);
  if (gateway === null) throw new Error(`${name} does not run`);
  return gateway.api;
}

function peerOf(world: SimWorld, name: string, peer: string): PeerView {
  return apiOf(world, name).peer(peer);
}

/** The checks of readiness that fail. */
function failingOf(world: SimWorld, name: string): string[] {
  const { status, checks } = apiOf(world, name).readyz();
  const failing = Object.keys(checks).filter((check) => checks[check]?.ok !== true);
  expect(status).to.equal(failing.length === 0 ? 'ok' : 'failing');
  return failing;
}

describe('what is shown of a peer', () => {
  scenario('is the whole object of the interface, and true', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').application.post('a', 100);
    world.gateway('dc1').application.post('b', 50);
    await world.run(1000);
    const { since, lastHeartbeatAt, lastHeartbeatCnt, rttMs, clockSkewSeconds, held, ...rest } = peerOf(
      world,
      'dc2',
      'dc1',
    );
    const wallMs = world.gateway('dc2').clock.wallMs();
    expect(wallMs - Date.parse(since)).to.be.within(2500, 3000);
    expect(wallMs - Date.parse(lastHeartbeatAt ?? '')).to.be.within(0, 1000);
    expect(lastHeartbeatCnt).to.be.at.least(3);
    expect(rttMs).to.equal(2);
    // The clocks are one in a world without skew: what is left is the way here.
    expect(clockSkewSeconds).to.be.within(-0.01, 0);
    const bytes = world
      .gateway('dc2')
      .rows('held')
      .reduce((sum, row) => sum + row.bytes, 0);
    const takenAt = world
      .gateway('dc2')
      .rows('held')
      .map((row) => row.takenAt);
    expect(held).to.deep.equal({ origins: 2, bytes, newestTakenAt: takenAt.sort().at(-1) });
    expect(bytes).to.equal(150);
    expect(rest).to.deep.equal({
      name: 'dc1',
      state: 'up',
      reason: null,
      incarnation: apiOf(world, 'dc1').status().incarnation,
      missed: 0,
      hearsUs: true,
      application: { status: 'unknown' },
      machines: [{ address: 'dc1:25091', ok: true, lastError: null }],
      replication: { pending: 0, oldestPendingSince: null },
      sync: { inSync: false, behindVersions: 0, behindSeconds: 0, lastReplicatedAt: null },
      transitions: 0,
      incarnations: 1,
      blockedBy: null,
    });
  });

  scenario('tells why it is down, how often it changed, and why nothing follows', async (seed) => {
    const world = await pair(seed, { settingsOf: { dc2: { mode: 'passive' } } });
    world.gateway('dc1').kill();
    await world.run(2500);
    expect(peerOf(world, 'dc2', 'dc1')).to.include({ state: 'suspect', reason: 'silence', hearsUs: false });
    expect(peerOf(world, 'dc2', 'dc1').missed).to.be.within(1, 3);
    expect(peerOf(world, 'dc2', 'dc1').machines[0])
      .to.include({ ok: false })
      .and.have.property('lastError')
      .match(/^unreachable/);
    await world.run(5000);
    const down = { state: 'down', reason: 'silence', missed: 4, transitions: 1, blockedBy: 'passive' };
    expect(peerOf(world, 'dc2', 'dc1')).to.include(down);
    world.gateway('dc1').start();
    await world.run(3000);
    const up = { state: 'up', reason: null, missed: 0, transitions: 2, blockedBy: null };
    expect(peerOf(world, 'dc2', 'dc1')).to.include(up);
  });

  scenario('says that nothing is held where something was replicated and nothing is left of it', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    world.gateway('dc2').kill();
    world.gateway('dc2').disk.snapshots.delete('held');
    world.oracle.forget('dc2');
    world.gateway('dc1').kill();
    world.gateway('dc2').start();
    await world.run(8000);
    expect(peerOf(world, 'dc2', 'dc1').blockedBy).to.equal('nothing-held');
    expect(apiOf(world, 'dc2').ownership.row('dc1')).to.include({ owner: 'dc1', blockedBy: 'nothing-held' });
  });

  scenario('shows nothing in the way of a takeover where the peer never replicated anything', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').kill();
    await world.run(6000);
    expect(peerOf(world, 'dc2', 'dc1').blockedBy).to.equal(null);
    expect(apiOf(world, 'dc2').ownership.row('dc1')).to.include({ owner: 'dc2', epoch: 2, primary: true });
    expect(apiOf(world, 'dc2').deliveries()).to.deep.equal([]);
  });
});

describe('what is shown of the gateway', () => {
  scenario('is the whole object of the interface, and true', async (seed) => {
    const world = await pair(seed);
    const dc2 = world.gateway('dc2');
    for (const bytes of [90, 100]) dc2.application.post('orders', bytes);
    dc2.application.post('gone', 10);
    await world.run(500);
    dc2.application.withdraw('gone');
    await world.run(500);
    const { startedAt, incarnation, outgoing, ...rest } = apiOf(world, 'dc2').status();
    expect(dc2.clock.wallMs() - Date.parse(startedAt)).to.be.within(2900, 3100);
    expect(incarnation).to.be.above(1);
    const newest = dc2.rows('outgoing').find((row) => row.bytes === 100);
    expect(outgoing).to.deep.equal({ origins: 1, bytes: 100, pending: 0, newestTakenAt: newest?.takenAt });
    expect(rest).to.deep.equal({
      dataCenter: 'dc2',
      application: { name: 'default', status: 'unknown' },
      mode: 'active',
      version: '0.0.0',
      peers: apiOf(world, 'dc2').peers(),
      ownership: apiOf(world, 'dc2').ownership.rows(),
      deliveries: { open: 0 },
      store: { kind: 'memory', ok: true },
      scrub: { state: 'off', startedAt: null, completedAt: null, verified: 0, bytes: 0, damaged: 0 },
      ownPauses: { count: 0, longestSeconds: 0, lastAt: null },
      failoverCommand: { state: 'none' },
      shuttingDown: false,
    });
  });

  scenario('counts the deliveries that are open, and says when a store cannot be used', async (seed) => {
    const world = await pair(seed);
    const dc2 = world.gateway('dc2');
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    dc2.application.isIdle = true;
    const api = apiOf(world, 'dc2');
    const { id } = await api.deliver({ dataCenter: 'dc1', origins: null });
    await api.deliver({ dataCenter: 'dc1', origins: null });
    expect(api.status().deliveries).to.deep.equal({ open: 2 });
    await api.acknowledge(id, { origin: 'orders', workload: undefined, version: undefined });
    expect(api.status().deliveries).to.deep.equal({ open: 1 });
    dc2.failDisk('store-full');
    dc2.application.post('own');
    await world.run(100);
    expect(api.status().store.ok).to.equal(false);
    expect(failingOf(world, 'dc2')).to.deep.equal(['store']);
    dc2.failDisk(null);
    await world.run(30_000);
    expect(api.status().store.ok).to.equal(true);
    expect(failingOf(world, 'dc2')).to.deep.equal([]);
  });
});

describe('whether a peer is in sync', () => {
  scenario('is said with how far it is behind, and since when', async (seed) => {
    const world = await pair(seed, { settings: FRESH });
    const { application } = world.gateway('dc1');
    expect(peerOf(world, 'dc1', 'dc2').sync).to.deep.equal({
      inSync: false,
      behindVersions: 0,
      behindSeconds: 0,
      lastReplicatedAt: null,
    });
    application.post('orders');
    await world.run(1000);
    const well = peerOf(world, 'dc1', 'dc2');
    expect(well.sync).to.include({ inSync: true, behindVersions: 0, behindSeconds: 0 });
    const age = world.gateway('dc1').clock.wallMs() - Date.parse(well.sync.lastReplicatedAt ?? '');
    expect(age).to.be.within(0, 1000);
    expect(well.replication).to.deep.equal({ pending: 0, oldestPendingSince: null });

    world.network.change('dc1', 'dc2', { breakAtByte: 0 });
    application.post('orders');
    application.post('accounts');
    await world.run(10_000);
    const behind = peerOf(world, 'dc1', 'dc2');
    expect(behind.state).to.equal('up');
    expect(behind.sync).to.include({ inSync: false, behindVersions: 2 });
    expect(behind.sync.behindSeconds).to.be.within(9, 10);
    expect(behind.replication.pending).to.equal(2);
    const waiting = world.gateway('dc1').clock.wallMs() - Date.parse(behind.replication.oldestPendingSince ?? '');
    expect(waiting).to.be.within(9000, 10_000);
  });

  scenario('ends with the age of the newest snapshot, and when the peer is not up', async (seed) => {
    const world = await pair(seed, { settings: FRESH });
    world.gateway('dc1').application.post('orders');
    await world.run(59_000);
    expect(peerOf(world, 'dc1', 'dc2').sync.inSync).to.equal(true);
    await world.run(2000);
    expect(peerOf(world, 'dc1', 'dc2').sync).to.include({ inSync: false, behindVersions: 0 });
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    expect(peerOf(world, 'dc1', 'dc2').sync.inSync).to.equal(true);
    world.gateway('dc2').kill();
    await world.run(5000);
    expect(peerOf(world, 'dc1', 'dc2').sync.inSync).to.equal(false);
  });
});

describe('readiness', () => {
  scenario('is not lost because a peer is down', async (seed) => {
    const world = await pair(seed, { settings: FRESH });
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    world.gateway('dc2').kill();
    await world.run(1000);
    world.gateway('dc1').application.post('orders');
    await world.run(300_000);
    expect(world.gateway('dc1').stateOf('dc2')).to.equal('down');
    expect(failingOf(world, 'dc1')).to.deep.equal([]);
  });

  scenario(
    'is lost while a peer that is up lacks a snapshot for two intervals, and comes back by itself',
    async (seed) => {
      const world = await pair(seed, { settings: FRESH });
      world.network.change('dc1', 'dc2', { breakAtByte: 0 });
      world.gateway('dc1').application.post('orders');
      await world.run(59_000);
      expect(failingOf(world, 'dc1')).to.deep.equal([]);
      await world.run(2000);
      expect(failingOf(world, 'dc1')).to.deep.equal(['replication']);
      expect(apiOf(world, 'dc1').healthz().status).to.equal('ok');
      world.network.heal('dc1', 'dc2');
      world.gateway('dc1').application.post('orders');
      await world.run(2000);
      expect(failingOf(world, 'dc1')).to.deep.equal([]);
    },
  );

  scenario('is lost when the application has stopped posting for two intervals', async (seed) => {
    const world = await pair(seed, { settings: FRESH });
    await world.run(120_000);
    expect(failingOf(world, 'dc1')).to.deep.equal([]);
    world.gateway('dc1').application.post('orders');
    await world.run(62_000);
    expect(failingOf(world, 'dc1')).to.deep.equal(['replication']);
  });

  scenario('is lost during a shutdown, which takes no new work', async (seed) => {
    const world = await pair(seed);
    const { gateway } = world.gateway('dc1');
    // A transfer under way keeps the shutdown going.
    world.network.change('dc1', 'dc2', { breakAtByte: 0 });
    world.gateway('dc1').application.post('orders');
    await world.run(500);
    gateway?.shutDown('orderly');
    await world.run(500);
    expect(failingOf(world, 'dc1')).to.deep.equal(['shutdown']);
    expect(apiOf(world, 'dc1').status().shuttingDown).to.equal(true);
    const { refusals } = world.gateway('dc1').application;
    world.gateway('dc1').application.post('orders');
    await world.run(100);
    expect(refusals).to.have.length(1);
    expect(refusals[0]).to.include('shutting down');
  });
});

describe('an upload that waits until it is replicated', () => {
  /** How a wait that begins now ends within its three seconds. */
  async function outcomeOf(world: SimWorld, meanwhile: () => void = () => undefined): Promise<string> {
    world.gateway('dc1').application.post('orders');
    await world.run(1);
    const api = apiOf(world, 'dc1');
    const [row] = api.outgoing();
    if (row === undefined) throw new Error('nothing was accepted');
    let outcome = 'waits';
    void api.awaitReplicated(row, 3000, new AbortController().signal).then(
      ({ replication }) => void (outcome = replication.map(({ peer, state }) => `${peer} ${state}`).join()),
      (error: unknown) => void (outcome = error instanceof GatewayError ? error.code : String(error)),
    );
    meanwhile();
    await world.run(2900);
    const early = outcome;
    await world.run(200);
    return early === outcome ? outcome : `${early}, then ${outcome}`;
  }

  scenario('is told when every peer that is up has it', async (seed) => {
    const world = await pair(seed, { names: ['dc1', 'dc2', 'dc3'] });
    expect(await outcomeOf(world)).to.equal('dc2 stored,dc3 stored');
  });

  scenario('waits in vain, and for as long as it said, while one peer that is up lacks it', async (seed) => {
    const world = await pair(seed, { names: ['dc1', 'dc2', 'dc3'] });
    world.network.change('dc1', 'dc3', { breakAtByte: 0 });
    expect(await outcomeOf(world)).to.equal('waits, then not-in-time');
  });

  scenario('waits in vain while nobody is up who could have it', async (seed) => {
    const world = new SimWorld({ seed });
    world.gateway('dc1').start();
    await world.run(2000);
    expect(await outcomeOf(world)).to.equal('waits, then not-in-time');
  });

  scenario('is told of its version also when only a newer one was stored', async (seed) => {
    const world = await pair(seed);
    world.network.change('dc1', 'dc2', { breakAtByte: 0 });
    let versions: number[] = [];
    const outcome = await outcomeOf(world, () => {
      versions = apiOf(world, 'dc1')
        .outgoing()
        .map(({ version }) => version);
      world.network.heal('dc1', 'dc2');
      world.gateway('dc1').application.post('orders');
    });
    expect(outcome).to.equal('dc2 stored');
    const held = world.gateway('dc2').rows('held');
    expect(held.map(({ version }) => version)).not.to.include.members(versions);
  });
});
