import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayProcess, Keys } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';

/** So slow that not even a busy machine misses one. */
const CALM: Keys = { heartbeatExchangeInterval: 0.5 };
const ALONE: Keys = { remoteDataCenterApplicationMachineNames: '127.0.0.1:9' };

interface Trouble {
  readonly name: string;
  readonly reason: string;
  /** Those that need a new block. */
  readonly stores: readonly string[];
  readonly begin: (disk: SmallDisk) => void;
  readonly end: (disk: SmallDisk) => void;
}

const STORES = ['outgoing', 'held', 'returned', 'state'] as const;
/** The last block of the event log may have room when the disk has none. */
const TROUBLES: readonly Trouble[] = [
  { name: 'is full', reason: 'ENOSPC', stores: STORES, begin: (disk) => disk.fill(), end: (disk) => disk.free() },
  {
    name: 'may only be read',
    reason: 'EROFS',
    stores: [...STORES, 'event-log'],
    begin: (disk) => disk.makeReadOnly(),
    end: (disk) => disk.makeWritable(),
  },
];

const title = 'a gateway that starts on a disk that takes nothing';
if (SmallDisk.isPossible()) describe(title, suite);
else {
  describe(title, () => {
    it('did not run: nothing may be mounted here', () => {
      console.log(`      ${title}: did not run, because only root may mount a disk`);
    });
  });
}

async function untilReady(gateway: GatewayProcess): Promise<void> {
  await untilShown('readiness', async () => ((await gateway.api('/readyz')).status === 200 ? true : undefined));
}

function suite(): void {
  const stage = useStage();

  it('and two of them on one state folder, which a disk without room for a lock had hidden: one of them ends', async () => {
    const pair = await Pair.create(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    const disk = SmallDisk.mount(stage, dc1.stateFolder);
    dc2.keys.stateDirectory = dc1.stateFolder;
    await dc1.start();
    await dc1.stop();
    disk.makeReadOnly();
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    disk.makeWritable();
    const ends = [dc1, dc2].map(async (gateway) => ({ gateway, end: await gateway.ended }));
    const { gateway, end } = await Promise.race(ends);
    expect(end.status).to.equal(1);
    expect(gateway.logged('the gateway cannot run', (line) => line.code === 'state-locked')).to.have.length(1);
    await untilReady(gateway === dc1 ? dc2 : dc1);
  });

  for (const { name, reason, stores, begin, end } of TROUBLES) {
    it(`sends heartbeats, serves what it has and says what it lacks, when its state is on one that ${name}`, async () => {
      const pair = await Pair.create(stage, { keys: CALM });
      const { dc1, dc2 } = pair;
      const disk = SmallDisk.mount(stage, dc1.stateFolder);
      await Promise.all([dc1.start(), dc2.start()]);
      await pair.untilBothUp();
      const [mine, theirs] = [freshBytes(10_000), freshBytes(20_000)];
      await dc1.putReplicated('orders', mine);
      await dc2.putReplicated('orders', theirs);
      await dc1.kill9();
      begin(disk);
      await dc1.start();
      for (const store of stores) {
        const said = await dc1.events.until('store-error', (event) => event.store === store);
        expect(said.data.reason).to.include(reason);
      }
      const { status, checks } = await dc1.readiness();
      expect(status).to.equal(503);
      expect(checks.store?.detail).to.include(reason);
      await dc1.untilPeer('dc2', 'up', (peer) => peer.state === 'up');
      await dc2.untilPeer('dc1', 'up', (peer) => peer.state === 'up');
      expect((await dc1.api('/v1/snapshots/orders')).body.equals(mine)).to.equal(true);
      expect((await dc1.api('/v1/peers/dc2/snapshots/orders')).body.equals(theirs)).to.equal(true);
      expect((await dc1.put('orders', freshBytes(30_000))).status).to.be.oneOf([503, 507]);

      end(disk);
      for (const store of stores) await dc1.events.until('store-recovered', (event) => event.store === store);
      await untilReady(dc1);
      const fresh = freshBytes(30_000);
      await dc1.putReplicated('orders', fresh);
      expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
      await dc1.kill9();
      await dc1.start();
      expect((await dc1.api('/v1/snapshots/orders')).body.equals(fresh), 'it was durable').to.equal(true);
    });

    it(`does so when what it holds is on a disk of its own that ${name}`, async () => {
      const gateway = await stage.gateway('dc1', ALONE);
      const folder = join(gateway.site.folder, 'held-disk');
      gateway.keys.dataSnapshotStorageDirectory = join(folder, 'held');
      const disk = SmallDisk.mount(stage, folder);
      await gateway.start();
      await gateway.stop();
      begin(disk);
      await gateway.start();
      const said = await gateway.events.until('store-error');
      expect(said.data).to.include({ store: 'held' });
      expect(said.data.reason).to.include(reason);
      expect((await gateway.put('orders', 'state')).status, 'its own state is elsewhere').to.equal(202);
      end(disk);
      await gateway.events.until('store-recovered', (event) => event.store === 'held');
      await untilReady(gateway);
      expect(gateway.events.types(0, 'store-error', 'store-recovered').slice(-2)).to.deep.equal([
        'store-error',
        'store-recovered',
      ]);
    });
  }

  it('is refused all the same while another gateway has that state', async () => {
    const first = await stage.gateway('dc1', ALONE);
    await first.start();
    const second = await stage.gateway('dc1', ALONE);
    SmallDisk.showReadOnly(stage, first.stateFolder, second.stateFolder);
    second.spawn();
    expect(await second.ended).to.deep.equal({ status: 1, signal: null });
    const line = await second.untilLogged('the gateway cannot run');
    expect(line).to.include({ code: 'state-locked' });
    expect(line.error).to.include(`stateDirectory: ${second.stateFolder}: `).and.to.include(`process ${first.pid}`);
  });
}

describe('a gateway whose folder cannot be made', () => {
  const stage = useStage();

  for (const key of ['stateDirectory', 'dataSnapshotStorageDirectory'] as const) {
    it(`ends with exit status 1, and names ${key}, the path and the reason`, async () => {
      const folder = stage.folder();
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'file'), '');
      const gateway = await stage.gateway('dc1', { ...ALONE, [key]: join(folder, 'file/below') });
      gateway.spawn();
      expect(await gateway.ended).to.deep.equal({ status: 1, signal: null });
      const line = await gateway.untilLogged('the gateway cannot run');
      expect(line.error)
        .to.include(`${key}: ${join(folder, 'file/below')}: `)
        .and.to.include('ENOTDIR');
    });
  }
});
