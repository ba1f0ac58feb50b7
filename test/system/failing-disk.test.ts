import { join } from 'node:path';
import { expect } from 'chai';
import { FailingDisk, type DiskFailure } from '../support/failing-disk.ts';
import { CALM, receiverStory, saidOnce, senderStory, SIZE, type Break } from '../support/failing-store.ts';
import { DEATH_MS, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

const FAILURES: readonly {
  name: string;
  failure: Omit<DiskFailure, 'below'>;
  status: number;
  code: 'store-full' | 'store-unavailable';
}[] = [
  { name: 'its writes fail (EIO)', failure: { calls: ['write'], code: 'EIO' }, status: 503, code: 'store-unavailable' },
  { name: 'its syncs fail (EIO)', failure: { calls: ['sync'], code: 'EIO' }, status: 503, code: 'store-unavailable' },
  {
    name: 'its renames fail (EIO)',
    failure: { calls: ['rename', 'sync'], code: 'EIO' },
    status: 503,
    code: 'store-unavailable',
  },
  {
    name: 'nothing works (EIO)',
    failure: { calls: ['open', 'write', 'sync', 'read', 'rename'], code: 'EIO' },
    status: 503,
    code: 'store-unavailable',
  },
  {
    name: 'the quota is used up (EDQUOT)',
    failure: { calls: ['write'], code: 'EDQUOT' },
    status: 507,
    code: 'store-full',
  },
  {
    name: 'no more files can be opened (EMFILE)',
    failure: { calls: ['open'], code: 'EMFILE' },
    status: 503,
    code: 'store-unavailable',
  },
];

describe('a disk fails', () => {
  const stage = useStage();

  for (const { name, failure, status, code } of FAILURES) {
    it(`at the sender, ${name}: the application is told with ${status}, and it recovers by itself`, async () => {
      const pair = await Pair.create(stage, { keys: CALM });
      const disk = new FailingDisk(pair.dc1);
      await started(pair);
      const below = join(pair.dc1.stateFolder, 'outgoing');
      const make = (): Promise<void> => disk.fail({ ...failure, below });
      await senderStory(pair, { make, mend: () => disk.heal() }, { status, code, said: failure.code });
    });

    it(`at the receiver, ${name}: the sender knows why, and the snapshot arrives by itself`, async () => {
      const pair = await Pair.create(stage, { keys: CALM });
      const disk = new FailingDisk(pair.dc2);
      await started(pair);
      const below = join(pair.dc2.stateFolder, 'held');
      await receiverStory(pair, { make: () => disk.fail({ ...failure, below }), mend: () => disk.heal() }, code);
    });
  }

  it('as a whole, and the peer dies: the death is found, announced and delivered all the same', async () => {
    const pair = await Pair.create(stage);
    const { dc1, dc2 } = pair;
    const disk = new FailingDisk(dc2);
    await started(pair);
    const state = freshBytes(50_000);
    await dc1.putReplicated('orders', state);
    await disk.fail({ calls: ['open', 'write', 'sync', 'rename'], below: dc2.stateFolder, code: 'EIO' });
    const killedAt = performance.now();
    await dc1.kill9();
    const down = await dc2.events.until('peer-down');
    const { delivery } = (await dc2.events.until('delivery')).data;
    expect(down.at - killedAt).to.be.below(DEATH_MS * 3);
    await disk.heal();
    const app = new TestApp(dc2);
    expect((await app.fetch(delivery.snapshots[0]!)).equals(state)).to.equal(true);
    await untilShown('an acknowledgement that is taken', async () =>
      (await app.acknowledge(delivery, delivery.snapshots[0]!)) === 204 ? true : undefined,
    );
    await dc2.events.until('delivery-done');
    for (const store of ['state', 'event-log', 'held']) {
      const said = dc2.events.all
        .filter(({ data }) => 'store' in data && data.store === store)
        .map(({ data }) => data.type);
      if (said.length > 0) expect(said, store).to.deep.equal(['store-error', 'store-recovered']);
    }
  });

  it('when it is read, wholly: nothing is condemned, and everything is there when it works again', async () => {
    const pair = await Pair.create(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    const disk = new FailingDisk(dc2);
    await started(pair);
    const [old, fresh] = [freshBytes(SIZE), freshBytes(SIZE)];
    await dc1.putReplicated('orders', old);
    await dc1.putReplicated('orders', fresh);
    await disk.fail({ calls: ['open', 'read', 'write', 'sync'], below: join(dc2.stateFolder, 'held'), code: 'EIO' });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const refused = await dc2.api('/v1/peers/dc1/snapshots/orders');
      expect(refused.status).to.equal(503);
      expect(refused.json()).to.include({ type: 'urn:crossdc:problem:store-unavailable' });
    }
    expect((await dc2.history('dc1')).map(({ state }) => state)).to.deep.equal(['held', 'held']);
    await disk.heal();
    await saidOnce(pair, { gateway: dc2, store: 'held' });
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    expect(await dc2.metric('crossdc_snapshot_verification_failures_total').catch(() => 0)).to.equal(0);
  });

  it('when it is read, in one place alone: that version is set aside, and its origin sends it again', async () => {
    const pair = await Pair.create(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    const disk = new FailingDisk(dc2);
    await started(pair);
    const [old, fresh] = [freshBytes(SIZE), freshBytes(SIZE)];
    await dc1.putReplicated('orders', old);
    const version = await dc1.putReplicated('orders', fresh);
    await dc1.events.until('snapshot-replicated', (event) => event.version === version);
    const from = dc1.events.mark;
    const below = join(dc2.stateFolder, 'held/dc1/dc1/orders', `${version}.snapshot`);
    await disk.fail({ calls: ['read'], below, code: 'EIO' });
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(old)).to.equal(true);
    await disk.heal();
    await dc2.events.until('snapshot-damaged', (event) => event.version === version);
    await dc1.events.until('snapshot-replicated', (event) => event.version === version, from);
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    expect(dc2.events.of('store-error')).to.have.length(0);
    expect(await dc2.metric('crossdc_snapshot_verification_failures_total', { store: 'held' })).to.equal(1);
  });
});

async function started(pair: Pair): Promise<void> {
  await Promise.all([pair.dc1.start(), pair.dc2.start()]);
  await pair.untilBothUp();
}

const READ_ONLY = 'a disk becomes read-only';
if (SmallDisk.isPossible()) describe(READ_ONLY, readOnlySuite);
else {
  describe(READ_ONLY, () => {
    it('did not run: nothing may be mounted here', () => {
      console.log(`      ${READ_ONLY}: did not run, because only root may mount a disk`);
    });
  });
}

function readOnlySuite(): void {
  const stage = useStage();

  async function mounted(of: 'dc1' | 'dc2', folder: string): Promise<{ pair: Pair; disk: Break }> {
    const pair = await Pair.create(stage, { keys: CALM });
    const disk = SmallDisk.mount(stage, join(pair[of].stateFolder, folder));
    await started(pair);
    return { pair, disk: { make: () => disk.makeReadOnly(), mend: () => disk.makeWritable() } };
  }

  it('at the sender: the application is told with 503, and it recovers by itself', async () => {
    const { pair, disk } = await mounted('dc1', 'outgoing');
    await senderStory(pair, disk, { status: 503, code: 'store-unavailable', said: 'EROFS' });
  });

  it('at the receiver: the sender knows why, and the snapshot arrives by itself', async () => {
    const { pair, disk } = await mounted('dc2', 'held');
    await receiverStory(pair, disk, 'store-unavailable');
  });
}
