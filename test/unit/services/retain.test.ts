import { expect } from 'chai';
import { retain } from '../../../src/services/retain.ts';
import { Stage } from './stage.ts';

const KEY = { dataCenter: 'dc2', workload: 'dc2', origin: 'a' };

async function stageWithVersions(): Promise<Stage> {
  const stage = await new Stage({ settings: { snapshotHistory: 1 } }).load();
  for (const version of [1, 2, 3, 4]) await stage.hold('a', version);
  return stage;
}

function versionsOf(stage: Stage): number[] {
  return stage.stores.held.rowsOf(KEY).map((row) => row.version);
}

describe('retention', () => {
  it('keeps the newest, its history, and what is in use', async () => {
    const stage = await stageWithVersions();
    const parts = { store: stage.stores.held, name: 'held', watch: stage.watch };
    await retain(stage.context, parts, KEY, (version) => version === 1);
    expect(versionsOf(stage)).to.deep.equal([4, 3, 1]);
  });

  it('leaves a version that comes to be used while another one is removed', async () => {
    const stage = await stageWithVersions();
    const { held } = stage.stores;
    const used = new Set<number>();
    const remove = held.remove.bind(held);
    held.remove = async (key, version) => {
      used.add(version === 2 ? 1 : 2);
      await remove(key, version);
    };
    await retain(stage.context, { store: held, name: 'held', watch: stage.watch }, KEY, (version) => used.has(version));
    expect(versionsOf(stage)).to.have.length(3);
  });

  it('of a store that fails keeps everything, says so once, and is no defect', async () => {
    const stage = await stageWithVersions();
    stage.disk.failAll('store-unavailable');
    await retain(stage.context, { store: stage.stores.held, name: 'held', watch: stage.watch }, KEY, () => false);
    expect(versionsOf(stage)).to.deep.equal([4, 3, 2, 1]);
    expect(stage.watch.isFailing('held')).to.equal(true);
    expect(stage.defects).to.deep.equal([]);
  });
});
