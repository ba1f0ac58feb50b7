import { expect } from 'chai';
import type { EventType, GatewayEvent } from '../../../src/core/events.ts';
import type { StoredSnapshot } from '../../../src/core/snapshot.ts';
import { GatewayError } from '../../../src/errors.ts';
import type { Peer } from '../../../src/services/peer.ts';
import { SnapshotRequests } from '../../../src/services/snapshot-requests.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { bytesOf, Stage } from './stage.ts';

const signal = new AbortController().signal;
const ALL = { origins: null, timeoutMs: null };

interface Asked {
  readonly stage: Stage;
  readonly requests: SnapshotRequests;
  readonly peer: Peer;
  /** The application posts it, also one of a workload that was taken over. */
  readonly post: (origin: string, workload?: string, text?: string) => Promise<StoredSnapshot>;
  readonly ofType: <T extends EventType>(type: T) => Extract<GatewayEvent, { type: T }>[];
}

async function asked(): Promise<Asked> {
  const stage = await new Stage().load();
  const requests = new SnapshotRequests(stage.context, { events: stage.hub, own: stage.own, schedule: null });
  const [peer] = stage.peers.all;
  if (peer === undefined) throw new Error('the stage has no peer');
  const post = async (origin: string, workload = 'dc1', text = origin): Promise<StoredSnapshot> => {
    const key = { dataCenter: 'dc1', workload, origin };
    const row = await stage.stores.outgoing.put(
      {
        key,
        version: (newest) => stage.context.rules.nextNumber(newest?.version ?? 0, stage.clock.wallMs()),
        takenAt: () => '2026-01-01T00:00:00.000Z',
        position: null,
        labels: {},
        incarnation: stage.identity.incarnation,
        maxBytes: 1000,
        expect: { bytes: null, sha256: null },
      },
      bytesOf(text),
      signal,
    );
    peer.plan.offer(key, row, stage.clock.now());
    requests.posted(row);
    return row;
  };
  const ofType = <T extends EventType>(type: T): Extract<GatewayEvent, { type: T }>[] =>
    stage.events.filter((event): event is Extract<GatewayEvent, { type: T }> => event.type === type);
  return { stage, requests, peer, post, ofType };
}

function codeOf(error: unknown): string {
  return error instanceof GatewayError ? error.code : String(error);
}

