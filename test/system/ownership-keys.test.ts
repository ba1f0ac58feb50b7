import { expect } from 'chai';
import type { OwnershipView } from '../../src/ports/ownership-api.ts';
import type { GatewayProcess, Keys } from '../support/gateway-process.ts';
import { DEATH_MS, FAST, Pair } from '../support/pair.ts';
import { useStage } from '../support/stage.ts';
import { TestApp } from '../support/test-app.ts';

/** The clocks of the events have milliseconds, and a timer may be a little early. */
const TOLERANCE_MS = 5;
/**
 * For snapshotRequestTimeout: how long a move waits for snapshots that nobody posts here, and then for the application of
 * the new owner. Raised: slower; lowered: a busy machine rolls moves back.
 */
const ASKED_S = 4;

async function row(gateway: GatewayProcess, workload: string): Promise<OwnershipView> {
  return (await gateway.api(`/v1/ownership/${workload}`)).json() as OwnershipView;
}

async function move(gateway: GatewayProcess, workload: string, wish: object): Promise<void> {
  const answer = await gateway.api(`/v1/ownership/${workload}`, { method: 'POST', json: wish });
  expect(answer.status, answer.body.toString()).to.equal(202);
}

/** Absorbs the first delivery after the mark. */
async function absorb(gateway: GatewayProcess, from = 0): Promise<void> {
  const { delivery } = (await gateway.events.until('delivery', () => true, from)).data;
  await new TestApp(gateway).absorb(delivery);
}

/** dc1 dies, and dc2 does its work. */
async function takenOver(pair: Pair): Promise<void> {
  await pair.dc1.putReplicated('orders', 'state');
  await pair.dc1.kill9();
  await absorb(pair.dc2);
  await pair.dc2.events.until('takeover-completed');
}

