import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import { GatewayError } from '../../src/errors.ts';
import type { GatewayApi } from '../../src/ports/gateway-api.ts';
import { SimWorld, type SimWorldOptions } from './sim-world.ts';

const SEEDS = [1, 2, 3];
const signal = new AbortController().signal;
const ALL = { origins: null, timeoutMs: null };

function scenario(name: string, play: (seed: number) => Promise<void>): void {
  it(name, async () => {
    for (const seed of SEEDS) await play(seed);
  });
}

async function pair(seed: number, options: Omit<SimWorldOptions, 'seed'> = {}): Promise<SimWorld> {
  const world = new SimWorld({ seed, ...options });
  await world.begin();
  return world;
}

function apiOf(world: SimWorld, name: string): GatewayApi {
  const { gateway } = world.gateway(name);
  if (gateway === null) throw new Error(`${name} does not run`);
  return gateway.api;
}

/** The application of a gateway posts these whenever it is asked for all that it has. */
function postsWhenAsked(world: SimWorld, name: string, ...origins: readonly string[]): void {
  const { application } = world.gateway(name);
  application.whenAsked = ({ workload, origins: named }) => {
    if (workload === undefined) for (const origin of named ?? origins) application.post(origin);
  };
}

function reasonsOf(world: SimWorld, name: string): string[] {
  const own = world.oracle.events.filter(({ gateway }) => gateway === name).map(({ event }) => event);
  const requests = own.filter(
    (event): event is Extract<GatewayEvent, { type: 'snapshot-request' }> => event.type === 'snapshot-request',
  );
  return requests.map(({ reason }) => reason);
}

/** What became of a promise by now. */
function watched<T>(promise: Promise<T>): { value: T | null; code: string | null } {
  const state: { value: T | null; code: string | null } = { value: null, code: null };
  promise.then(
    (value) => (state.value = value),
    (error: unknown) => (state.code = error instanceof GatewayError ? error.code : String(error)),
  );
  return state;
}

/** The newest version of each origin of dc1 that dc2 holds. */
function heldFromDc1(world: SimWorld): Record<string, number> {
  const rows = apiOf(world, 'dc2').held('dc1', { history: false, workload: undefined });
  return Object.fromEntries(rows.map(({ origin, version }) => [origin, version]));
}

describe('snapshots on demand', () => {
  scenario('are there when the request says so, accepted first and then at the peer', async (seed) => {
    const world = await pair(seed);
    postsWhenAsked(world, 'dc1', 'a', 'b');
    const api = apiOf(world, 'dc1');
    for (const origin of ['a', 'b']) world.gateway('dc1').application.post(origin);
    await world.run(1000);
    world.network.change('dc1', 'dc2', { breakAtByte: 0 });
    const { requestId } = await api.requestSnapshots(ALL);
    const accepted = watched(api.awaitRequest(requestId, 'accepted', null, signal));
    const replicated = watched(api.awaitRequest(requestId, 'replicated', null, signal));
    await world.run(2000);
    const rows = accepted.value?.rows ?? [];
    expect(rows.map(({ origin, state }) => [origin, state])).to.deep.equal([
      ['a', 'accepted'],
      ['b', 'accepted'],
    ]);
    expect(replicated.value).to.equal(null);
    world.network.heal('dc1', 'dc2');
    await world.run(20_000);
    expect(replicated.value?.isComplete).to.equal(true);
    expect(heldFromDc1(world)).to.deep.equal(Object.fromEntries(rows.map(({ origin, version }) => [origin, version])));
  });

  scenario('that no peer can take are not replicated, and the request says so in time', async (seed) => {
    const world = await pair(seed);
    postsWhenAsked(world, 'dc1', 'a');
    world.gateway('dc2').kill();
    await world.run(10_000);
    const api = apiOf(world, 'dc1');
    const { requestId } = await api.requestSnapshots({ origins: ['a'], timeoutMs: null });
    const end = watched(api.awaitRequest(requestId, 'replicated', 5000, signal));
    await world.run(5100);
    expect(end.value?.isComplete).to.equal(false);
    expect(end.value?.rows.map(({ state }) => state)).to.deep.equal(['accepted']);
  });
});

