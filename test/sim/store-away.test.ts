import { expect } from 'chai';
import type { EventType, GatewayEvent } from '../../src/core/events.ts';
import type { StoredSnapshot } from '../../src/core/snapshot.ts';
import { GatewayError } from '../../src/errors.ts';
import type { GatewayApi, PeerView } from '../../src/ports/gateway-api.ts';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

/** The four intervals of a verdict, and a little. */
const DOWN_MS = 6000;
/** The longest pause between two probes of a store, and what follows from its return. */
const BACK_MS = 12_000;

/** dc2 holds what dc1 has posted. */
async function holding(
  settings: Partial<GatewaySettings> = {},
  origins: readonly string[] = ['a', 'b'],
): Promise<{
  world: SimWorld;
  dc1: SimGateway;
  dc2: SimGateway;
}> {
  const world = new SimWorld({ seed: 21, settings });
  await world.begin();
  const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
  for (const origin of origins) {
    dc1.application.post(origin);
    await world.run(500);
  }
  return { world, dc1, dc2 };
}

/** Starts the gateway anew while the store of what it holds cannot be reached. */
async function restartWithout(world: SimWorld, gateway: SimGateway): Promise<void> {
  gateway.kill();
  gateway.disk.away.add('held');
  gateway.start();
  await world.run(100);
}

function apiOf({ gateway, name }: SimGateway): GatewayApi {
  if (gateway === null) throw new Error(`${name} does not run`);
  return gateway.api;
}

function peerOf(gateway: SimGateway, peer: string): PeerView {
  return apiOf(gateway).peer(peer);
}

function eventsOf(world: SimWorld, gateway: string, type: EventType): GatewayEvent[] {
  return world.oracle.events
    .filter((one) => one.gateway === gateway && one.event.type === type)
    .map(({ event }) => event);
}

function held(gateway: SimGateway): StoredSnapshot[] {
  return gateway.rows('held').sort((a, b) => (a.key.origin < b.key.origin ? -1 : 1));
}

async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'not refused';
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return error.code;
  }
}

