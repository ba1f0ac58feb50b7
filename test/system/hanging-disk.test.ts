import { expect } from 'chai';
import { FailingDisk, type DiskCall } from '../support/failing-disk.ts';
import { FreezableDisk } from '../support/freezable-disk.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { DEATH_MS, MISSES, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';
import { HANG_MS } from '../../src/services/patience.ts';

const CALM = { heartbeatExchangeInterval: 0.5 };
const EVERYTHING: readonly DiskCall[] = ['open', 'write', 'sync', 'read', 'rename'];
/** However many writes come before the delivery, the disk is waited for once; and the machine is busy. */
const BOUND_MS = DEATH_MS + HANG_MS + 3000;

interface HangingDisk {
  hang(): Promise<void>;
  goOn(): Promise<void>;
}

/** Heartbeats go on while the disk hangs, the peer's death is found and said, and what hung is made up for. */
async function deathWhileItHangs(pair: Pair, disk: HangingDisk): Promise<void> {
  const { dc1, dc2 } = pair;
  const state = freshBytes(50_000);
  await dc1.putReplicated('orders', state);
  await disk.hang();
  const sentBefore = await dc2.metric('crossdc_heartbeats_sent_total');
  await untilShown('heartbeats', async () =>
    (await dc2.metric('crossdc_heartbeats_sent_total')) > sentBefore + 2 * MISSES ? true : undefined,
  );
  expect((await dc1.peer('dc2')).state).to.equal('up');
  const killedAt = performance.now();
  await dc1.kill9();
  const down = await dc2.events.until('peer-down');
  const delivered = await dc2.events.until('delivery');
  expect(down.at - killedAt).to.be.below(BOUND_MS);
  expect(delivered.at - killedAt).to.be.below(BOUND_MS);
  const { checks } = await dc2.readiness();
  expect(checks.store!.ok).to.equal(false);
  expect((await dc2.api('/healthz')).status).to.equal(200);

  await disk.goOn();
  const app = new TestApp(dc2);
  const [row] = delivered.data.delivery.snapshots;
  expect((await app.fetch(row!)).equals(state)).to.equal(true);
  expect(await app.acknowledge(delivered.data.delivery, row!)).to.equal(204);
  await dc2.events.until('delivery-done');
  await untilShown('a store that works', async () => ((await dc2.status()).store.ok ? true : undefined));
  await eachSaidOnce(dc2);
  // What was said while nothing could be written is in the log of the next run, in its order.
  const said = dc2.events.types(0, 'peer-down', 'delivery', 'delivery-done');
  await dc2.kill9();
  const page = await restarted(dc2);
  expect(page).to.deep.equal(said);
}

async function restarted(gateway: GatewayProcess): Promise<string[]> {
  await gateway.start();
  const answer = await gateway.api('/v1/events?after=0&limit=1000', { headers: { accept: 'application/json' } });
  const { events } = answer.json() as { events: { type: string }[] };
  return events.map(({ type }) => type).filter((type) => ['peer-down', 'delivery', 'delivery-done'].includes(type));
}

async function eachSaidOnce(gateway: GatewayProcess): Promise<void> {
  const stores = new Set(gateway.events.of('store-error').map(({ data }) => data.store));
  expect(stores).to.include('event-log');
  for (const store of stores) {
    await gateway.events.until('store-recovered', (event) => event.store === store);
    const said = gateway.events.all.filter(({ data }) => 'store' in data && data.store === store);
    expect(
      said.map(({ data }) => data.type),
      store,
    ).to.deep.equal(['store-error', 'store-recovered']);
  }
}

describe('a disk hangs', () => {
  const stage = useStage();

  it('with all that the gateway keeps: heartbeats go on, and a death is found and delivered', async () => {
    const pair = await Pair.create(stage);
    const disk = new FailingDisk(pair.dc2);
    await Promise.all([pair.dc1.start(), pair.dc2.start()]);
    await pair.untilBothUp();
    const { stateFolder } = pair.dc2;
    await deathWhileItHangs(pair, {
      hang: () => disk.fail({ calls: EVERYTHING, below: stateFolder, code: 'hang' }),
      goOn: () => disk.heal(),
    });
  });

  it('where snapshots are held, while many arrive: nobody misses a heartbeat, and all arrive in the end', async () => {
    const keys = { ...CALM, httpReadTimeout: 3, numberOfHttpSenderReceiverPairs: 4 };
    const pair = await Pair.create(stage, { keys });
    const { dc1, dc2 } = pair;
    const disk = new FailingDisk(dc2);
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    await disk.fail({ calls: EVERYTHING, below: `${dc2.stateFolder}/held`, code: 'hang' });
    const origins = Array.from({ length: 12 }, (_, n) => `origin-${n}`);
    for (const origin of origins) await dc1.putAccepted(origin, freshBytes(20_000));
    await untilShown('a transfer that ran out of time', async () =>
      (await dc1.metric('crossdc_snapshot_transfer_failures_total').catch(() => 0)) > 0 ? true : undefined,
    );
    for (const [gateway, peer] of [
      [dc1, 'dc2'],
      [dc2, 'dc1'],
    ] as const) {
      expect((await gateway.peer(peer)).state).to.equal('up');
      expect(await gateway.metric('crossdc_heartbeat_misses_total', { peer })).to.equal(0);
    }
    await disk.heal();
    await dc1.untilPeer('dc2', 'in step', (peer) => peer.replication.pending === 0);
    expect((await dc2.held('dc1')).map(({ origin }) => origin)).to.have.members(origins);
  });
});

const FROZEN = 'a disk is frozen, really';
if (FreezableDisk.isPossible()) describe(FROZEN, frozenSuite);
else {
  describe(FROZEN, () => {
    it('did not run: nothing may be mounted here', () => {
      console.log(`      ${FROZEN}: did not run, because only root may mount a disk`);
    });
  });
}

function frozenSuite(): void {
  const stage = useStage();

  it('with all that the gateway keeps: heartbeats go on, and a death is found and delivered', async () => {
    const pair = await Pair.create(stage);
    const disk = FreezableDisk.mount(stage, pair.dc2.stateFolder);
    // After the gateway would be too late: who stands still in the kernel cannot be killed.
    stage.after(() => disk.thaw());
    await Promise.all([pair.dc1.start(), pair.dc2.start()]);
    await pair.untilBothUp();
    await deathWhileItHangs(pair, { hang: () => disk.freeze(), goOn: () => disk.thaw() });
  });
}
