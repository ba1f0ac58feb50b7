import { expect } from 'chai';
import type { Delivery } from '../../src/core/delivery.ts';
import { GatewayError } from '../../src/errors.ts';
import type { GatewayApi } from '../../src/ports/gateway-api.ts';
import { SimWorld } from './sim-world.ts';

const ANY = { workload: undefined, version: undefined };

/** dc1 has posted two versions of `a` and one of `b`, all of which dc2 holds; its application answers no delivery. */
async function holding(): Promise<{ world: SimWorld; dc1: GatewayApi; dc2: GatewayApi }> {
  const world = new SimWorld({ seed: 7 });
  await world.begin();
  for (const origin of ['a', 'a', 'b']) {
    world.gateway('dc1').application.post(origin);
    await world.run(500);
  }
  world.gateway('dc2').application.isIdle = true;
  return { world, dc1: apiOf(world, 'dc1'), dc2: apiOf(world, 'dc2') };
}

function apiOf(world: SimWorld, name: string): GatewayApi {
  const { gateway } = world.gateway(name);
  if (gateway === null) throw new Error(`${name} does not run`);
  return gateway.api;
}

/** The code, the status and the field of what a call is refused with. */
async function refusalOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'not refused';
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return `${error.status} ${error.code} ${error.field ?? ''}`.trim();
  }
}

describe('a delivery by hand', () => {
  it('is of everything that is held, or of the origins that are named', async () => {
    const { dc2 } = await holding();
    const all = await dc2.deliver({ dataCenter: 'dc1', origins: null });
    expect(all).to.include({ reason: 'manual', dataCenter: 'dc1', heartbeatMsgType: 2, epoch: 1, state: 'open' });
    expect(all.snapshots.map(({ origin }) => origin)).to.deep.equal(['a', 'b']);
    const some = await dc2.deliver({ dataCenter: 'dc1', origins: ['b'] });
    expect(some.snapshots.map(({ origin }) => origin)).to.deep.equal(['b']);
  });

  it('is refused where nothing is held, for an origin that is not held, and for nobody', async () => {
    const { dc1, dc2 } = await holding();
    expect(await refusalOf(() => dc1.deliver({ dataCenter: 'dc2', origins: null }))).to.equal(
      '404 nothing-held dataCenter',
    );
    expect(await refusalOf(() => dc2.deliver({ dataCenter: 'dc1', origins: ['b', 'c'] }))).to.equal(
      '404 not-found origins',
    );
    expect(await refusalOf(() => dc2.deliver({ dataCenter: 'dc9', origins: null }))).to.equal('404 not-found dc');
    expect(dc2.deliveries()).to.deep.equal([]);
  });

  it("is what the toolkit's message SendMeDataFromSnapshotFiles makes, for every peer of which something is held", async () => {
    const world = new SimWorld({ seed: 7, names: ['dc1', 'dc2', 'dc3', 'dc4'] });
    await world.begin();
    for (const name of ['dc1', 'dc3']) world.gateway(name).application.post('orders');
    await world.run(1000);
    world.gateway('dc2').application.isIdle = true;
    const dc2 = apiOf(world, 'dc2');
    await dc2.specialMessage('SendMeDataFromSnapshotFiles');
    const made = dc2.deliveries().map(({ reason, dataCenter }) => `${reason} ${dataCenter}`);
    expect(made).to.have.members(['manual dc1', 'manual dc3']);
  });

  it('is no error for SendMeDataFromSnapshotFiles where nothing is held', async () => {
    const { dc1 } = await holding();
    await dc1.specialMessage('SendMeDataFromSnapshotFiles');
    expect(dc1.deliveries()).to.deep.equal([]);
  });
});

describe('a delivery by hand from a peer that holds the work of another', () => {
  /** dc1 has died, dc2 does its work and has posted for both; dc3 holds all of it, and its application answers nothing. */
  async function tookOver(own: readonly string[]): Promise<{ dc3: GatewayApi }> {
    const world = new SimWorld({ seed: 7, names: ['dc1', 'dc2', 'dc3'] });
    await world.begin();
    world.gateway('dc1').application.post('orders');
    await world.run(2000);
    world.gateway('dc1').kill();
    await world.run(10_000);
    for (const origin of own) world.gateway('dc2').application.post(origin, 20, 'dc2');
    for (const origin of ['orders', 'audit']) world.gateway('dc2').application.post(origin, 20, 'dc1');
    await world.run(2000);
    world.gateway('dc3').application.isIdle = true;
    return { dc3: apiOf(world, 'dc3') };
  }
  const tokenOf = ({ workload, epoch, snapshots }: Delivery): unknown => ({
    workload,
    epoch,
    snapshots: snapshots.map((row) => `${row.workload} ${row.origin}`),
  });

  it('is of its own workload with that epoch, or of the one that is named with that one', async () => {
    const { dc3 } = await tookOver(['stock', 'orders']);
    expect(tokenOf(await dc3.deliver({ dataCenter: 'dc2', origins: null }))).to.deep.equal({
      workload: 'dc2',
      epoch: 1,
      snapshots: ['dc2 orders', 'dc2 stock'],
    });
    expect(tokenOf(await dc3.deliver({ dataCenter: 'dc2', workload: 'dc1', origins: null }))).to.deep.equal({
      workload: 'dc1',
      epoch: 2,
      snapshots: ['dc1 audit', 'dc1 orders'],
    });
  });

  it('is of the workload taken over where nothing else is held, or where what is named came only with it', async () => {
    const both = { workload: 'dc1', epoch: 2, snapshots: ['dc1 audit', 'dc1 orders'] };
    const { dc3: alone } = await tookOver([]);
    expect(tokenOf(await alone.deliver({ dataCenter: 'dc2', origins: null }))).to.deep.equal(both);
    const { dc3 } = await tookOver(['orders']);
    expect(tokenOf(await dc3.deliver({ dataCenter: 'dc2', origins: ['audit'] }))).to.deep.equal({
      ...both,
      snapshots: ['dc1 audit'],
    });
  });

  it('is refused where nothing of the workload is held, or where what is named is of two', async () => {
    const { dc3 } = await tookOver(['stock']);
    const refused = (workload: string | undefined, origins: string[] | null): Promise<string> =>
      refusalOf(() => dc3.deliver({ dataCenter: 'dc2', workload, origins }));
    expect(await refused('dc3', null)).to.equal('404 nothing-held workload');
    expect(await refused('dc9', null)).to.equal('404 nothing-held workload');
    expect(await refused('dc1', ['stock'])).to.equal('404 not-found origins');
    expect(await refused(undefined, ['stock', 'audit'])).to.equal('404 not-found origins');
    expect(dc3.deliveries('open').filter(({ reason }) => reason === 'manual')).to.deep.equal([]);
  });

  it('is one for each workload when SendMeDataFromSnapshotFiles asks for everything', async () => {
    const { dc3 } = await tookOver(['stock']);
    await dc3.specialMessage('SendMeDataFromSnapshotFiles');
    const made = dc3.deliveries().filter(({ reason }) => reason === 'manual');
    expect(made.map((one) => `${one.dataCenter}: ${one.workload} ${one.epoch}`)).to.have.members([
      'dc1: dc1 2',
      'dc2: dc1 2',
      'dc2: dc2 1',
    ]);
  });
});

