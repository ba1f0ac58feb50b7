import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import type { GatewayApi } from '../../src/ports/gateway-api.ts';
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

function apiOf(world: SimWorld, name: string): GatewayApi {
  const { gateway } = world.gateway(name);
  if (gateway === null) throw new Error(`${name} does not run`);
  return gateway.api;
}

function eventsOf<T extends GatewayEvent['type']>(
  world: SimWorld,
  name: string,
  type: T,
): Extract<GatewayEvent, { type: T }>[] {
  const own = world.oracle.events.filter(({ gateway }) => gateway === name).map(({ event }) => event);
  return own.filter((event): event is Extract<GatewayEvent, { type: T }> => event.type === type);
}

/** The application of dc1 says how it is. */
function tell(world: SimWorld, status: 'passing' | 'critical'): Promise<void> {
  return apiOf(world, 'dc1').setApplicationHealth({ status, note: null });
}

describe('an application that says that it is critical', () => {
  scenario('counts as down after N heartbeats, and its snapshots are delivered at the peer', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    await tell(world, 'critical');
    await world.run(2900);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(0);
    expect(apiOf(world, 'dc2').peer('dc1').application).to.deep.equal({ status: 'critical' });
    await world.run(2000);
    expect(eventsOf(world, 'dc2', 'peer-down').map(({ reason }) => reason)).to.deep.equal(['application-critical']);
    expect(world.gateway('dc2').application.absorbed.map(({ origin }) => origin)).to.deep.equal(['orders']);
    expect(world.oracle.downs('dc1', 'dc2')).to.equal(0);
  });

  scenario('is up again with its first heartbeat that is not', async (seed) => {
    const world = await pair(seed);
    await tell(world, 'critical');
    await world.run(8000);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('down');
    await tell(world, 'passing');
    await world.run(1100);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('up');
  });

  scenario('for fewer than N heartbeats is no death', async (seed) => {
    const world = await pair(seed);
    await tell(world, 'critical');
    await world.run(2500);
    await tell(world, 'passing');
    await world.run(10_000);
    expect(world.oracle.downs('dc2', 'dc1')).to.equal(0);
  });
});

describe('an application that must report (appHealthTtl)', () => {
  scenario('and does not any more counts as down; it is up again when it reports', async (seed) => {
    const world = await pair(seed, { settingsOf: { dc1: { healthTtlMs: 3000 } } });
    await tell(world, 'passing');
    await world.run(2500);
    await tell(world, 'passing');
    await world.run(2500);
    expect(apiOf(world, 'dc1').status().application.status).to.equal('passing');
    await world.run(6000);
    expect(apiOf(world, 'dc1').status().application.status).to.equal('critical');
    expect(eventsOf(world, 'dc2', 'peer-down').map(({ reason }) => reason)).to.deep.equal(['application-critical']);
    await tell(world, 'passing');
    await world.run(1100);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('up');
  });
});

describe('the application is asked for snapshots', () => {
  const reasonsOf = (world: SimWorld, name: string): string[] =>
    eventsOf(world, name, 'snapshot-request').map(({ reason }) => reason);

  scenario('when a peer joins: at its first heartbeat, and when it is back from the dead', async (seed) => {
    const world = await pair(seed);
    expect(reasonsOf(world, 'dc2')).to.deep.equal(['peer-joined']);
    world.gateway('dc1').kill();
    await world.run(10_000);
    world.gateway('dc1').start();
    await world.run(5000);
    // By then it has taken the work of dc1 over, and is asked for the snapshots of that too.
    const requests = eventsOf(world, 'dc2', 'snapshot-request');
    expect(requests.map(({ reason, workload }) => [reason, workload])).to.deep.equal([
      ['peer-joined', undefined],
      ['peer-joined', undefined],
      ['peer-joined', 'dc1'],
    ]);
  });

  scenario('not when a peer was only suspected', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').stop();
    await world.run(2500);
    world.gateway('dc1').resume();
    await world.run(5000);
    expect(eventsOf(world, 'dc2', 'peer-suspect').length).to.be.above(0);
    expect(reasonsOf(world, 'dc2')).to.deep.equal(['peer-joined']);
  });

  scenario('on the interval, whether or not a peer is there', async (seed) => {
    const world = new SimWorld({ seed, settings: { snapshotIntervalMs: 5000 } });
    world.gateway('dc1').start();
    await world.run(16_000);
    expect(reasonsOf(world, 'dc1')).to.deep.equal(['interval', 'interval', 'interval']);
  });

  scenario('not any more during a shutdown', async (seed) => {
    const world = await pair(seed, { settings: { snapshotIntervalMs: 1000 } });
    // A transfer that does not end keeps the shutdown going.
    world.network.change('dc1', 'dc2', { breakAtByte: 0 });
    world.gateway('dc1').application.post('orders');
    await world.run(500);
    world.gateway('dc1').gateway?.shutDown('orderly');
    const before = reasonsOf(world, 'dc1').length;
    await world.run(5000);
    expect(reasonsOf(world, 'dc1')).to.have.length(before);
  });

  scenario('by a passive gateway only by hand', async (seed) => {
    const world = await pair(seed, { settings: { mode: 'passive', snapshotIntervalMs: 1000 } });
    await world.run(10_000);
    expect(reasonsOf(world, 'dc1')).to.deep.equal([]);
    await apiOf(world, 'dc1').requestSnapshots({ origins: null, timeoutMs: null });
    expect(reasonsOf(world, 'dc1')).to.deep.equal(['manual']);
  });

  scenario('by hand, and is told which of those asked for it did not post in time', async (seed) => {
    const world = await pair(seed);
    const { requestId } = await apiOf(world, 'dc1').requestSnapshots({ origins: ['a', 'b', 'c'], timeoutMs: 3000 });
    world.gateway('dc1').application.post('b');
    await world.run(2900);
    expect(eventsOf(world, 'dc1', 'snapshot-overdue')).to.deep.equal([]);
    await world.run(200);
    const overdue = eventsOf(world, 'dc1', 'snapshot-overdue').map((event) => [event.requestId, event.origins]);
    expect(overdue).to.deep.equal([[requestId, ['a', 'c']]]);
  });

  scenario('for all it has, and none of what it posted before snapshotRequestTimeout is overdue', async (seed) => {
    const world = await pair(seed, { settings: { requestTimeoutMs: 3000 } });
    const { application } = world.gateway('dc1');
    for (const origin of ['a', 'b', 'gone']) application.post(origin);
    await world.run(500);
    application.withdraw('gone');
    await world.run(5000);
    const before = eventsOf(world, 'dc1', 'snapshot-overdue').length;
    await apiOf(world, 'dc1').requestSnapshots({ origins: null, timeoutMs: null });
    application.post('a');
    await world.run(3100);
    const [overdue] = eventsOf(world, 'dc1', 'snapshot-overdue').slice(before);
    expect(overdue?.origins).to.deep.equal(['b']);
  });
});