describe('a request for snapshots that is waited for', () => {
  it('ends when each origin was posted, with the first version that was accepted after it', async () => {
    const { requests, post } = await asked();
    await post('a');
    await post('b');
    const id = await requests.ask('manual', ALL);
    let isOver = false;
    const end = requests.awaitRequest(id, 'accepted', null, signal).finally(() => (isOver = true));
    const a = await post('a');
    await post('a');
    await settled();
    expect(isOver).to.equal(false);
    const b = await post('b');
    expect(await end).to.deep.equal({
      isComplete: true,
      rows: [
        { workload: 'dc1', origin: 'a', state: 'accepted', version: a.version },
        { workload: 'dc1', origin: 'b', state: 'accepted', version: b.version },
      ],
    });
  });

  it('ends when its time is over, with what is missing', async () => {
    const { stage, requests, post } = await asked();
    const id = await requests.ask('manual', { origins: ['a', 'never'], timeoutMs: null });
    const end = requests.awaitRequest(id, 'accepted', 2000, signal);
    const { version } = await post('a');
    await stage.clock.advance(1999);
    await stage.clock.advance(1);
    expect(await end).to.deep.equal({
      isComplete: false,
      rows: [
        { workload: 'dc1', origin: 'a', state: 'accepted', version },
        { workload: 'dc1', origin: 'never', state: 'missing', version: null },
      ],
    });
  });

  it('has snapshotRequestTimeout where no time is given', async () => {
    const { stage, requests } = await asked();
    const id = await requests.ask('manual', { origins: ['a'], timeoutMs: null });
    let isOver = false;
    const end = requests.awaitRequest(id, 'accepted', null, signal).finally(() => (isOver = true));
    await stage.clock.advance(stage.context.settings.requestTimeoutMs - 1);
    expect(isOver).to.equal(false);
    await stage.clock.advance(1);
    expect((await end).isComplete).to.equal(false);
  });

  it('takes nothing for an answer that was in the store when it was made', async () => {
    const { requests, post } = await asked();
    const before = await post('a');
    const id = await requests.ask('manual', ALL);
    requests.posted(before);
    const end = requests.awaitRequest(id, 'accepted', null, signal);
    const after = await post('a');
    expect((await end).rows.map(({ version }) => version)).to.deep.equal([after.version]);
  });

  it('waits for the peers too, when that is wanted: for every one that is up, and at least one', async () => {
    const { stage, requests, peer, post } = await asked();
    const id = await requests.ask('manual', { origins: ['a'], timeoutMs: null });
    const row = await post('a');
    let isOver = false;
    const end = requests.awaitRequest(id, 'replicated', null, signal).finally(() => (isOver = true));
    await settled();
    // Nobody is up, and yet nobody has it.
    expect(isOver).to.equal(false);
    peer.plan.stored(row.key, row.version);
    stage.own.progress.notify();
    expect((await end).rows).to.deep.equal([
      { workload: 'dc1', origin: 'a', state: 'replicated', version: row.version },
    ]);
  });

  it('has nothing to wait for where no origin is known and none was named', async () => {
    const { requests } = await asked();
    const id = await requests.ask('manual', ALL);
    expect(await requests.awaitRequest(id, 'replicated', null, signal)).to.deep.equal({ isComplete: true, rows: [] });
  });

  it('does not wait for an origin that was withdrawn, and takes a withdrawal for an answer', async () => {
    const { requests, post } = await asked();
    await post('gone', 'dc1', '');
    await post('going');
    const id = await requests.ask('manual', ALL);
    const { version } = await post('going', 'dc1', '');
    expect((await requests.awaitRequest(id, 'accepted', null, signal)).rows).to.deep.equal([
      { workload: 'dc1', origin: 'going', state: 'accepted', version },
    ]);
  });

  it('stops when whoever waits has gone', async () => {
    const { requests } = await asked();
    const id = await requests.ask('manual', { origins: ['a'], timeoutMs: null });
    const caller = new AbortController();
    const end = requests.awaitRequest(id, 'accepted', null, caller.signal);
    caller.abort();
    expect((await end).isComplete).to.equal(false);
  });

  it('stays answerable when it is over, and knows what came too late', async () => {
    const { stage, requests, post, ofType } = await asked();
    const id = await requests.ask('manual', { origins: ['a'], timeoutMs: 1000 });
    await stage.clock.advance(1000);
    expect(ofType('snapshot-overdue')).to.have.length(1);
    const { version } = await post('a');
    expect((await requests.awaitRequest(id, 'accepted', null, signal)).rows).to.deep.equal([
      { workload: 'dc1', origin: 'a', state: 'accepted', version },
    ]);
  });

  it('is forgotten after a hundred others, those that are over first, and never while somebody waits', async () => {
    const { stage, requests } = await asked();
    const waited = await requests.ask('manual', { origins: ['a'], timeoutMs: 1 });
    const end = requests.awaitRequest(waited, 'accepted', 1e9, signal);
    const open = await requests.ask('manual', { origins: ['b'], timeoutMs: 1e9 });
    const over = await requests.ask('manual', { origins: ['c'], timeoutMs: 1 });
    await stage.clock.advance(1);
    for (let i = 0; i < 98; i += 1) await requests.ask('manual', { origins: ['d'], timeoutMs: 1e9 });
    expect(() => requests.expected(over)).to.throw(GatewayError, 'forgotten');
    expect(requests.expected(open)).to.have.length(1);
    await requests.ask('manual', { origins: ['d'], timeoutMs: 1e9 });
    expect(() => requests.expected(open)).to.throw(GatewayError, 'forgotten');
    expect(requests.expected(waited)).to.have.length(1);
    await stage.clock.advance(1e9);
    expect((await end).isComplete).to.equal(false);
    const unknown = await requests.awaitRequest('7', 'accepted', 1, signal).catch(codeOf);
    expect(unknown).to.equal('not-found');
  });
});