describe('a key of ownership has its effect in the running gateway', () => {
  const stage = useStage();

  it('takeoverPolicy=manual: nothing is taken over by itself, it is said why, and an operator can', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { takeoverPolicy: 'manual' } });
    await dc1.putReplicated('orders', 'state');
    await dc1.kill9();
    await dc2.events.until('takeover-blocked', ({ reason }) => reason === 'manual');
    await dc2.events.noneFor(DEATH_MS, ['takeover-started', 'delivery'], 0);
    expect(await row(dc2, 'dc1')).to.include({ owner: 'dc1', blockedBy: 'manual' });
    await move(dc2, 'dc1', { to: 'dc2' });
    await absorb(dc2);
    await dc2.events.until('takeover-completed');
    expect(await row(dc2, 'dc1')).to.include({ owner: 'dc2', blockedBy: null });
  });

  it('takeoverMaxHeldAge: what is held and older is not taken over, until an operator forces it', async () => {
    // Less than it takes to find the peer down.
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { takeoverMaxHeldAge: DEATH_MS / 2000 } });
    await dc1.putReplicated('orders', 'state');
    await dc1.kill9();
    await dc2.events.until('takeover-blocked', ({ reason }) => reason === 'held-too-old');
    await dc2.events.noneFor(DEATH_MS, ['delivery', 'owner-changed'], 0);
    expect((await row(dc2, 'dc1')).blockedBy).to.equal('held-too-old');
    await move(dc2, 'dc1', { to: 'dc2', force: true, acceptDataLoss: true });
    await absorb(dc2);
    await dc2.events.until('takeover-completed');
  });

  for (const period of [3600, 0]) {
    const follows = period === 0 ? 'follows at once' : 'waits until the first is acknowledged';
    it(`takeoverBlockPeriod=${period}: a second takeover ${follows}`, async () => {
      const keys: Keys = { snapshotRequestTimeout: ASKED_S, releaseTimeout: 0.1 };
      const pair = await Pair.running(stage, { keys, dc2: { takeoverBlockPeriod: period } });
      const { dc1, dc2 } = pair;
      await takenOver(pair);
      await dc1.start();
      await dc2.untilPeer('dc1', 'back, and hearing us', ({ state, hearsUs }) => state === 'up' && hearsUs === true);
      const [home, away] = [dc1.events.mark, dc2.events.mark];
      await move(dc2, 'dc1', { to: 'dc1' });
      await absorb(dc1, home);
      await dc2.events.until('owner-changed', ({ to }) => to === 'dc1', away);
      await dc1.putReplicated('orders', 'newer state');
      const again = dc2.events.mark;
      await dc1.kill9();
      if (period > 0) {
        await dc2.events.until('takeover-blocked', ({ reason }) => reason === 'block-period', again);
        expect(dc2.events.types(again, 'takeover-started', 'delivery')).to.deep.equal([]);
        const { blockedBy, blockedUntil } = await row(dc2, 'dc1');
        expect(blockedBy).to.equal('block-period');
        expect(Date.parse(blockedUntil ?? '') - Date.now()).to.be.within((period - 120) * 1000, period * 1000);
        expect((await dc2.api('/v1/ownership/dc1/ack', { method: 'POST' })).status).to.equal(204);
      }
      await absorb(dc2, again);
      await dc2.events.until('takeover-completed', () => true, again);
    });
  }

  it('takeoverOrder: the survivor that is named first takes over, and the others hear of it', async () => {
    const gateways = [];
    for (const name of ['dc1', 'dc2', 'dc3'])
      gateways.push(await stage.gateway(name, { ...FAST, takeoverOrder: 'dc3,dc1' }));
    const [dc1, dc2, dc3] = gateways as [GatewayProcess, GatewayProcess, GatewayProcess];
    for (const gateway of gateways) {
      for (const other of gateways.filter((one) => one !== gateway))
        gateway.keys[`remoteDataCenterApplicationMachineNames.${other.name}`] = `127.0.0.1:${other.site.peerPort}`;
    }
    await Promise.all(gateways.map((gateway) => gateway.start()));
    for (const gateway of gateways) {
      for (const other of gateways.filter((one) => one !== gateway))
        await gateway.events.until('peer-up', ({ dataCenter }) => dataCenter === other.name);
    }
    await dc1.put('orders', 'state', '?wait=replicated');
    await dc1.kill9();
    await absorb(dc3);
    await dc2.events.until('owner-changed', ({ workload, to }) => workload === 'dc1' && to === 'dc3');
    expect(dc2.events.types(0, 'takeover-started', 'delivery')).to.deep.equal([]);
  });

  it('failback=automatic and failbackDelay: the home that was up for so long gets its work back', async () => {
    const failbackDelay = 1;
    const pair = await Pair.running(stage, {
      keys: { snapshotRequestTimeout: ASKED_S, releaseTimeout: 0.1 },
      dc2: { failback: 'automatic', failbackDelay },
    });
    const { dc1, dc2 } = pair;
    await takenOver(pair);
    const home = dc1.events.mark;
    await dc1.start();
    const up = await dc2.events.until('peer-up', ({ from }) => from === 'down');
    const started = await dc2.events.until('move-started');
    expect(started.data).to.include({ workload: 'dc1', from: 'dc2', to: 'dc1', actor: 'automatic' });
    const waitedMs = Date.parse(started.data.at) - Date.parse(up.data.at);
    expect(waitedMs).to.be.at.least(failbackDelay * 1000 - TOLERANCE_MS);
    await absorb(dc1, home);
    const changed = await dc1.events.until('owner-changed', ({ to }) => to === 'dc1', home);
    expect(changed.data).to.include({ workload: 'dc1', reason: 'failback' });
  });

  it('failback=manual, the default: the home that is back does not get its work by itself', async () => {
    const pair = await Pair.running(stage, { dc2: { failbackDelay: 0 } });
    await takenOver(pair);
    await pair.dc1.start();
    await pair.dc1.events.until('superseded');
    await pair.dc2.events.noneFor(DEATH_MS, ['move-started', 'owner-releasing'], 0);
    expect((await row(pair.dc2, 'dc1')).owner).to.equal('dc2');
  });

  it('releaseTimeout: an application that says nothing is waited for so long, and then the move goes on', async () => {
    const releaseTimeout = 0.7;
    const { dc1, dc2 } = await Pair.running(stage, { dc1: { releaseTimeout, snapshotRequestTimeout: ASKED_S } });
    await dc1.putReplicated('orders', 'state');
    await move(dc1, 'dc1', { to: 'dc2' });
    const { data: releasing } = await dc1.events.until('owner-releasing');
    const givenMs = Date.parse(releasing.deadline) - Date.parse(releasing.at);
    expect(givenMs).to.be.within(releaseTimeout * 1000 - 200, releaseTimeout * 1000 + TOLERANCE_MS);
    await absorb(dc2);
    const changed = await dc1.events.until('owner-changed', ({ to }) => to === 'dc2');
    expect(Date.parse(changed.data.at)).to.be.at.least(Date.parse(releasing.deadline) - TOLERANCE_MS);
  });

  it('syncAtStartup and syncGracePeriod: the peer’s application is asked at first contact, and once more', async () => {
    const syncGracePeriod = 0.6;
    const { dc1 } = await Pair.running(stage, { dc2: { syncAtStartup: 'true', syncGracePeriod } });
    const first = await dc1.events.until('snapshot-request', ({ reason }) => reason === 'sync');
    const second = await dc1.events.until(
      'snapshot-request',
      ({ reason, requestId }) => reason === 'sync' && requestId !== first.data.requestId,
    );
    const apartMs = Date.parse(second.data.at) - Date.parse(first.data.at);
    // The first took its time to get there; the second may have been quicker.
    expect(apartMs).to.be.at.least(syncGracePeriod * 1000 - 200);
    await dc1.events.noneFor(3 * syncGracePeriod * 1000, ['snapshot-request']);
  });

  it('syncRetryInterval: they are asked for again until they are here, and no longer', async () => {
    const { dc1, dc2 } = await Pair.create(stage, {
      dc2: { syncAtStartup: 'true', syncRetryInterval: 0.2, snapshotRequestTimeout: 1 },
    });
    await dc1.start();
    await dc1.putAccepted('orders', 'old state');
    await dc2.start();
    const asked = (): number => dc1.events.of('snapshot-request').filter(({ data }) => data.reason === 'sync').length;
    await dc1.events.until('snapshot-request', () => asked() >= 2);
    // What was posted before it was asked for is not fresh: the answer to a new request is.
    await dc1.events.until('snapshot-request', () => true, dc1.events.mark);
    await dc1.putReplicated('orders', 'fresh state');
    await dc2.untilLogged("the peer's snapshots were pulled (syncAtStartup)");
    await dc1.events.noneFor(1000, ['snapshot-request']);
  });

  it('without syncAtStartup nobody is asked at first contact', async () => {
    const { dc1 } = await Pair.running(stage);
    // Its own gateway asks it, for the peer that has none of its snapshots yet; the peer asks for nothing.
    await dc1.events.noneFor(500, ['snapshot-request'], 0, (event) => 'reason' in event && event.reason === 'sync');
  });
});