describe('an answer to a delivery', () => {
  it('is taken once, for the version that is offered and no other', async () => {
    const { dc2 } = await holding();
    const { id, snapshots } = await dc2.deliver({ dataCenter: 'dc1', origins: ['a'] });
    const version = snapshots[0]?.version ?? 0;
    const answer = (origin: string, of?: number) => () => dc2.acknowledge(id, { ...ANY, origin, version: of });
    expect(await refusalOf(answer('a', version - 1))).to.equal('409 delivery-conflict version');
    expect(await refusalOf(answer('b'))).to.equal('404 not-found origin');
    expect(await refusalOf(() => dc2.acknowledge('17', { ...ANY, origin: 'a' }))).to.equal('404 not-found id');
    expect(dc2.delivery(id).state).to.equal('open');
    expect(await refusalOf(answer('a', version))).to.equal('not refused');
    expect(await refusalOf(answer('a'))).to.equal('not refused');
    const reject = (): Promise<void> => dc2.reject(id, { ...ANY, origin: 'a', reason: 'late' });
    expect(await refusalOf(reject)).to.equal('409 delivery-conflict');
    expect(dc2.delivery(id).state).to.equal('done');
    expect(dc2.deliveries('open')).to.deep.equal([]);
    expect(dc2.deliveries('done').map((delivery) => delivery.id)).to.deep.equal([id]);
  });

  it('is refused when the delivery was called off, and so is the reading', async () => {
    const { world, dc2 } = await holding();
    world.network.cut('dc1', 'dc2');
    await world.run(10_000);
    world.network.heal('dc1', 'dc2');
    await world.run(5000);
    const [{ id, state } = { id: '', state: '' }] = dc2.deliveries();
    expect(state).to.equal('cancelled');
    expect(await refusalOf(() => dc2.acknowledge(id, { ...ANY, origin: 'a' }))).to.equal('409 delivery-conflict');
    expect(await refusalOf(() => dc2.openDelivered(id, { origin: 'a', workload: undefined }))).to.equal(
      '409 delivery-conflict',
    );
  });
});

describe('what is asked of the gateway by name', () => {
  it('is refused where there is no such peer, origin, version or workload, or nothing to return', async () => {
    const { dc1, dc2 } = await holding();
    expect(await refusalOf(() => dc2.peer('dc9'))).to.equal('404 not-found dc');
    expect(await refusalOf(() => dc2.held('dc9', { history: false, workload: undefined }))).to.equal(
      '404 not-found dc',
    );
    expect(await refusalOf(() => dc2.openHeld('dc1', { ...ANY, origin: 'c' }))).to.equal('404 not-found origin');
    expect(await refusalOf(() => dc2.openHeld('dc1', { ...ANY, origin: 'a', version: 1 }))).to.match(/^404 not-found/);
    expect(await refusalOf(() => dc1.openOutgoing('c'))).to.equal('404 not-found origin');
    // What it posted for a workload stays readable whoever owns that: there is just none of it here.
    expect(await refusalOf(() => dc1.openOutgoing('a', 'dc2'))).to.equal('404 not-found origin');
    expect(await refusalOf(() => dc1.returnTo('dc2'))).to.equal('404 nothing-held dc');
    expect(await refusalOf(() => dc1.returnTo('dc9'))).to.equal('404 not-found dc');
  });

  it('shows what is held: the newest of each origin, or the history, each by its version', async () => {
    const { dc1, dc2 } = await holding();
    const newest = dc2.held('dc1', { history: false, workload: undefined });
    expect(newest.map(({ origin, state }) => `${origin} ${state}`)).to.deep.equal(['a held', 'b held']);
    const all = dc2.held('dc1', { history: true, workload: undefined });
    expect(all.map(({ origin }) => origin)).to.deep.equal(['a', 'a', 'b']);
    expect(all[0]?.version).to.equal(newest[0]?.version);
    for (const { origin, version } of all) {
      const reader = await dc2.openHeld('dc1', { origin, workload: undefined, version });
      expect(reader.snapshot.version).to.equal(version);
      await reader.close();
    }
    expect(dc1.outgoing().map(({ version }) => version)).to.deep.equal(newest.map(({ version }) => version));
  });
});
