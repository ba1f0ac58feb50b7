import { expect } from 'chai';
import type { StoredSnapshot } from '../../../src/core/snapshot.ts';
import { bytesOf, Stage } from './stage.ts';

const HOUR_MS = 3_600_000;

async function posted(stage: Stage): Promise<StoredSnapshot> {
  return stage.own.put(
    { origin: 'a', workload: undefined, position: null, labels: {}, content: bytesOf('1'), bytes: null, sha256: null },
    new AbortController().signal,
  );
}

describe('the age of an own snapshot', () => {
  it('is not changed by a jump of the wall clock', async () => {
    const stage = await new Stage().load();
    const snapshot = await posted(stage);
    const before = stage.clock.wallMs();
    stage.clock.wallMs = () => before + HOUR_MS;
    await stage.clock.advance(5000);
    expect(stage.own.ageMs(snapshot)).to.equal(5000);
  });

  it('of a former run is what its record says, and never negative', async () => {
    const before = await new Stage().load();
    const snapshot = await posted(before);
    const stage = await new Stage({ disk: before.disk }).load();
    stage.clock.wallMs = () => Date.parse(snapshot.takenAt) + 7000;
    expect(stage.own.ageMs(snapshot)).to.equal(7000);
    stage.clock.wallMs = () => Date.parse(snapshot.takenAt) - HOUR_MS;
    expect(stage.own.ageMs(snapshot)).to.equal(0);
  });
});