describe('snapshots of work that was taken over', () => {
  scenario('are asked for and pulled with those of its new owner', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').application.post('orders');
    world.gateway('dc2').application.post('books');
    await world.run(2000);
    world.gateway('dc1').kill();
    await world.run(20_000);
    const { application } = world.gateway('dc2');
    // An origin that came only with the work of dc1 is posted for that.
    application.post('orders');
    await world.run(1000);
    world.gateway('dc1').start();
    await world.run(5000);
    application.whenAsked = ({ workload }) => {
      application.post(workload === 'dc1' ? 'orders' : 'books');
    };
    const dc2 = apiOf(world, 'dc2');
    const { requestId } = await dc2.requestSnapshots(ALL);
    const end = watched(dc2.awaitRequest(requestId, 'replicated', null, signal));
    await world.run(5000);
    expect(end.value?.rows.map(({ workload, origin, state }) => [workload, origin, state])).to.deep.equal([
      ['dc1', 'orders', 'replicated'],
      ['dc2', 'books', 'replicated'],
    ]);

    const dc1 = apiOf(world, 'dc1');
    const pulled = watched(dc1.sync('dc2', null).then((view) => dc1.awaitSync(view, null, signal)));
    await world.run(5000);
    expect(pulled.value?.origins.map(({ workload, origin, after }) => [workload, origin, after])).to.deep.equal(
      end.value?.rows.map(({ workload, origin, version }) => [workload, origin, version]),
    );
    // What another data centre owns is asked of nobody here, by hand or for a peer.
    const refused = watched(dc1.requestSnapshots({ ...ALL, workload: 'dc1' }));
    const empty = watched(dc2.sync('dc1', null));
    await world.run(1000);
    expect([refused.code, empty.value?.origins]).to.deep.equal(['not-owner', []]);
  });
});

describe('a sync', () => {
  scenario('brings what the peer has now, also where the application posts only when asked', async (seed) => {
    const world = await pair(seed, { settings: { mode: 'passive' } });
    world.gateway('dc1').application.post('a');
    await world.run(1000);
    const before = heldFromDc1(world);
    postsWhenAsked(world, 'dc1', 'a');
    const api = apiOf(world, 'dc2');
    const asked = watched(api.sync('dc1', null).then((view) => api.awaitSync(view, null, signal)));
    await world.run(5000);
    const [origin] = asked.value?.origins ?? [];
    expect(origin).to.include({ workload: 'dc1', origin: 'a', after: before.a, state: 'held' });
    expect(heldFromDc1(world).a)
      .to.equal(origin?.version)
      .and.to.be.above(before.a ?? 0);
    expect(reasonsOf(world, 'dc1')).to.deep.equal(['sync']);
  });

  scenario('with an application that does not answer is not held, and not in time', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').application.post('a');
    await world.run(1000);
    const api = apiOf(world, 'dc2');
    const end = watched(api.sync('dc1', null).then((view) => api.awaitSync(view, 3000, signal)));
    await world.run(5000);
    expect(end.code).to.equal('not-in-time');
  });

  scenario('with a peer that is gone is refused', async (seed) => {
    const world = await pair(seed);
    world.gateway('dc1').kill();
    await world.run(6000);
    const end = watched(apiOf(world, 'dc2').sync('dc1', null));
    await world.run(30_000);
    expect(end.code).to.equal('peer-unavailable');
  });

  scenario('is made at the first contact, after the grace period, and again until it worked', async (seed) => {
    const settings = { syncAtStartup: true, syncGracePeriodMs: 20_000, syncRetryIntervalMs: 5000 };
    const world = new SimWorld({ seed, settingsOf: { dc2: { ...settings, requestTimeoutMs: 3000 } } });
    world.gateway('dc1').start();
    world.gateway('dc1').application.post('a');
    await world.run(3000);
    world.gateway('dc1').application.post('a');
    world.gateway('dc2').start();
    const syncs = (): number => reasonsOf(world, 'dc1').filter((reason) => reason === 'sync').length;
    await world.run(4000);
    expect(syncs()).to.equal(1);
    // Its application posts nothing: it is asked again, and then does.
    await world.run(6000);
    expect(syncs()).to.equal(2);
    postsWhenAsked(world, 'dc1', 'a');
    await world.run(8000);
    const tries = syncs();
    expect(tries).to.equal(3);
    await world.run(6000);
    expect(syncs()).to.equal(4);
    await world.run(60_000);
    expect(syncs()).to.equal(4);
  });
});
