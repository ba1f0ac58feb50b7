import { expect } from 'chai';
import type { SnapshotKey } from '../../../src/core/snapshot.ts';
import { GatewayError } from '../../../src/errors.ts';
import { Housekeeping } from '../../../src/services/housekeeping.ts';
import { gate, Stage } from './stage.ts';

const HOUR = 3_600_000;
const signal = new AbortController().signal;

function housekeepingOf(stage: Stage, isNeeded: (key: SnapshotKey, version: number) => boolean): Housekeeping {
  const stores = [{ name: 'held', store: stage.stores.held, history: 3, isNeeded }];
  return new Housekeeping(stage.context, { stores, watch: stage.watch });
}

async function archived(settings = {}): Promise<Stage> {
  const stage = await new Stage({ settings: { archiveMaxAgeMs: HOUR, ...settings } }).load();
  for (const version of [1, 2, 3]) {
    const { key } = await stage.hold('a', version);
    if (version < 3) await stage.stores.held.move(key, version, { place: 'set-aside', reason: 'a test' });
  }
  return stage;
}

const left = (stage: Stage): string[] =>
  stage.stores.held
    .rows()
    .map(({ version, place }) => `${version} ${place}`)
    .sort();

describe('keeping a store within its bounds', () => {
  it('asks again before each removal: what a delivery came to need meanwhile stays', async () => {
    const stage = await archived();
    const needed = new Set<number>();
    const door = gate();
    const { held } = stage.stores;
    const remove = held.remove.bind(held);
    held.remove = async (key, version) => {
      await door.passed;
      await remove(key, version);
    };
    const housekeeping = housekeepingOf(stage, (_key, version) => needed.has(version));
    await stage.clock.advance(2 * HOUR);
    const look = housekeeping.look(signal);
    await stage.clock.advance(1);
    needed.add(2);
    door.open();
    await look;
    expect(left(stage)).to.deep.equal(['2 set-aside', '3 live']);
  });

  it('asks again before each removal: what became the last good version meanwhile stays', async () => {
    const stage = await archived();
    const door = gate();
    const { held } = stage.stores;
    const remove = held.remove.bind(held);
    held.remove = async (key, version) => {
      await door.passed;
      await remove(key, version);
    };
    const [key] = held.rows().map((row) => row.key);
    await stage.clock.advance(2 * HOUR);
    const look = housekeepingOf(stage, () => false).look(signal);
    await stage.clock.advance(1);
    await held.move(key!, 3, { place: 'quarantined', reason: 'rejected' });
    door.open();
    await look;
    expect(left(stage)).to.deep.equal(['2 set-aside', '3 quarantined']);
  });

  it('ends with a store that fails, which is said, and removes the rest at a later look', async () => {
    const stage = await archived();
    const housekeeping = housekeepingOf(stage, () => false);
    await stage.clock.advance(2 * HOUR);
    stage.disk.failNext('store-unavailable', 2);
    await housekeeping.look(signal);
    expect(left(stage)).to.deep.equal(['1 set-aside', '2 set-aside', '3 live']);
    expect(stage.watch.isFailing('held')).to.equal(true);
    await housekeeping.look(signal);
    expect(left(stage).length, 'nothing while it fails').to.equal(3);
    stage.watch.worked('held');
    await housekeeping.look(signal);
    expect(left(stage)).to.deep.equal(['3 live']);
  });

  it('goes on past what cannot be removed from a store that works otherwise', async () => {
    const stage = await archived();
    await stage.clock.advance(2 * HOUR);
    stage.disk.failNext('store-unavailable');
    await housekeepingOf(stage, () => false).look(signal);
    expect(left(stage)).to.deep.equal(['1 set-aside', '3 live']);
    expect(stage.watch.isFailing('held')).to.equal(false);
  });

  it('says what the archive takes: at once of what has rows, after a look of what was damaged', async () => {
    const stage = await archived();
    const housekeeping = housekeepingOf(stage, () => false);
    const bytes = stage.stores.held.rows().filter(({ place }) => place === 'set-aside').length * 'a 1'.length;
    expect(housekeeping.archiveBytes()).to.deep.equal([{ store: 'held', bytes }]);
    const newest = stage.stores.held.rows().find(({ version }) => version === 3)!;
    stage.disk.damage(newest.key, 3);
    const error: unknown = await stage.stores.held.open(newest.key, 3).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(GatewayError);
    await housekeeping.look(signal);
    expect(housekeeping.archiveBytes()).to.deep.equal([{ store: 'held', bytes: bytes + 3 }]);
  });
});
