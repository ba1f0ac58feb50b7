import { expect } from 'chai';
import { PatientWriter } from '../../../../src/adapters/local-api/patient-writer.ts';
import { FakeResponse } from './fake-response.ts';
import { ManualClock, settled } from './manual-clock.ts';

describe('writing to a client that may be slow', () => {
  let response: FakeResponse;
  let clock: ManualClock;
  let writer: PatientWriter;
  beforeEach(() => {
    response = new FakeResponse();
    clock = new ManualClock();
    writer = new PatientWriter(response.asResponse(), clock, 30_000);
  });

  it('goes on at once while the client takes it', async () => {
    expect(await writer.write('a')).to.equal(true);
    expect([response.text, clock.sleeping]).to.deep.equal(['a', 0]);
  });

  it('waits for a full client until it has room, and leaves nothing behind', async () => {
    response.isFull = true;
    const writing = writer.write('a');
    await clock.advance(29_999);
    response.drain();
    expect(await writing).to.equal(true);
    expect([
      clock.sleeping,
      response.listenerCount('drain'),
      response.listenerCount('close'),
      writer.isCut,
    ]).to.deep.equal([0, 0, 0, false]);
  });

  it('cuts a client that takes nothing for that long', async () => {
    response.isFull = true;
    const writing = writer.write('a');
    await clock.advance(30_000);
    expect(await writing).to.equal(false);
    expect([response.destroyed, writer.isCut]).to.deep.equal([true, true]);
  });

  it('tells of a client that went away while it was full, and writes nothing to one that is gone', async () => {
    response.isFull = true;
    const writing = writer.write('a');
    await settled();
    response.destroy();
    expect(await writing).to.equal(false);
    expect(await writer.write('b')).to.equal(false);
    expect([response.text, writer.isCut, clock.sleeping]).to.deep.equal(['a', false, 0]);
  });
});
