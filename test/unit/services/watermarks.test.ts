import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { Watermarks } from '../../../src/services/watermarks.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { gate, Stage } from './stage.ts';

interface Scene {
  readonly stage: Stage;
  readonly watermarks: Watermarks;
  /** How often heartbeats were asked for. */
  readonly flushes: { count: number };
}

async function scene(disk?: MemoryDisk): Promise<Scene> {
  const stage = await new Stage(disk === undefined ? {} : { disk }).load();
  const flushes = { count: 0 };
  const watermarks = new Watermarks(stage.context, {
    records: stage.records,
    peers: stage.peers,
    flush: () => (flushes.count += 1),
  });
  await watermarks.load();
  return { stage, watermarks, flushes };
}

const NO_FLUSH = { flush: false };
const none = { incarnation: null, watermarks: {} };

describe('the watermarks of the application here', () => {
  it('are said in heartbeats from the first one on, and not before', async () => {
    const { watermarks } = await scene();
    expect(watermarks.news()).to.equal(undefined);
    await watermarks.put('published', { seq: 41 }, NO_FLUSH);
    await watermarks.put('read', { position: 'log.7' }, NO_FLUSH);
    expect(watermarks.news()).to.deep.equal({ published: { seq: 41 }, read: { position: 'log.7' } });
    expect(watermarks.own()).to.deep.equal(watermarks.news());
    await watermarks.put('published', {}, NO_FLUSH);
    await watermarks.put('read', {}, NO_FLUSH);
    expect([watermarks.own(), watermarks.news()]).to.deep.equal([{}, undefined]);
  });

  it('are there again after a restart, and stay when another is put then', async () => {
    const { stage, watermarks } = await scene();
    const published = { seq: 41, position: 'p' };
    await watermarks.put('published', published, NO_FLUSH);
    stage.disk.crash();
    const { watermarks: next } = await scene(stage.disk);
    expect(next.news()).to.deep.equal({ published });
    await next.put('read', { seq: 1 }, NO_FLUSH);
    expect(next.news()).to.deep.equal({ published, read: { seq: 1 } });
  });

  it('remember under which epoch of a workload each was put, over a restart too', async () => {
    const { stage, watermarks } = await scene();
    watermarks.owned = () => ({ dc1: 1 });
    await watermarks.put('read', { seq: 1 }, NO_FLUSH);
    watermarks.owned = () => ({ dc1: 1, dc2: 2 });
    await watermarks.put('published', { seq: 41 }, NO_FLUSH);
    await watermarks.put('removed', { seq: 1 }, NO_FLUSH);
    await watermarks.put('removed', {}, NO_FLUSH);
    const { watermarks: next } = await scene(stage.disk);
    for (const one of [watermarks, next]) {
      expect(one.ownUnder('dc1', 1)).to.deep.equal({ read: { seq: 1 }, published: { seq: 41 } });
      expect(one.ownUnder('dc2', 2)).to.deep.equal({ published: { seq: 41 } });
      expect(one.ownUnder('dc2', 4)).to.deep.equal({});
    }
  });

  it('are durable before they are said, and said before a flush is begun', async () => {
    const { stage, watermarks, flushes } = await scene();
    const { passed, open } = gate();
    stage.disk.latency = () => passed;
    const put = watermarks.put('published', { seq: 41 }, { flush: true });
    await settled();
    expect([watermarks.news(), flushes.count]).to.deep.equal([undefined, 0]);
    open();
    await put;
    expect([watermarks.news(), flushes.count]).to.deep.equal([{ published: { seq: 41 } }, 1]);
  });

  it('a thousand at once are two writes, and every one of them is durable when it is answered', async () => {
    const { stage, watermarks } = await scene();
    const { passed, open } = gate();
    stage.disk.latency = () => passed;
    const before = stage.disk.writes;
    const puts = Array.from({ length: 1000 }, (_, i) => watermarks.put(`n${String(i % 64)}`, { seq: i }, NO_FLUSH));
    open();
    await Promise.all(puts);
    expect(stage.disk.writes - before).to.equal(2);
    stage.disk.crash();
    const { watermarks: next } = await scene(stage.disk);
    expect(Object.keys(next.own())).to.have.length(64);
    expect(next.own().n39).to.deep.equal({ seq: 999 });
  });

  it('are taken and said on a full disk too, and written when there is room again', async () => {
    const { stage, watermarks } = await scene();
    stage.records.start();
    stage.disk.failAll('store-full');
    await watermarks.put('published', { seq: 41 }, NO_FLUSH);
    expect(watermarks.news()).to.deep.equal({ published: { seq: 41 } });
    expect((await scene(stage.disk)).watermarks.own()).to.deep.equal({});
    stage.disk.failAll(null);
    await stage.clock.advance(60_000);
    expect((await scene(stage.disk)).watermarks.own()).to.deep.equal({ published: { seq: 41 } });
    stage.context.tasks.abort();
  });

  it('are taken on a disk that hangs, after it was waited for', async () => {
    const { stage, watermarks, flushes } = await scene();
    const { passed, open } = gate();
    stage.disk.latency = () => passed;
    const puts = [1, 2].map((seq) => watermarks.put('published', { seq }, { flush: true }));
    await stage.clock.advance(5000);
    await stage.clock.advance(100);
    await Promise.all(puts);
    expect([watermarks.own(), flushes.count]).to.deep.equal([{ published: { seq: 2 } }, 2]);
    open();
  });

  it('that are too many or too large are refused, counting those that are still being written', async () => {
    const { stage, watermarks } = await scene();
    const { passed, open } = gate();
    stage.disk.latency = () => passed;
    const puts = Array.from({ length: 64 }, (_, i) => watermarks.put(`n${String(i)}`, { seq: i }, NO_FLUSH));
    const outcome = await watermarks.put('one more', { seq: 1 }, NO_FLUSH).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(GatewayError).with.property('code', 'watermarks-too-large');
    const large = await watermarks.put('n5', { position: 'x'.repeat(4096) }, NO_FLUSH).catch((error: unknown) => error);
    expect(large).to.be.instanceOf(GatewayError).with.property('code', 'watermarks-too-large');
    open();
    await Promise.all(puts);
    expect(Object.keys(watermarks.own())).to.have.length(64);
  });
});

