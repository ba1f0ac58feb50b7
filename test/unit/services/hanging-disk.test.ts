import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { HANG_MS, Patience } from '../../../src/services/patience.ts';
import { ManualClock, settled } from '../adapters/local-api/manual-clock.ts';
import { gate, Stage } from './stage.ts';

/** Whether the work is done when so much time has passed. */
async function isDoneAfter(stage: Stage, ms: number, work: Promise<unknown>): Promise<boolean> {
  let isDone = false;
  void work.then(() => (isDone = true));
  await pass(stage, ms);
  return isDone;
}

/** In steps, as whoever waits several times begins each time only when the time before has passed. */
async function pass({ clock }: Stage, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    await clock.advance(Math.min(100, left));
    await settled();
  }
}

describe('on a disk that hangs', () => {
  async function hanging(): Promise<{ stage: Stage; goOn: () => void }> {
    const stage = await new Stage().load();
    const { passed, open } = gate();
    stage.disk.latency = () => passed;
    return { stage, goOn: open };
  }

  it('a record is waited for within the bound, and is written when the disk goes on', async () => {
    const { stage, goOn } = await hanging();
    stage.records.start();
    const settling = stage.records.settle('peers/dc2', { state: 'down' });
    expect(await isDoneAfter(stage, HANG_MS - 1, settling)).to.equal(false);
    expect(await isDoneAfter(stage, 1, settling)).to.equal(true);
    expect(await settling).to.equal(false);
    expect(stage.watch.isFailing('state')).to.equal(true);
    goOn();
    stage.disk.latency = () => Promise.resolve();
    await stage.clock.advance(1000);
    expect(await stage.records.read('peers/dc2')).to.deep.equal({ state: 'down' });
    stage.context.tasks.abort();
  });

  it('the newest value of a record is what is written in the end, though an older one was waited for longer', async () => {
    const { stage, goOn } = await hanging();
    stage.records.start();
    void stage.records.settle('scrub', {});
    await pass(stage, 1000);
    const older = stage.records.settle('peers/dc2', { state: 'down' });
    await pass(stage, HANG_MS - 500);
    const newer = stage.records.settle('peers/dc2', { state: 'up' });
    await pass(stage, 1000);
    expect(await Promise.all([older, newer])).to.deep.equal([false, false]);
    stage.disk.failAll('store-unavailable');
    goOn();
    await pass(stage, 100);
    stage.disk.failAll(null);
    stage.disk.latency = () => Promise.resolve();
    await pass(stage, 20_000);
    expect(await stage.records.read('peers/dc2')).to.deep.equal({ state: 'up' });
    stage.context.tasks.abort();
  });

  it('an older value that is written after all is not taken for the newer one that could not be', async () => {
    const { stage, goOn } = await hanging();
    stage.records.start();
    const older = stage.records.settle('peers/dc2', { state: 'down' });
    await settled();
    stage.disk.latency = () => Promise.reject(new GatewayError('store-unavailable', 'The disk was told to fail.'));
    const newer = stage.records.settle('peers/dc2', { state: 'up' });
    await pass(stage, HANG_MS);
    expect(await Promise.all([older, newer])).to.deep.equal([false, false]);
    goOn();
    await settled();
    stage.disk.latency = () => Promise.resolve();
    await pass(stage, 20_000);
    expect(await stage.records.read('peers/dc2')).to.deep.equal({ state: 'up' });
    stage.context.tasks.abort();
  });

  it('a verdict and its delivery, which are many writes, wait for it once and not each', async () => {
    const { stage } = await hanging();
    const chain = async (): Promise<void> => {
      for (let n = 0; n < 3; n += 1) {
        await stage.records.settle('peers/dc2', { n });
        await stage.hub.publish({ type: 'shutdown', orderly: false });
      }
    };
    const chained = chain();
    expect(await isDoneAfter(stage, HANG_MS + 1000, chained)).to.equal(true);
    expect(stage.ofType('shutdown')).to.have.length(3);
    expect(stage.hub.newestId).to.be.at.least(stage.ofType('shutdown').at(-1)!.id);
    stage.context.tasks.abort();
  });

  it('the removal of a record keeps nobody waiting for longer than the bound', async () => {
    const { stage } = await hanging();
    expect(await isDoneAfter(stage, HANG_MS, stage.records.remove('deliveries/1'))).to.equal(true);
    expect(stage.watch.isFailing('state')).to.equal(true);
    stage.context.tasks.abort();
  });

  it('a delivery is announced within the bound', async () => {
    const stage = await new Stage().load();
    const row = await stage.hold('orders', 1);
    stage.disk.latency = () => new Promise(() => undefined);
    void stage.takeover(row);
    await pass(stage, HANG_MS + 1000);
    expect(stage.ofType('delivery')).to.have.length(1);
    expect(stage.deliveries.repeats()).to.have.length(1);
    stage.context.tasks.abort();
  });
});

describe('patience with a disk', () => {
  it('is spent by one write that hangs, and renewed when that has ended, well or not', async () => {
    const clock = new ManualClock();
    const patience = new Patience(clock);
    let fail: (error: Error) => void = () => undefined;
    const first = new Promise<void>((_, reject) => (fail = reject));
    const patient = patience.inTime(first);
    await clock.advance(HANG_MS);
    expect(await patient).to.equal(false);

    const startedAt = clock.now();
    const second = patience.inTime(new Promise(() => undefined));
    await clock.advance(HANG_MS / 10);
    expect(await second, 'while the first hangs').to.equal(false);
    expect(clock.now() - startedAt).to.be.below(HANG_MS);

    const other = new Patience(clock);
    const third = other.inTime(first.catch(() => undefined));
    fail(new Error('it failed after all'));
    expect(await third).to.equal(true);
  });

  it('is as it was when what hung has ended', async () => {
    const clock = new ManualClock();
    const patience = new Patience(clock);
    const { passed, open } = gate();
    const hung = patience.inTime(passed);
    await clock.advance(HANG_MS);
    await hung;
    open();
    await settled();
    let isOver = false;
    void patience.inTime(new Promise(() => undefined)).then(() => (isOver = true));
    await clock.advance(HANG_MS - 1);
    await settled();
    expect(isOver).to.equal(false);
    await clock.advance(1);
    await settled();
    expect(isOver).to.equal(true);
  });

  it('is renewed for what is being waited for too, when something of what hung has ended', async () => {
    const clock = new ManualClock();
    const patience = new Patience(clock);
    const first = gate();
    const hung = [patience.inTime(first.passed), patience.inTime(new Promise(() => undefined))];
    await clock.advance(HANG_MS);
    await Promise.all(hung);

    const next = gate();
    const waited = patience.inTime(next.passed);
    await clock.advance(1);
    first.open();
    await settled();
    // Much longer than on a disk that hangs: this one has come back, and is busy.
    await clock.advance(HANG_MS / 2);
    next.open();
    expect(await waited).to.equal(true);
  });
});
