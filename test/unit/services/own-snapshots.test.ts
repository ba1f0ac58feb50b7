import { expect } from 'chai';
import type { NewSnapshot } from '../../../src/ports/gateway-api.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { bytesOf, gate, Stage } from './stage.ts';

const signal = new AbortController().signal;
const post = (text: string): NewSnapshot => ({
  origin: 'a',
  workload: undefined,
  position: null,
  labels: {},
  content: bytesOf(text),
  bytes: null,
  sha256: null,
});

async function newestText(stage: Stage): Promise<string> {
  const reader = await stage.own.open(stage.own.key('a'));
  let text = '';
  for await (const chunk of reader.stream()) text += Buffer.from(chunk).toString();
  return text;
}

describe('renumbering an own snapshot', () => {
  it('puts it above what the peer has from before our state was lost, and keeps when it was taken', async () => {
    const stage = await new Stage().load();
    const { version, takenAt } = await stage.own.put(post('old'), signal);
    await stage.clock.advance(5000);
    expect(await stage.own.renumber(stage.own.key('a'), version + 1e9, signal)).to.equal('renumbered');
    const newest = stage.own.newestOf(stage.own.key('a'));
    expect(newest?.version).to.equal(version + 1e9 + 1);
    expect(newest?.takenAt).to.equal(takenAt);
  });

  it('never overtakes what the application posts meanwhile', async () => {
    const stage = await new Stage().load();
    const { version } = await stage.own.put(post('old'), signal);
    const door = gate();
    const { outgoing } = stage.stores;
    const open = outgoing.open.bind(outgoing);
    outgoing.open = async (...args) => {
      const reader = await open(...args);
      await door.passed;
      return reader;
    };
    const renumbered = stage.own.renumber(stage.own.key('a'), version + 1e9, signal);
    await settled();
    await stage.own.put(post('new'), signal);
    outgoing.open = open;
    door.open();
    expect(await renumbered).to.equal('superseded');
    expect(await newestText(stage)).to.equal('new');
  });

  it('lets nobody who waits take the greater number from before for what was accepted', async () => {
    const stage = await new Stage().load();
    const [peer] = stage.peers.all;
    const { key, version } = await stage.own.put(post('mine'), signal);
    await stage.own.renumber(key, version + 1e9, signal);
    peer?.plan.stored(key, version + 1e9);
    const stop = new AbortController();
    const waiting = stage.own.awaitReplicated(key, version, stop.signal);
    stop.abort();
    expect(await waiting).to.equal(false);
    peer?.plan.stored(key, version + 1e9 + 1);
    expect(await stage.own.awaitReplicated(key, version, signal)).to.equal(true);
  });
});