describe('the watermarks of a peer', () => {
  it('are what its last message said, and none before that', async () => {
    const { watermarks } = await scene();
    expect([watermarks.ofPeer('dc2'), watermarks.frozen('dc2')]).to.deep.equal([none, {}]);
    watermarks.heard('dc2', 5, undefined);
    expect(watermarks.ofPeer('dc2')).to.deep.equal(none);
    watermarks.heard('dc2', 5, { published: { seq: 41, position: undefined }, nothing: {} });
    const known = { incarnation: 5, watermarks: { published: { seq: 41 } } };
    expect(watermarks.ofPeer('dc2')).to.deep.equal(known);
    watermarks.heard('dc2', 4, { published: { seq: 99 } });
    watermarks.heard('dc2', 6, undefined);
    expect([watermarks.ofPeer('dc2'), watermarks.frozen('dc2')]).to.deep.equal([known, known.watermarks]);
  });

  it('are of peers alone', async () => {
    const { watermarks } = await scene();
    expect(() => watermarks.ofPeer('dc9'))
      .to.throw(GatewayError)
      .with.property('code', 'not-found');
    expect(() => watermarks.ofPeer('dc1'))
      .to.throw(GatewayError)
      .with.property('code', 'not-found');
  });

  it('stay as they were in what was frozen', async () => {
    const { watermarks } = await scene();
    watermarks.heard('dc2', 5, { published: { seq: 41 } });
    const frozen = watermarks.frozen('dc2');
    watermarks.heard('dc2', 5, { published: { seq: 42 } });
    expect(frozen).to.deep.equal({ published: { seq: 41 } });
  });

  it('survive a restart, with the run that said them, and what an earlier run says is refused after it too', async () => {
    const { stage, watermarks } = await scene();
    watermarks.heard('dc2', 5, { published: { seq: 41 } });
    await stage.context.tasks.settled();
    stage.disk.crash();
    const { watermarks: next } = await scene(stage.disk);
    next.heard('dc2', 4, { published: { seq: 1 } });
    expect(next.ofPeer('dc2')).to.deep.equal({ incarnation: 5, watermarks: { published: { seq: 41 } } });
  });

  it('are known at once, and written one at a time however slow the disk is, the newest last', async () => {
    const { stage, watermarks } = await scene();
    const { passed, open } = gate();
    stage.disk.latency = () => passed;
    const before = stage.disk.writes;
    for (let seq = 1; seq <= 100; seq += 1) watermarks.heard('dc2', 5, { published: { seq } });
    expect(watermarks.frozen('dc2')).to.deep.equal({ published: { seq: 100 } });
    open();
    await stage.context.tasks.settled();
    expect(stage.disk.writes - before).to.equal(2);
    stage.disk.crash();
    expect((await scene(stage.disk)).watermarks.frozen('dc2')).to.deep.equal({ published: { seq: 100 } });
  });

  it('are not written again while they stay the same', async () => {
    const { stage, watermarks } = await scene();
    watermarks.heard('dc2', 5, { published: { seq: 1 } });
    await stage.context.tasks.settled();
    const before = stage.disk.writes;
    watermarks.heard('dc2', 5, { published: { seq: 1 } });
    await stage.context.tasks.settled();
    expect(stage.disk.writes).to.equal(before);
  });

  it('and ours begin anew where a record is damaged, and nothing else suffers', async () => {
    const { stage, watermarks } = await scene();
    await watermarks.put('published', { seq: 41 }, NO_FLUSH);
    watermarks.heard('dc2', 5, { published: { seq: 41 } });
    await stage.context.tasks.settled();
    const [own, peer] = [...stage.disk.records.keys()].filter((name) => name.startsWith('watermarks/')).sort();
    stage.disk.records.set(own!, '{"watermarks":{"published":{"seq":"many"}}}');
    const half = await scene(stage.disk);
    expect([half.watermarks.own(), half.watermarks.frozen('dc2')]).to.deep.equal([{}, { published: { seq: 41 } }]);
    stage.disk.records.set(peer!, '{"dataCenter":"dc2"}');
    expect((await scene(stage.disk)).watermarks.ofPeer('dc2')).to.deep.equal(none);
  });
});
