import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { SystemClock, type ClockSource } from '../../../../src/adapters/system/clock.ts';
import { LONGEST_TIMER_MS } from '../../../../src/units.ts';

/** Timers that a test fires by hand; as Node.js's own, they may be told to fire a little early. */
class HandTimers implements ClockSource {
  nowMs = 1000;
  readonly asked: number[] = [];
  #armed: (() => void) | null = null;
  #dueMs = 0;

  now(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return 42;
  }

  setTimeout(callback: () => void, ms: number): { clear(): void } {
    this.asked.push(ms);
    this.#armed = callback;
    this.#dueMs = this.nowMs + ms;
    return { clear: () => (this.#armed = null) };
  }

  get isArmed(): boolean {
    return this.#armed !== null;
  }

  async fire(earlyMs = 0): Promise<void> {
    this.nowMs = this.#dueMs - earlyMs;
    const callback = this.#armed;
    this.#armed = null;
    callback?.();
    await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await turn();
  return settled;
}

describe('SystemClock', () => {
  it('wakes after the time that was asked for', async () => {
    const timers = new HandTimers();
    const sleeping = new SystemClock(timers).sleep(250, new AbortController().signal);
    expect(await isSettled(sleeping)).to.equal(false);
    await timers.fire();
    expect(await isSettled(sleeping)).to.equal(true);
    expect(timers.asked).to.deep.equal([250]);
  });

  it('sleeps on when a timer fires a fraction early, so that a deadline is passed on waking', async () => {
    const timers = new HandTimers();
    const sleeping = new SystemClock(timers).sleep(250, new AbortController().signal);
    await timers.fire(0.4);
    expect(await isSettled(sleeping)).to.equal(false);
    await timers.fire();
    expect(await isSettled(sleeping)).to.equal(true);
    expect(timers.nowMs).to.be.at.least(1250);
  });

  it('cuts a wait that no timer can hold into pieces', async () => {
    const timers = new HandTimers();
    const sleeping = new SystemClock(timers).sleep(LONGEST_TIMER_MS + 5, new AbortController().signal);
    await timers.fire();
    expect(await isSettled(sleeping)).to.equal(false);
    await timers.fire();
    expect(await isSettled(sleeping)).to.equal(true);
    expect(timers.asked).to.deep.equal([LONGEST_TIMER_MS, 5]);
  });

  it('wakes at once when its signal is aborted, and leaves no timer and no listener behind', async () => {
    const timers = new HandTimers();
    const controller = new AbortController();
    const sleeping = new SystemClock(timers).sleep(Infinity, controller.signal);
    expect(timers.isArmed).to.equal(true);
    controller.abort();
    expect(await isSettled(sleeping)).to.equal(true);
    expect(timers.isArmed).to.equal(false);
  });

  it('leaves no listener behind when the time is over', async () => {
    const timers = new HandTimers();
    const { signal } = new AbortController();
    const sleeping = new SystemClock(timers).sleep(10, signal);
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    await timers.fire();
    await sleeping;
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
  });

  it('does not sleep at all on a signal that is aborted already', async () => {
    const timers = new HandTimers();
    expect(await isSettled(new SystemClock(timers).sleep(1e9, AbortSignal.abort()))).to.equal(true);
    expect(timers.asked).to.deep.equal([]);
  });

  it('lets the event loop turn even when there is nothing to wait for', async () => {
    const clock = new SystemClock(new HandTimers());
    let turned = false;
    setImmediate(() => (turned = true));
    await clock.sleep(0, new AbortController().signal);
    expect(turned).to.equal(true);
  });

  it('does not take many sleepers on one signal for a leak', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    const controller = new AbortController();
    const clock = new SystemClock(new HandTimers());
    const sleepers = Array.from({ length: 50 }, () => clock.sleep(1000, controller.signal));
    await turn();
    controller.abort();
    await Promise.all(sleepers);
    process.off('warning', onWarning);
    expect(warnings).to.deep.equal([]);
  });
});
