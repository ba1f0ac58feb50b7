import { expect } from 'chai';
import { Life } from './life.ts';
import { SeededRandom } from './random.ts';
import { Timeline } from './timeline.ts';
import { VirtualClock, WALL_START_MS, WallSkew } from './virtual-clock.ts';

const never = new AbortController().signal;

describe('the virtual timeline', () => {
  it('fires thousands of timers in the order of their time, and of their setting within one moment', async () => {
    const timeline = new Timeline();
    const random = new SeededRandom(1);
    const fired: [at: number, index: number][] = [];
    const times = Array.from({ length: 5000 }, () => random.int(0, 500));
    for (const [index, at] of times.entries()) timeline.at(at, null, () => fired.push([timeline.now, index]));
    await timeline.run(1000);
    const expected = times.map((at, index): [number, number] => [at, index]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    expect(fired).to.deep.equal(expected);
    expect(timeline.now).to.equal(1000);
  });

  it('carries everything out that follows without time passing before it goes on, however long the chain', async () => {
    const timeline = new Timeline();
    const seen: string[] = [];
    timeline.at(10, null, () => {
      void (async () => {
        for (let i = 0; i < 500; i += 1) await Promise.resolve();
        await new Promise<void>((resolve) => process.nextTick(resolve));
        seen.push(`end of the chain at ${timeline.now}`);
      })();
    });
    timeline.at(10, null, () => seen.push('the next timer'));
    await timeline.run(20);
    expect(seen).to.deep.equal(['end of the chain at 10', 'the next timer']);
  });

  it('does not fire what was cancelled, nor what lies beyond the end', async () => {
    const timeline = new Timeline();
    const fired: string[] = [];
    timeline.at(5, null, () => fired.push('cancelled')).cancel();
    timeline.at(15, null, () => fired.push('later'));
    await timeline.run(10);
    expect(fired).to.deep.equal([]);
    await timeline.run(15);
    expect(fired).to.deep.equal(['later']);
  });

  it('says so when somebody goes round in a circle without letting time pass', async () => {
    const timeline = new Timeline();
    const again = (): void => void timeline.after(0, null, again);
    again();
    const error = await timeline.run(1).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(String(error)).to.match(/round in a circle/);
  });
});

describe('a virtual clock', () => {
  it('lets sleepers wake in the order of time, each at its own', async () => {
    const timeline = new Timeline();
    const clock = new VirtualClock(timeline, new Life(timeline), { originMs: 5000 });
    const woken: string[] = [];
    for (const ms of [30, 10, 20, 10.5]) void clock.sleep(ms, never).then(() => woken.push(`${ms} at ${clock.now()}`));
    await timeline.run(100);
    expect(woken).to.deep.equal(['10 at 5010', '10.5 at 5010.5', '20 at 5020', '30 at 5030']);
  });

  it('ends a sleep at once when it is aborted, before or during it, and without an error', async () => {
    const timeline = new Timeline();
    const clock = new VirtualClock(timeline, new Life(timeline));
    const aborter = new AbortController();
    const woken: number[] = [];
    void clock.sleep(Infinity, aborter.signal).then(() => woken.push(timeline.now));
    timeline.at(7, null, () => aborter.abort());
    await timeline.run(100);
    expect(woken).to.deep.equal([7]);
    await clock.sleep(1000, aborter.signal);
    expect(timeline.now).to.equal(100);
  });

  it('has a wall that jumps and a monotonic time that does not', async () => {
    const timeline = new Timeline();
    const skew = new WallSkew();
    const clock = new VirtualClock(timeline, new Life(timeline), { skew });
    skew.jump(-3_600_000);
    await timeline.run(10);
    expect(clock.wallMs()).to.equal(WALL_START_MS - 3_600_000 + 10);
    expect(clock.now()).to.equal(10);
  });
});

describe('a process that is stopped', () => {
  it('does nothing until it goes on, then does late what was due, timers before input', async () => {
    const timeline = new Timeline();
    const life = new Life(timeline);
    const clock = new VirtualClock(timeline, life);
    const seen: string[] = [];
    void clock.sleep(10, never).then(async () => {
      seen.push(`timer at ${clock.now()}`);
      await clock.afterPendingIo();
      seen.push('after pending input');
    });
    timeline.at(5, null, () => life.stop());
    timeline.at(20, null, () => life.input(() => seen.push('first input')));
    timeline.at(21, null, () => life.input(() => seen.push('second input')));
    timeline.at(50, null, () => life.resume());
    await timeline.run(49);
    expect(seen).to.deep.equal([]);
    await timeline.run(50);
    expect(seen).to.deep.equal(['timer at 50', 'first input', 'second input', 'after pending input']);
  });

  it('reads its input in the order in which it came', async () => {
    const timeline = new Timeline();
    const life = new Life(timeline);
    const seen: number[] = [];
    life.stop();
    for (const n of [1, 2, 3]) life.input(() => seen.push(n));
    life.resume();
    await timeline.run(0);
    expect(seen).to.deep.equal([1, 2, 3]);
  });
});

describe('a process that is killed', () => {
  it('never does anything again', async () => {
    const timeline = new Timeline();
    const life = new Life(timeline);
    const clock = new VirtualClock(timeline, life);
    const seen: string[] = [];
    void clock.sleep(10, never).then(() => seen.push('timer'));
    life.onEnd(() => seen.push('ended'));
    timeline.at(5, null, () => life.end());
    timeline.at(6, null, () => life.input(() => seen.push('input')));
    timeline.at(7, null, () => life.resume());
    await timeline.run(100);
    expect(seen).to.deep.equal(['ended']);
  });

  it('never does what it had not done when it was stopped', async () => {
    const timeline = new Timeline();
    const life = new Life(timeline);
    const seen: string[] = [];
    life.stop();
    timeline.at(1, life, () => seen.push('timer'));
    life.input(() => seen.push('input'));
    timeline.at(5, null, () => life.end());
    timeline.at(6, null, () => life.resume());
    await timeline.run(100);
    expect(seen).to.deep.equal([]);
  });
});
