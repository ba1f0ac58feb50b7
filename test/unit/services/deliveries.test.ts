import { expect } from 'chai';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { gate, Stage } from './stage.ts';

const which = (origin: string) => ({ origin, workload: undefined });

describe('an answer to a delivery', () => {
  it('is not lost when another snapshot is rejected at the same time', async () => {
    const stage = await new Stage().load();
    const { id } = await stage.takeover(await stage.hold('a', 1), await stage.hold('b', 1));
    const door = gate();
    stage.disk.latency = () => door.passed;
    const rejected = stage.deliveries.reject(id, { ...which('a'), reason: 'unreadable' });
    await settled();
    stage.disk.latency = () => Promise.resolve();
    await stage.deliveries.acknowledge(id, which('b'));
    door.open();
    await rejected;
    expect(stage.deliveries.get(id).snapshots.map(({ state }) => state)).to.deep.equal(['rejected', 'acknowledged']);
    expect(stage.deliveries.get(id).state).to.equal('done');
  });

  it('does not bring back a delivery that was cancelled while it was written', async () => {
    const stage = await new Stage().load();
    const { id } = await stage.takeover(await stage.hold('a', 1), await stage.hold('b', 1));
    const door = gate();
    stage.disk.latency = () => door.passed;
    const rejected = stage.deliveries.reject(id, { ...which('a'), reason: 'unreadable' });
    await settled();
    stage.disk.latency = () => Promise.resolve();
    await stage.deliveries.cancel(id);
    door.open();
    await rejected;
    expect(stage.deliveries.get(id).state).to.equal('cancelled');
    expect(stage.ofType('delivery')).to.have.length(1);
  });

  it('ends the delivery, once, although the store does not take its mark yet', async () => {
    const stage = await new Stage().load();
    const { id } = await stage.takeover(await stage.hold('a', 1));
    const { held } = stage.stores;
    const mark = held.markDelivered.bind(held);
    held.markDelivered = () => Promise.reject(new Error('not now'));
    await stage.deliveries.acknowledge(id, which('a'));
    await stage.deliveries.acknowledge(id, which('a'));
    expect(stage.ofType('delivery-done')).to.have.length(1);
    held.markDelivered = mark;
    await stage.clock.advance(1000);
    expect(held.rows()[0]?.deliveredBy).to.equal(id);
  });

  it('that the disk refused does not count, also when the delivery was announced once more meanwhile', async () => {
    const stage = await new Stage().load();
    const { id } = await stage.takeover(await stage.hold('a', 1), await stage.hold('b', 1));
    stage.disk.failNext('store-full');
    const refused = stage.deliveries.acknowledge(id, which('a')).then(
      () => 'taken',
      () => 'refused',
    );
    stage.deliveries.repeats();
    expect(await refused).to.equal('refused');
    const { attempt, snapshots } = stage.deliveries.get(id);
    expect([attempt, ...snapshots.map(({ state }) => state)]).to.deep.equal([2, 'pending', 'pending']);
  });

  it('that the disk refused does not open a delivery again that was called off meanwhile', async () => {
    const stage = await new Stage().load();
    const { id } = await stage.takeover(await stage.hold('a', 1));
    const door = gate();
    stage.disk.latency = () => door.passed;
    stage.disk.failNext('store-full');
    const refused = stage.deliveries.acknowledge(id, which('a')).catch((error: unknown) => String(error));
    await settled();
    stage.disk.latency = () => Promise.resolve();
    await stage.deliveries.cancel(id);
    door.open();
    expect(await refused).to.contain('store');
    expect(stage.deliveries.get(id).state).to.equal('cancelled');
    const next = await new Stage({ disk: stage.disk }).load();
    expect(next.deliveries.get(id).state).to.equal('cancelled');
  });

  it('that a crash cut off from its end is told at the next start', async () => {
    const stage = await new Stage().load();
    const { id } = await stage.takeover(await stage.hold('a', 1));
    const { held } = stage.stores;
    held.markDelivered = () => {
      stage.disk.crash();
      return new Promise(() => undefined);
    };
    void stage.deliveries.acknowledge(id, which('a'));
    await settled();
    expect(stage.ofType('delivery-done')).to.have.length(0);
    const next = await new Stage({ disk: stage.disk }).load();
    expect(next.ofType('delivery-done')).to.have.length(1);
    expect(next.stores.held.rows()[0]?.deliveredBy).to.equal(id);
    const third = await new Stage({ disk: stage.disk }).load();
    expect(third.ofType('delivery-done')).to.have.length(0);
  });
});

describe('a delivery that is not durable yet', () => {
  it('is announced to nobody as a repeat', async () => {
    const stage = await new Stage().load();
    const snapshot = await stage.hold('a', 1);
    const door = gate();
    stage.disk.latency = () => door.passed;
    const created = stage.takeover(snapshot);
    await settled();
    expect(stage.deliveries.repeats()).to.have.length(0);
    door.open();
    await created;
    expect(stage.deliveries.repeats().map(({ attempt }) => attempt)).to.deep.equal([2]);
  });
});
