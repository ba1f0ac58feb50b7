import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { DEATH_MS, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

const title = 'the disk is full';
if (SmallDisk.isPossible()) describe(title, suite);
else {
  describe(title, () => {
    it('did not run: nothing may be mounted here', () => {
      console.log(`      ${title}: did not run, because only root may mount a disk`);
    });
  });
}

async function nothingMissed(gateway: GatewayProcess, peer: string): Promise<void> {
  expect(await gateway.metric('crossdc_heartbeat_misses_total', { peer })).to.equal(0);
}

/** So slow that not even a busy machine misses one. */
const CALM = { heartbeatExchangeInterval: 0.5 };

function suite(): void {
  const stage = useStage();

  it('at the sender: the application is told with 507, the version before stays, and it recovers by itself', async () => {
    const pair = await Pair.create(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    const disk = SmallDisk.mount(stage, dc1.stateFolder);
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    const old = freshBytes(100_000);
    await dc1.putReplicated('orders', old);
    disk.fill();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const refused = await dc1.put('orders', freshBytes(300_000));
      expect(refused.status).to.equal(507);
      expect(refused.json()).to.include({ type: 'urn:crossdc:problem:store-full', status: 507 });
    }
    expect((await dc1.api('/v1/snapshots/orders')).body.equals(old)).to.equal(true);
    const { status, checks } = await dc1.readiness();
    expect(status).to.equal(503);
    expect(checks.store!.ok).to.equal(false);
    expect((await dc1.api('/healthz')).status).to.equal(200);
    expect((await dc1.status()).store.ok).to.equal(false);
    await dc1.events.until('store-error', (event) => event.store === 'outgoing');
    await Promise.all([nothingMissed(dc1, 'dc2'), nothingMissed(dc2, 'dc1')]);

    disk.free();
    await dc1.events.until('store-recovered', (event) => event.store === 'outgoing');
    const fresh = freshBytes(300_000);
    await dc1.putReplicated('orders', fresh);
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    await untilShown('readiness', async () => ((await dc1.api('/readyz')).status === 200 ? true : undefined));
    for (const type of ['store-error', 'store-recovered'] as const) {
      expect(
        dc1.events.of(type).filter((seen) => seen.data.store === 'outgoing'),
        type,
      ).to.have.length(1);
    }
  });

  it('at the receiver: the sender keeps what it has and knows why, and it goes on by itself', async () => {
    const pair = await Pair.create(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    const folder = join(dc2.site.folder, 'held-disk');
    dc2.keys.dataSnapshotStorageDirectory = join(folder, 'held');
    const disk = SmallDisk.mount(stage, folder);
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    const old = freshBytes(100_000);
    const fresh = freshBytes(300_000);
    await dc1.putReplicated('orders', old);
    disk.fill();
    const { version } = await dc1.putAccepted('orders', fresh);
    const failed = await dc1.untilLogged('a snapshot could not be sent; it is tried again');
    expect(failed.reason).to.equal('store-full');
    await dc2.events.until('store-error', (event) => event.store === 'held');
    await untilShown('a second attempt', async () =>
      (await dc1.metric('crossdc_snapshot_transfer_failures_total', { reason: 'store-full' })) >= 2 ? true : undefined,
    );
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(old)).to.equal(true);
    expect((await dc2.api('/readyz')).status).to.equal(503);
    await Promise.all([nothingMissed(dc1, 'dc2'), nothingMissed(dc2, 'dc1')]);

    disk.free();
    await dc1.events.until('snapshot-replicated', (event) => event.version === version);
    await dc2.events.until('store-recovered');
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    expect(dc2.events.types(0, 'store-error', 'store-recovered')).to.deep.equal(['store-error', 'store-recovered']);
  });

  it('where the state is, and the peer dies: the death is found, announced and delivered all the same', async () => {
    const pair = await Pair.create(stage);
    const { dc1, dc2 } = pair;
    const disk = SmallDisk.mount(stage, dc2.stateFolder);
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    const state = freshBytes(50_000);
    await dc1.putReplicated('orders', state);
    disk.fill();
    await dc1.kill9();
    await dc2.events.until('peer-down');
    const { delivery } = (await dc2.events.until('delivery')).data;
    const app = new TestApp(dc2);
    expect((await app.fetch(delivery.snapshots[0]!)).equals(state)).to.equal(true);
    // The application's word cannot be kept now, and it is told so; nothing is believed that a crash would lose.
    expect(await app.acknowledge(delivery, delivery.snapshots[0]!)).to.equal(507);

    disk.free();
    await untilShown('an acknowledgement that is taken', async () =>
      (await app.acknowledge(delivery, delivery.snapshots[0]!)) === 204 ? true : undefined,
    );
    await dc2.events.until('delivery-done');
    await untilShown('a store that works', async () => ((await dc2.status()).store.ok ? true : undefined));
    await dc2.kill9();
    const from = dc2.events.mark;
    await dc2.start();
    await dc2.events.noneFor(DEATH_MS, ['delivery', 'peer-down'], from);
    expect((await dc2.deliveries()).map(({ state: now }) => now)).to.deep.equal(['done']);
  });
}