describe('a request for the snapshots of several workloads', () => {
  it('is an event for each workload that is owned, of which only a foreign one is named', async () => {
    const { requests, post, ofType } = await asked();
    await post('a');
    await post('a', 'dc2');
    await post('b', 'dc3');
    requests.owned = () => ['dc1', 'dc2'];
    const id = await requests.ask('manual', ALL);
    expect(ofType('snapshot-request').map(({ id: _, at: __, ...body }) => body)).to.deep.equal([
      { type: 'snapshot-request', requestId: id, reason: 'manual', origins: null },
      { type: 'snapshot-request', requestId: id, reason: 'manual', origins: null, workload: 'dc2' },
    ]);
    expect(requests.expected(id).map(({ workload, origin }) => `${workload} ${origin}`)).to.deep.equal([
      'dc1 a',
      'dc2 a',
    ]);
  });

  it('tells the origins of each apart', async () => {
    const { stage, requests, post, ofType } = await asked();
    await post('a');
    await post('a', 'dc2');
    requests.owned = () => ['dc1', 'dc2'];
    const id = await requests.ask('manual', { origins: null, timeoutMs: 1000 });
    await post('a', 'dc2');
    const rows = (await requests.awaitRequest(id, 'accepted', 0, signal)).rows;
    expect(rows.map(({ workload, state }) => [workload, state])).to.deep.equal([
      ['dc1', 'missing'],
      ['dc2', 'accepted'],
    ]);
    await stage.clock.advance(1000);
    expect(ofType('snapshot-overdue').map(({ origins, workload }) => [origins, workload])).to.deep.equal([
      [['a'], undefined],
    ]);
  });

  it('may concern one of them alone, and none that another data centre owns', async () => {
    const { stage, requests, post, ofType } = await asked();
    await post('a');
    await post('b', 'dc2');
    requests.owned = () => ['dc1', 'dc2'];
    await requests.ask('switchover', { ...ALL, workload: 'dc2', timeoutMs: 1000 });
    expect(ofType('snapshot-request').map(({ workload }) => workload)).to.deep.equal(['dc2']);
    await stage.clock.advance(1000);
    expect(ofType('snapshot-overdue').map(({ origins, workload }) => [origins, workload])).to.deep.equal([
      [['b'], 'dc2'],
    ]);
    const refused = { detail: 'It is owned by "dc2".', row: null };
    stage.own.workloads = {
      ...stage.own.workloads,
      refusal: (workload) => (workload === 'dc2' ? refused : null),
    };
    expect(await requests.ask('manual', { ...ALL, workload: 'dc2' }).catch(codeOf)).to.equal('not-owner');
    const named = { workload: 'dc2', origins: ['b'], timeoutMs: null };
    expect(await requests.ask('manual', named).catch(codeOf)).to.equal('not-owner');
    expect(ofType('snapshot-request')).to.have.length(1);
  });

  it('asks nobody where nothing is owned', async () => {
    const { requests, post, ofType } = await asked();
    await post('a');
    requests.owned = () => [];
    const id = await requests.ask('manual', ALL);
    requests.askByItself('interval');
    await settled();
    expect(ofType('snapshot-request')).to.deep.equal([]);
    expect((await requests.awaitRequest(id, 'replicated', null, signal)).isComplete).to.equal(true);
  });

  it('says which versions were there before, also what only a peer knows of', async () => {
    const { stage, requests, post } = await asked();
    const row = await post('a');
    const id = await requests.ask('sync', { origins: ['a', 'b'], timeoutMs: null });
    expect(requests.expected(id)).to.deep.equal([
      { workload: 'dc1', origin: 'a', after: row.version },
      { workload: 'dc1', origin: 'b', after: 0 },
    ]);
    stage.own.noteSeen(row.key, row.version + 5);
    const later = await requests.ask('sync', ALL);
    expect(requests.expected(later)).to.deep.equal([{ workload: 'dc1', origin: 'a', after: row.version + 5 }]);
  });
});
