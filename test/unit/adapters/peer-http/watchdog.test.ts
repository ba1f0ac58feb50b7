import { expect } from 'chai';
import { Watchdog } from '../../../../src/adapters/peer-http/watchdog.ts';
import { VirtualClock } from './virtual-clock.ts';

describe('Watchdog', () => {
  const start = (): { clock: VirtualClock; watchdog: Watchdog; fired: () => number } => {
    const clock = new VirtualClock();
    let count = 0;
    return { clock, watchdog: new Watchdog(clock, () => (count += 1)), fired: () => count };
  };

  it('fires once, when its time is over', async () => {
    const { clock, watchdog, fired } = start();
    watchdog.arm(100);
    await clock.advance(99);
    expect(fired()).to.equal(0);
    await clock.advance(1);
    expect(fired()).to.equal(1);
    watchdog.arm(1);
    await clock.advance(1000);
    expect(fired()).to.equal(1);
    expect(watchdog.isExpired).to.equal(true);
  });

  it('waits anew from each time that it is armed, with one sleeper at a time', async () => {
    const { clock, watchdog, fired } = start();
    for (let i = 0; i < 50; i += 1) {
      watchdog.arm(100);
      expect(clock.sleepers).to.equal(1);
      await clock.advance(60);
    }
    expect(fired()).to.equal(0);
    await clock.advance(40);
    expect(fired()).to.equal(1);
  });

  it('fires earlier when it is armed with less', async () => {
    const { clock, watchdog, fired } = start();
    watchdog.arm(1000);
    watchdog.arm(10);
    await clock.advance(10);
    expect(fired()).to.equal(1);
  });

  it('waits for nothing while it is disarmed, and again when it is armed', async () => {
    const { clock, watchdog, fired } = start();
    watchdog.arm(100);
    watchdog.disarm();
    await clock.advance(500);
    expect(fired()).to.equal(0);
    watchdog.arm(100);
    await clock.advance(100);
    expect(fired()).to.equal(1);
  });

  it('lets pending input in before it fires, and does not fire when that armed it', async () => {
    const { clock, watchdog, fired } = start();
    clock.onPendingIo = () => watchdog.arm(100);
    watchdog.arm(100);
    await clock.advance(5000);
    expect(fired()).to.equal(0);
    clock.onPendingIo = () => undefined;
    await clock.advance(100);
    expect(fired()).to.equal(1);
  });

  it('leaves no sleeper behind when it is stopped', async () => {
    const { clock, watchdog, fired } = start();
    watchdog.arm(100);
    watchdog.stop();
    watchdog.arm(100);
    await clock.advance(500);
    expect(fired()).to.equal(0);
    expect(clock.sleepers).to.equal(0);
  });
});
