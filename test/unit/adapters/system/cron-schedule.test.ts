import { expect } from 'chai';
import { CronSchedule } from '../../../../src/adapters/system/cron-schedule.ts';
import type { Clock } from '../../../../src/ports/clock.ts';

const MINUTE = 60_000;

/** A wall clock that a test sets; each sleep ends when the test says so. */
class HandClock implements Clock {
  wall = 0;
  readonly slept: number[] = [];
  #wake: () => void = () => undefined;

  now(): number {
    return this.wall;
  }

  wallMs(): number {
    return this.wall;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.slept.push(ms);
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  afterPendingIo(): Promise<void> {
    return Promise.resolve();
  }

  /** Lets the sleeper wake at this wall time. */
  async wakeAt(wall: number): Promise<void> {
    this.wall = wall;
    this.#wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Due at each full ten minutes. */
function everyTenMinutes(clock: Clock): () => number {
  return () => (Math.floor(clock.wallMs() / (10 * MINUTE)) + 1) * 10 * MINUTE;
}

function started(): { clock: HandClock; controller: AbortController; due: number[] } {
  const clock = new HandClock();
  const controller = new AbortController();
  const due: number[] = [];
  new CronSchedule(clock, '*/10 * * * *', everyTenMinutes(clock)).start(() => due.push(clock.wall), controller.signal);
  return { clock, controller, due };
}

describe('CronSchedule', () => {
  it('calls at each due time and not before', async () => {
    const { clock, due } = started();
    await clock.wakeAt(10 * MINUTE - 1);
    expect(due).to.deep.equal([]);
    await clock.wakeAt(10 * MINUTE);
    await clock.wakeAt(10 * MINUTE + 5);
    await clock.wakeAt(20 * MINUTE + 3);
    expect(due).to.deep.equal([10 * MINUTE, 20 * MINUTE + 3]);
  });

  it('looks at the wall clock every minute, so that a jump is noticed', async () => {
    const { clock } = started();
    await clock.wakeAt(9.5 * MINUTE);
    expect(clock.slept).to.deep.equal([MINUTE, 0.5 * MINUTE]);
  });

  it('calls once, however many due times a clock that jumped forward passed over', async () => {
    const { clock, due } = started();
    const inFiftyYears = 50 * 365 * 24 * 60 * MINUTE;
    await clock.wakeAt(inFiftyYears + 1);
    await clock.wakeAt(inFiftyYears + 2);
    expect(due).to.deep.equal([inFiftyYears + 1]);
  });

  it('finds the earlier due time of a clock that went back', async () => {
    const { clock, due } = started();
    await clock.wakeAt(100 * MINUTE);
    await clock.wakeAt(41 * MINUTE);
    await clock.wakeAt(50 * MINUTE);
    expect(due).to.deep.equal([100 * MINUTE, 50 * MINUTE]);
  });

  it('calls no more when its signal is aborted', async () => {
    const { clock, controller, due } = started();
    controller.abort();
    await clock.wakeAt(10 * MINUTE);
    expect(due).to.deep.equal([]);
  });

  it('refuses at once what is no cron expression or names no time that comes', () => {
    const clock = new HandClock();
    for (const expression of ['nonsense', '61 * * * *', '', '0 0 31 2 *']) {
      expect(() => new CronSchedule(clock, expression), expression).to.throw(RangeError);
    }
  });

  it('knows the next due time of a real expression', async () => {
    const clock = new HandClock();
    clock.wall = Date.now();
    new CronSchedule(clock, '* * * * *').start(() => undefined, new AbortController().signal);
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.slept[0]).to.be.within(-1000, MINUTE);
  });
});
