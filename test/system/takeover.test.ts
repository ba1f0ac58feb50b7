import { expect } from 'chai';
import type { EventType } from '../../src/core/events.ts';
import { DEATH_MS, INTERVAL_MS, MISSES, Pair } from '../support/pair.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

/** Each once, in this order. */
const STORY: readonly EventType[] = [
  'peer-down',
  'takeover-started',
  'takeover-checked',
  'delivery',
  'delivery-done',
  'owner-changed',
  'takeover-completed',
];

describe('a data centre dies', () => {
  const stage = useStage();

  it('its snapshots are handed to the surviving application, after N intervals of silence and not before', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const orders = freshBytes(100_000);
    const accounts = freshBytes(10);
    await dc1.putReplicated('orders', orders);
    await dc1.putReplicated('kunden/Ä ö', accounts);

    const killedAt = performance.now();
    await dc1.kill9();
    const down = await dc2.events.until('peer-down');
    const delivered = await dc2.events.until('delivery');

    expect(down.data).to.include({ dataCenter: 'dc1', missed: MISSES, reason: 'silence' });
    const silenceMs = Date.parse(down.data.at) - Date.parse(down.data.lastHeartbeatAt!);
    expect(silenceMs).to.be.at.least(DEATH_MS - 2);
    const tookMs = delivered.at - killedAt;
    expect(tookMs).to.be.at.least((MISSES - 1) * INTERVAL_MS);
    expect(tookMs).to.be.below(DEATH_MS + 3000);
    console.log(
      `      from SIGKILL to the delivery: ${tookMs.toFixed(0)} ms, ${(tookMs / DEATH_MS).toFixed(2)} × N × interval`,
    );

    const { delivery } = delivered.data;
    expect(delivery).to.include({
      reason: 'takeover',
      dataCenter: 'dc1',
      heartbeatMsgType: 2,
      state: 'open',
      attempt: 1,
    });
    const app = new TestApp(dc2);
    await app.absorb(delivery);
    expect(app.absorbed.get('orders')!.equals(orders)).to.equal(true);
    expect(app.absorbed.get('kunden/Ä ö')!.equals(accounts)).to.equal(true);
    const done = await dc2.events.until('delivery-done');
    expect(done.data.delivery).to.include({ id: delivery.id, state: 'done' });
    const completed = await dc2.events.until('takeover-completed');
    expect(completed.data).to.include({ workload: 'dc1', epoch: delivery.epoch, reason: 'takeover' });
    expect(dc2.events.types(0, ...STORY)).to.deep.equal(STORY);
    expect((await dc2.held('dc1')).map(({ state }) => state)).to.deep.equal(['delivered', 'delivered']);
  });

  it('is noticed when no snapshot was ever posted; the work is taken over with nothing to deliver', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.kill9();
    const down = await dc2.events.until('peer-down');
    expect(down.data).to.include({ dataCenter: 'dc1', reason: 'silence', missed: MISSES });
    const completed = await dc2.events.until('takeover-completed');
    expect(completed.data).to.include({ workload: 'dc1', dataCenter: 'dc1', epoch: 2, reason: 'takeover' });
    await dc2.events.noneFor(DEATH_MS, ['delivery', 'peer-up', 'peer-down']);
    expect(await dc2.deliveries()).to.deep.equal([]);
    expect((await dc2.peer('dc1')).blockedBy).to.equal(null);
  });

  it('comes back, gets its state returned by hand and hands it to its own application', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const state = freshBytes(50_000);
    const version = await dc1.putReplicated('orders', state);
    await dc1.kill9();
    await new TestApp(dc2).absorb((await dc2.events.until('delivery')).data.delivery);

    await dc1.start();
    await dc2.events.until('peer-up', (event) => event.from === 'down');
    const { data } = await dc1.events.until('superseded');
    expect(data.row).to.include({ workload: 'dc1', owner: 'dc2', epoch: 2 });
    expect((await dc1.api('/primary')).status).to.equal(503);
    // What is returned by hand is only handed over: the work stays where it is.
    expect((await dc2.api('/v1/peers/dc1/return', { method: 'POST' })).status).to.equal(202);
    const returned = await dc1.events.until('delivery');
    expect(returned.data.delivery).to.include({ reason: 'return', dataCenter: 'dc2', heartbeatMsgType: 4 });
    const app = new TestApp(dc1);
    await app.absorb(returned.data.delivery);
    expect(app.absorbed.get('orders')!.equals(state)).to.equal(true);
    await dc1.events.until('delivery-done');
    const told = await dc2.events.until('snapshot-returned');
    expect(told.data).to.include({ origin: 'orders', version, outcome: 'stored' });
    expect((await dc2.held('dc1')).map((row) => row.version)).to.deep.equal([version]);
    expect((await dc1.api('/primary')).status).to.equal(503);
    expect((await dc2.api('/primary?workload=dc1')).status).to.equal(200);
  });

  it('comes back and gets its state returned at the first contact, where that is configured', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { sendDataSnapshotsToOriginDCAtStartup: true } });
    const state = freshBytes(5000);
    await dc1.putReplicated('orders', state);
    await dc1.kill9();
    await dc2.events.until('peer-down');
    await dc2.stop();
    await dc1.start();
    await dc2.start();
    const app = new TestApp(dc1);
    await app.absorb((await dc1.events.until('delivery')).data.delivery);
    expect(app.absorbed.get('orders')!.equals(state)).to.equal(true);
  });

  it('comes back and refuses what is returned once it has accepted something newer itself', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'old');
    await dc1.kill9();
    await dc2.events.until('peer-down');
    await dc1.start();
    // What the peer returns is then this very version, which its origin need not be told.
    expect((await dc1.put('orders', 'new', '?wait=replicated')).status).to.equal(200);
    expect((await dc2.api('/v1/peers/dc1/return', { method: 'POST' })).status).to.equal(202);
    const told = await dc2.events.until('snapshot-returned');
    expect(told.data.outcome).to.equal('refused');
    expect(await dc1.metric('crossdc_peer_requests_rejected_total', { reason: 'origin-has-newer' })).to.equal(1);
    await dc1.events.noneFor(DEATH_MS, ['delivery']);
    expect(await dc1.deliveries()).to.deep.equal([]);
  });
});
