import { expect } from 'chai';
import { DEATH_MS, INTERVAL_MS, Pair } from '../support/pair.ts';
import { useStage } from '../support/stage.ts';
import { TestApp } from '../support/test-app.ts';

describe('a stopped process (SIGSTOP) that goes on (SIGCONT)', () => {
  const stage = useStage();

  it('before the threshold is suspected, and seen again without a death', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { keys: { consecutiveHeartbeatMissesAllowed: 20 } });
    await dc1.putReplicated('orders', 'state');
    dc1.signal('SIGSTOP');
    await dc2.events.until('peer-suspect', (event) => event.reason === 'silence');
    dc1.signal('SIGCONT');
    await dc2.events.until('peer-up', (event) => event.from === 'suspect');
    expect(dc2.events.types(0, 'peer-down', 'delivery')).to.deep.equal([]);
  });

  it('after the threshold is down once and up once; its takeover is called off and not made twice', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'state');
    const from = dc2.events.mark;
    dc1.signal('SIGSTOP');
    const { delivery } = (await dc2.events.until('delivery')).data;
    dc1.signal('SIGCONT');
    await dc2.events.until('takeover-cancelled', (event) => event.delivery === delivery.id);
    await dc2.events.noneFor(2 * DEATH_MS, ['peer-down', 'delivery']);
    const story = dc2.events.types(from, 'peer-down', 'delivery', 'peer-up', 'takeover-cancelled');
    expect(story).to.deep.equal(['peer-down', 'delivery', 'peer-up', 'takeover-cancelled']);
    expect(await new TestApp(dc2).acknowledge(delivery, delivery.snapshots[0]!)).to.equal(409);
    expect((await dc2.held('dc1')).map((row) => row.state)).to.deep.equal(['held']);
    // The one that was stopped blames nobody for the time in which it could not hear.
    expect(dc1.events.types(0, 'peer-down', 'delivery')).to.deep.equal([]);
  });

  it('of our own blames nobody, and is counted and shown', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'state');
    const before = await dc2.metric('crossdc_event_loop_pause_seconds_sum');
    const stoppedAt = performance.now();
    dc2.signal('SIGSTOP');
    await dc1.events.until('peer-down', (event) => event.dataCenter === 'dc2');
    const from = dc2.events.mark;
    const stoppedMs = performance.now() - stoppedAt;
    dc2.signal('SIGCONT');
    await dc1.events.until('peer-up', (event) => event.from === 'down');
    await dc2.events.noneFor(2 * DEATH_MS, ['peer-down', 'delivery'], from);

    const { ownPauses, peers } = await dc2.status();
    expect(peers[0]!.state).to.equal('up');
    expect(ownPauses.count).to.be.at.least(1);
    expect(ownPauses.longestSeconds).to.be.above((stoppedMs - 2 * INTERVAL_MS) / 1000);
    expect(ownPauses.lastAt).to.be.a('string');
    expect((await dc2.metric('crossdc_event_loop_pause_seconds_sum')) - before).to.be.above(
      (stoppedMs - 2 * INTERVAL_MS) / 1000,
    );
    await dc2.untilLogged('this gateway itself was stopped; no peer is blamed for that time');
  });

  it('of our own, while the peer dies: the death is found after N intervals of listening', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'state');
    dc2.signal('SIGSTOP');
    await dc1.events.until('peer-down');
    await dc1.kill9();
    const wokenAt = performance.now();
    dc2.signal('SIGCONT');
    const delivered = await dc2.events.until('delivery');
    expect(delivered.at - wokenAt).to.be.at.least(DEATH_MS - 2 * INTERVAL_MS);
  });
});
