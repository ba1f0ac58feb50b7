import { expect } from 'chai';
import type { SnapshotKey } from '../../../src/core/snapshot.ts';
import { GatewayError } from '../../../src/errors.ts';
import { Damage } from '../../../src/services/damage.ts';
import { Scrub } from '../../../src/services/scrub.ts';
import { parseRound } from '../../../src/services/scrub-record.ts';
import { MemorySnapshotStore } from '../../support/memory-snapshot-store.ts';
import { Stage } from './stage.ts';

const HOUR = 3_600_000;

/** Works, but for one origin, which it cannot read: as a file that another user owns. */
class Unwilling extends MemorySnapshotStore {
  origin = '';
  asked = 0;

  override async verify(key: SnapshotKey, version: number, pace: (bytes: number) => Promise<void>): Promise<void> {
    if (key.origin === this.origin) {
      this.asked += 1;
      throw new GatewayError('store-unavailable', 'The store "held" cannot be used (EACCES).');
    }
    await super.verify(key, version, pace);
  }
}

function scrubOf(stage: Stage, store = stage.stores.held): Scrub {
  const { hub: events, watch, records, context } = stage;
  watch.watch('held', () => store.probe());
  const damage = new Damage(context, { events, watch, names: new Map([[store, 'held']]) });
  return new Scrub(context, { stores: [{ name: 'held', store }], damage, watch, records });
}

/** Lets time pass in small steps, so that everything that follows comes to rest between two. */
async function pass(stage: Stage, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 500) await stage.clock.advance(500);
}

describe('the verification of everything that is stored', () => {
  it('passes over a version that a working store will not read, after a few tries, and goes on', async () => {
    const stage = await new Stage({ settings: { scrubIntervalMs: HOUR } }).load();
    for (const origin of ['a', 'b', 'c']) await stage.hold(origin, 1);
    const store = new Unwilling({ disk: stage.disk, name: 'held', wallMs: () => stage.clock.wallMs() });
    store.origin = 'b';
    const scrub = scrubOf(stage, store);
    await scrub.load();
    scrub.start();
    await pass(stage, 120_000);
    expect(store.asked).to.equal(3);
    expect(scrub.view()).to.include({ state: 'idle', verified: 2, damaged: 0 });
    expect(scrub.completedMs).not.to.equal(null);
    expect(store.rows().map(({ place }) => place)).to.deep.equal(['live', 'live', 'live']);
    stage.context.tasks.abort();
    await stage.context.tasks.settled();
  });

  it('says where it is when the gateway stops, and goes on from there at the next start', async () => {
    const stage = await new Stage({ settings: { scrubIntervalMs: HOUR } }).load();
    for (let i = 0; i < 20; i += 1) await stage.hold(`origin ${i}`, 1);
    const scrub = scrubOf(stage);
    await scrub.load();
    scrub.start();
    await stage.clock.advance(30_000);
    for (let i = 0; i < 10; i += 1) await stage.clock.advance(2);
    const { verified, state } = scrub.view();
    expect(state).to.equal('running');
    expect(verified).to.be.within(3, 15);
    stage.context.tasks.abort();
    await stage.context.tasks.settled();

    const next = await new Stage({ settings: { scrubIntervalMs: HOUR }, disk: stage.disk }).load();
    const resumed = scrubOf(next);
    await resumed.load();
    expect(resumed.view()).to.include({ state: 'running', verified });
    resumed.start();
    await pass(next, 60_000);
    expect(resumed.view()).to.include({ state: 'idle', verified: 20, damaged: 0 });
    next.context.tasks.abort();
    await next.context.tasks.settled();
  });

  it('writes down where it is no more than once a minute', async () => {
    const stage = await new Stage({ settings: { scrubIntervalMs: HOUR } }).load();
    for (let i = 0; i < 50; i += 1) await stage.hold(`origin ${i}`, 1);
    const scrub = scrubOf(stage);
    await scrub.load();
    const before = stage.disk.writes;
    scrub.start();
    await pass(stage, 50_000);
    expect(scrub.view().state).to.equal('idle');
    expect(stage.disk.writes - before, 'at the first version, and at the end').to.equal(2);
    stage.context.tasks.abort();
    await stage.context.tasks.settled();
  });

  it('begins anew where its record cannot be understood', () => {
    for (const value of [undefined, null, 7, 'x', [], { startedAt: 'never', isUnderWay: true, cursor: { store: 1 } }])
      expect(parseRound(value)).to.deep.include({ startedMs: null, isUnderWay: false, cursor: null, verified: 0 });
  });
});