describe('a gateway that starts while the store of what it holds is away', () => {
  it('blocks the takeover with that reason, and takes over when the store is there again', async () => {
    const { world, dc1, dc2 } = await holding();
    await restartWithout(world, dc2);
    dc1.kill();
    await world.run(DOWN_MS + 60_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(1);
    expect(peerOf(dc2, 'dc1')).to.include({ state: 'down', blockedBy: 'store-unavailable' });
    const blocked = eventsOf(world, 'dc2', 'takeover-blocked').map((event) => 'reason' in event && event.reason);
    expect(blocked).to.deep.equal(['store-unavailable']);
    expect(apiOf(dc2).deliveries()).to.deep.equal([]);
    expect(apiOf(dc2).readyz().checks['store']?.ok).to.equal(false);
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(dc2.application.absorbed.map(({ origin }) => origin)).to.have.members(['a', 'b']);
    expect(peerOf(dc2, 'dc1').blockedBy).to.equal(null);
    expect(eventsOf(world, 'dc2', 'store-error').length).to.equal(1);
    expect(eventsOf(world, 'dc2', 'store-recovered').length).to.equal(1);
    expect(apiOf(dc2).readyz().checks['store']?.ok).to.equal(true);
  });

  it('runs the failover command meanwhile, and not a second time when the delivery follows', async () => {
    const { world, dc1, dc2 } = await holding({ failoverCommand: 'call somebody' });
    await restartWithout(world, dc2);
    dc1.kill();
    await world.run(DOWN_MS + 60_000);
    expect(eventsOf(world, 'dc2', 'failover-command').length).to.equal(1);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(0);
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(eventsOf(world, 'dc2', 'failover-command').length).to.equal(1);
    // Nothing is left due that a restart would do again.
    dc2.kill();
    dc2.start();
    await world.run(60_000);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(eventsOf(world, 'dc2', 'failover-command').length).to.equal(1);
  });

  it('goes on with a takeover that was due before the start, and still could not be', async () => {
    const { world, dc1, dc2 } = await holding();
    await restartWithout(world, dc2);
    dc1.kill();
    await world.run(DOWN_MS);
    await restartWithout(world, dc2);
    await world.run(60_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(1);
    expect(peerOf(dc2, 'dc1')).to.include({ state: 'down', blockedBy: 'store-unavailable' });
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(dc2.application.absorbed.map(({ origin }) => origin)).to.have.members(['a', 'b']);
  });

  it('goes on with a delivery that was open before the start', async () => {
    const { world, dc1, dc2 } = await holding();
    dc2.application.isIdle = true;
    dc1.kill();
    await world.run(DOWN_MS);
    expect(apiOf(dc2).deliveries('open').length).to.equal(1);
    await restartWithout(world, dc2);
    dc2.application.isIdle = false;
    await world.run(60_000);
    dc2.disk.away.clear();
    await world.run(BACK_MS + 30_000);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(dc2.application.absorbed.map(({ origin }) => origin)).to.have.members(['a', 'b']);
  });

  it('calls the takeover off when the peer is heard before the store is there again', async () => {
    const { world, dc1, dc2 } = await holding();
    await restartWithout(world, dc2);
    dc1.kill();
    await world.run(DOWN_MS);
    dc1.start();
    await world.run(3000);
    expect(peerOf(dc2, 'dc1')).to.include({ state: 'up', blockedBy: null });
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(0);
    expect(apiOf(dc2).deliveries()).to.deep.equal([]);
    world.checkSettled();
  });

  it('tells its peer nothing of what it holds, and the peer does not send everything again', async () => {
    const { world, dc1, dc2 } = await holding();
    const before = held(dc2);
    const sent = dc1.counts.get('snapshotSent');
    await restartWithout(world, dc2);
    await world.run(30_000);
    expect(world.oracle.downs('dc1', 'dc2') + world.oracle.downs('dc2', 'dc1')).to.equal(0);
    expect(dc2.gateway?.inbox === undefined).to.equal(false);
    expect(await codeOf(() => dc2.gateway?.inbox.inventory('dc1'))).to.equal('store-unavailable');
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    expect(dc1.counts.get('snapshotSent')).to.equal(sent);
    expect(held(dc2)).to.deep.equal(before);
    world.checkSettled();
  });

  it('takes what is posted meanwhile as soon as it can', async () => {
    const { world, dc1, dc2 } = await holding();
    const sent = dc1.counts.get('snapshotSent') ?? 0;
    await restartWithout(world, dc2);
    dc1.application.post('a');
    await world.run(20_000);
    expect(peerOf(dc1, 'dc2').replication.pending).to.equal(1);
    expect(peerOf(dc1, 'dc2').state).to.equal('up');
    dc2.disk.away.clear();
    await world.run(BACK_MS + 20_000);
    expect(dc1.counts.get('snapshotSent')).to.equal(sent + 1);
    world.checkSettled();
  });

  it('also when the peer starts at the same time, which knows nothing of what it has', async () => {
    const { world, dc1, dc2 } = await holding();
    const sent = dc1.counts.get('snapshotSent');
    await restartWithout(world, dc2);
    dc1.kill();
    dc1.start();
    await world.run(30_000);
    dc2.disk.away.clear();
    await world.run(BACK_MS + 20_000);
    expect(dc1.counts.get('snapshotSent')).to.equal(sent);
    world.checkSettled();
  });

  it('refuses what would need to know what it holds, by name', async () => {
    const { world, dc2 } = await holding();
    await restartWithout(world, dc2);
    await world.run(3000);
    const api = apiOf(dc2);
    const which = { origin: 'a', workload: undefined, version: undefined };
    for (const [what, call] of Object.entries({
      held: () => api.held('dc1', { history: false, workload: undefined }),
      openHeld: () => api.openHeld('dc1', which),
      deliver: () => api.deliver({ dataCenter: 'dc1', origins: null }),
      returnTo: () => api.returnTo('dc1'),
      message: () => api.specialMessage('SendMeDataFromSnapshotFiles'),
      damaged: () => api.damaged(),
    }))
      expect(await codeOf(call), what).to.equal('store-unavailable');
    expect(api.ownVersions()).to.deep.equal([]);
    expect(api.status().store.ok).to.equal(false);
  });

  it('marks then what a delivery before the start has handed over, and delivers it no second time', async () => {
    const { world, dc1, dc2 } = await holding();
    dc2.application.isIdle = true;
    dc1.kill();
    await world.run(DOWN_MS);
    const [delivery] = apiOf(dc2).deliveries('open');
    dc2.disk.away.add('held');
    for (const { origin } of delivery?.snapshots ?? [])
      await apiOf(dc2).acknowledge(delivery?.id ?? '', { origin, workload: undefined, version: undefined });
    expect(held(dc2).map(({ deliveredBy }) => deliveredBy)).to.deep.equal([null, null]);
    await restartWithout(world, dc2);
    await world.run(30_000);
    dc2.disk.away.clear();
    await world.run(BACK_MS + 30_000);
    expect(held(dc2).map(({ deliveredBy }) => deliveredBy)).to.deep.equal([delivery?.id, delivery?.id]);
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(1);
    expect(eventsOf(world, 'dc2', 'delivery-done').length).to.equal(1);
  });

  it('deletes then what a peer left behind that left meanwhile', async () => {
    const { world, dc1, dc2 } = await holding({ deleteHeldWhenLeft: true }, ['a']);
    await restartWithout(world, dc2);
    await world.run(3000);
    const leaving = dc1.leave();
    await world.run(20_000);
    await leaving;
    expect(peerOf(dc2, 'dc1').state).to.equal('left');
    expect(held(dc2).length).to.equal(1);
    dc2.disk.away.clear();
    // Versions may go here, this once.
    for (let ms = 0; ms < BACK_MS; ms += 10) {
      world.oracle.forget('dc2');
      await world.run(10);
    }
    expect(held(dc2)).to.deep.equal([]);
  });

  it('sets then aside what it held before the start, when it is told to', async () => {
    const { world, dc2 } = await holding({ retainHeldAtStartup: false });
    await restartWithout(world, dc2);
    await world.run(30_000);
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    expect(held(dc2).map(({ place }) => place)).to.deep.equal(['set-aside', 'set-aside']);
  });

  it('sets nothing aside then of a peer that has died meanwhile: it is what is needed now', async () => {
    const { world, dc1, dc2 } = await holding({ retainHeldAtStartup: false, mode: 'passive' });
    await restartWithout(world, dc2);
    await world.run(5000);
    dc1.kill();
    await world.run(DOWN_MS);
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    expect(held(dc2).map(({ place }) => place)).to.deep.equal(['live', 'live']);
    const delivery = await apiOf(dc2).deliver({ dataCenter: 'dc1', origins: null });
    expect(delivery.snapshots.map(({ origin }) => origin)).to.have.members(['a', 'b']);
  });

  it('gives back then what it holds, when it is told to', async () => {
    const { world, dc2 } = await holding({ returnAtStartup: true });
    await restartWithout(world, dc2);
    await world.run(5000);
    expect(eventsOf(world, 'dc2', 'snapshot-returned')).to.deep.equal([]);
    dc2.disk.away.clear();
    await world.run(BACK_MS);
    const returned = eventsOf(world, 'dc2', 'snapshot-returned').map((event) => 'origin' in event && event.origin);
    expect(returned).to.have.members(['a', 'b']);
  });

  it('gives a peer whose death was seen before the start the time to be heard, though the store is there', async () => {
    const { world, dc1, dc2 } = await holding();
    await restartWithout(world, dc2);
    dc1.kill();
    await world.run(DOWN_MS);
    await restartWithout(world, dc2);
    dc2.disk.away.clear();
    await world.run(1200);
    expect(await codeOf(() => dc2.gateway?.inbox.inventory('dc1'))).to.equal('not refused');
    dc1.start();
    await world.run(BACK_MS);
    expect(peerOf(dc2, 'dc1')).to.include({ state: 'up', blockedBy: null });
    expect(world.oracle.takeovers('dc2', 'dc1')).to.equal(0);
  });

  it('neither verifies nor tidies what it does not know', async () => {
    const { world, dc2 } = await holding({ scrubIntervalMs: 5000, archiveMaxAgeMs: 0, archiveMaxBytes: 0 });
    const before = held(dc2);
    await restartWithout(world, dc2);
    await world.run(60_000);
    expect(apiOf(dc2).status().scrub.state).to.equal('waiting');
    expect(apiOf(dc2).status().scrub.damaged).to.equal(0);
    dc2.disk.away.clear();
    await world.run(BACK_MS + 10_000);
    expect(apiOf(dc2).status().scrub).to.include({ verified: 2, damaged: 0 });
    expect(held(dc2)).to.deep.equal(before);
  });
});
