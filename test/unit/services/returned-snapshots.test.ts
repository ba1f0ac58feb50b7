import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { SnapshotEnvelope } from '../../../src/wire/snapshot-headers.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { bytesOf, gate, Stage } from './stage.ts';

function envelope(origin: string, batch: SnapshotEnvelope['batch'], workload = 'dc1'): SnapshotEnvelope {
  const sha256 = createHash('sha256').update(origin).digest('hex');
  return {
    heartbeatMsgType: 4,
    heartbeatCnt: 1,
    dataCenterOrigin: 'dc2',
    applicationName: 'default',
    incarnation: 1,
    workload,
    origin,
    description: {
      version: 1,
      bytes: origin.length,
      sha256,
      takenAt: '',
      position: null,
      labels: {},
      withdrawn: false,
    },
    batch,
  };
}

async function give(stage: Stage, origin: string, batch: SnapshotEnvelope['batch'], workload?: string): Promise<void> {
  await stage.returned.receive(envelope(origin, batch, workload), bytesOf(origin), new AbortController().signal);
  await settled();
}

const delivered = (stage: Stage): string[][] =>
  stage.deliveries.list().map(({ snapshots }) => snapshots.map(({ origin }) => origin));

describe('the snapshots of one return', () => {
  const batch = { id: '1', total: 2 };

  it('are delivered together', async () => {
    const stage = await new Stage().load();
    await give(stage, 'a', batch);
    expect(delivered(stage)).to.deep.equal([]);
    await give(stage, 'b', batch);
    expect(delivered(stage)).to.deep.equal([['a', 'b']]);
  });

  it('are delivered also when one comes after the others were no longer waited for', async () => {
    const stage = await new Stage().load();
    await give(stage, 'a', batch);
    await stage.clock.advance(31_000);
    expect(delivered(stage)).to.deep.equal([['a']]);
    await give(stage, 'b', batch);
    expect(delivered(stage)).to.deep.equal([['a'], ['b']]);
  });

  it('are waited for while one of them is still arriving', async () => {
    const stage = await new Stage().load();
    await give(stage, 'a', batch);
    const door = gate();
    async function* slow(): AsyncGenerator<Uint8Array> {
      await door.passed;
      yield* bytesOf('b');
    }
    const arriving = stage.returned.receive(envelope('b', batch), slow(), new AbortController().signal);
    await stage.clock.advance(29_000);
    await stage.clock.advance(29_000);
    await stage.clock.advance(29_000);
    door.open();
    await arriving;
    await settled();
    expect(delivered(stage)).to.deep.equal([['a', 'b']]);
  });

  it('are not delivered twice when one is sent again because its answer was lost', async () => {
    const stage = await new Stage().load();
    await give(stage, 'a', batch);
    await give(stage, 'b', batch);
    await give(stage, 'b', batch);
    expect(delivered(stage)).to.deep.equal([['a', 'b']]);
  });

  const tokens = (stage: Stage): unknown[] =>
    stage.deliveries
      .list()
      .map(({ workload, epoch, snapshots }) => [workload, epoch, snapshots.map(({ origin }) => origin)]);
  const EPOCHS: Readonly<Record<string, number>> = { dc1: 4, dc2: 7 };
  const PER_WORKLOAD = [
    ['dc2', 7, ['b']],
    ['dc1', 4, ['a', 'c']],
  ];

  it('are delivered by workload, each with the epoch of its own', async () => {
    const stage = await new Stage().load();
    stage.returned.epochOf = (workload) => EPOCHS[workload] ?? 0;
    const three = { id: '2', total: 3 };
    await give(stage, 'b', three, 'dc2');
    await give(stage, 'a', three);
    await give(stage, 'c', three);
    expect(tokens(stage)).to.deep.equal(PER_WORKLOAD);
  });

  it('are delivered by workload also by the run after a crash', async () => {
    const stage = await new Stage().load();
    stage.returned.epochOf = (workload) => EPOCHS[workload] ?? 0;
    const three = { id: '2', total: 4 };
    await give(stage, 'b', three, 'dc2');
    await give(stage, 'a', three);
    await give(stage, 'c', three);
    const after = await new Stage({ disk: stage.disk }).load();
    after.returned.epochOf = (workload) => EPOCHS[workload] ?? 0;
    await after.returned.resume();
    expect(tokens(after)).to.have.deep.members(PER_WORKLOAD);
  });
});
