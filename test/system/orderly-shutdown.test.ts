import { expect } from 'chai';
import type { EventType } from '../../src/core/events.ts';
import { DEATH_MS, Pair } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

const ALARMS: readonly EventType[] = ['peer-down', 'peer-suspect', 'delivery', 'peer-up'];

describe('an orderly shutdown', () => {
  const stage = useStage();

  it('by the command is no death: the peer left, what is held stays and can be delivered by hand', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const state = freshBytes(1000);
    await dc1.putReplicated('orders', state);
    const from = dc2.events.mark;

    const command = await crossdc('shutdown', '--url', dc1.url);
    expect(command).to.deep.equal({ status: 0, stdout: 'the gateway of dc1 has left and is stopped\n', stderr: '' });
    expect(await dc1.untilEnded()).to.deep.equal({ status: 0, signal: null });
    await dc2.events.until('peer-left', (event) => event.dataCenter === 'dc1');
    await dc2.events.noneFor(2 * DEATH_MS, ALARMS, from);
    expect(await dc2.peer('dc1')).to.include({ state: 'left', missed: 0 });
    expect((await dc2.held('dc1')).map((row) => row.state)).to.deep.equal(['held']);

    const byHand = await crossdc('deliver', 'dc1', '--url', dc2.url);
    expect(byHand.status).to.equal(0);
    const { delivery } = (await dc2.events.until('delivery')).data;
    expect(delivery).to.include({ reason: 'manual', dataCenter: 'dc1' });
    const app = new TestApp(dc2);
    await app.absorb(delivery);
    expect(app.absorbed.get('orders')!.equals(state)).to.equal(true);
    expect((await dc2.held('dc1')).map((row) => row.state)).to.deep.equal(['held']);
  });

  it("by the toolkit's message is the same, and a new run of the data centre is seen again", async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'state');
    const from = dc2.events.mark;
    expect((await dc1.message('OrderlyShutdown')).status).to.equal(202);
    expect(await dc1.untilEnded()).to.deep.equal({ status: 0, signal: null });
    await dc2.events.until('peer-left');
    await dc2.events.noneFor(DEATH_MS, ALARMS, from);
    expect((await dc2.message('SendMeDataFromSnapshotFiles')).status).to.equal(202);
    expect((await dc2.events.until('delivery')).data.delivery).to.include({ reason: 'manual', dataCenter: 'dc1' });

    await dc1.start();
    expect((await dc2.events.until('peer-up', () => true, from)).data.from).to.equal('left');
    await dc1.events.until('shutdown', (event) => event.orderly);
  });

  it('leaves nothing with the peer where orderlyShutdownSnapshots=delete', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { orderlyShutdownSnapshots: 'delete' } });
    await dc1.putReplicated('orders', 'state');
    await dc1.message('OrderlyShutdown');
    await dc2.untilLogged('what was held from the peer that left was deleted (orderlyShutdownSnapshots=delete)');
    expect(await dc2.history('dc1')).to.deep.equal([]);
  });

  it('finishes the transfers that are under way before the peer is told', async () => {
    const { dc1, dc2, toDc2 } = await Pair.running(stage, { isRelayed: true });
    toDc2.delay(20, 5);
    const state = freshBytes(8 << 20);
    expect((await dc1.put('orders', state)).status).to.equal(202);
    const left = dc2.events.until('peer-left');
    await dc1.message('OrderlyShutdown');
    expect((await dc1.put('late', 'refused')).status).to.equal(503);
    await left;
    const [held] = await dc2.held('dc1');
    expect(held).to.include({ origin: 'orders', bytes: state.length });
    expect(await dc1.untilEnded()).to.deep.equal({ status: 0, signal: null });
    const types = dc1.events.types(0, 'snapshot-replicated', 'shutdown');
    expect(types).to.deep.equal(['snapshot-replicated', 'shutdown']);
  });

  it('with the line cut during a transfer ends within a bound, and the log says what is missing', async () => {
    const pair = await Pair.running(stage, { isRelayed: true });
    const { dc1 } = pair;
    pair.toDc2.cutAfterBytes(100_000);
    pair.toDc1.cut('both');
    expect((await dc1.put('orders', freshBytes(4 << 20))).status).to.equal(202);
    const begunAt = performance.now();
    await dc1.message('OrderlyShutdown');
    expect(await dc1.untilEnded(40_000)).to.deep.equal({ status: 0, signal: null });
    expect(performance.now() - begunAt).to.be.below(40_000);
    await dc1.untilLogged('peers that could not be told of the orderly shutdown will take it for a failure');
  });

  it('with a delivery open ends at once; the next run announces it again, as a repeat', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'state');
    await dc1.kill9();
    const { delivery } = (await dc2.events.until('delivery')).data;
    await dc2.message('OrderlyShutdown');
    expect(await dc2.untilEnded()).to.deep.equal({ status: 0, signal: null });
    const from = dc2.events.mark;
    await dc2.start();
    const repeat = await dc2.events.until('delivery', () => true, from);
    expect(repeat.data.delivery).to.include({ id: delivery.id, state: 'open' });
    expect(repeat.data.delivery.attempt).to.be.above(1);
    expect(repeat.id).to.equal(null);
    await new TestApp(dc2).absorb(repeat.data.delivery);
    await dc2.events.until('delivery-done', () => true, from);
  });
});
