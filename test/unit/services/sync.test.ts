import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import type { SyncView } from '../../../src/ports/gateway-api.ts';
import type { GatewaySettings } from '../../../src/ports/settings.ts';
import type { Peer } from '../../../src/services/peer.ts';
import { SnapshotRequests } from '../../../src/services/snapshot-requests.ts';
import { Sync } from '../../../src/services/sync.ts';
import { parseBoundedJson, REQUEST_JSON } from '../../../src/wire/bounded-json.ts';
import type { Ask, Reply } from '../../../src/wire/ownership.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { bytesOf, Stage } from './stage.ts';

const signal = new AbortController().signal;
type Answer = (ask: Ask) => Reply | Promise<Reply>;

/** What dc2 was asked, and how it answers. */
interface Synced {
  readonly stage: Stage;
  readonly sync: Sync;
  readonly requests: SnapshotRequests;
  readonly peer: Peer;
  readonly asks: Ask[];
  answer: Answer;
  /** A snapshot of dc2 arrives. */
  readonly arrive: (origin: string, version: number) => Promise<void>;
}

async function synced(settings: Partial<GatewaySettings> = {}): Promise<Synced> {
  const stage = await new Stage({ settings: { requestTimeoutMs: 10_000, ...settings } }).load();
  const requests = new SnapshotRequests(stage.context, { events: stage.hub, own: stage.own, schedule: null });
  const [peer] = stage.peers.all;
  if (peer === undefined) throw new Error('the stage has no peer');
  const asks: Ask[] = [];
  const ask = async (_peer: Peer, one: Ask): Promise<Reply> => {
    asks.push(one);
    return made.answer(one);
  };
  const sync = new Sync(stage.context, { ask, held: stage.held, requests });
  const made: Synced = {
    stage,
    sync,
    requests,
    peer,
    asks,
    answer: ({ id }) => ({ kind: 'sync', id, origins: [] }),
    arrive: async (origin, version) => {
      await stage.hold(origin, version);
      stage.held.progress.notify();
    },
  };
  return made;
}

const has =
  (...origins: readonly { origin: string; after: number }[]): Answer =>
  ({ id }) => ({ kind: 'sync', id, origins: origins.map((row) => ({ workload: 'dc2', ...row })) });

const down: Answer = () => {
  throw new GatewayError('peer-unavailable', 'It is down.');
};

async function post(stage: Stage, origin: string): Promise<number> {
  const content = bytesOf(origin);
  const rest = { workload: undefined, position: null, labels: {}, bytes: null, sha256: null };
  return (await stage.own.put({ origin, content, ...rest }, signal)).version;
}

describe('a sync, where it is asked for', () => {
  it('tells what the peer was asked for, and what is held of it', async () => {
    const one = await synced();
    await one.arrive('a', 5);
    await one.arrive('b', 6);
    one.answer = has({ origin: 'a', after: 5 }, { origin: 'b', after: 5 }, { origin: 'c', after: 0 });
    const view = await one.sync.sync(one.peer, 2500);
    expect(one.asks).to.deep.equal([{ kind: 'sync', id: view.syncId, timeoutMs: 2500 }]);
    expect(view.dataCenter).to.equal('dc2');
    expect(view.origins).to.deep.equal([
      { workload: 'dc2', origin: 'a', after: 5, state: 'waiting', version: null },
      { workload: 'dc2', origin: 'b', after: 5, state: 'held', version: 6 },
      { workload: 'dc2', origin: 'c', after: 0, state: 'waiting', version: null },
    ]);
  });

  it('ends when a newer version of each is held here', async () => {
    const one = await synced();
    one.answer = has({ origin: 'a', after: 5 }, { origin: 'b', after: 5 });
    const view = await one.sync.sync(one.peer, null);
    let isOver = false;
    const end = one.sync.awaitSync(view, null, signal).finally(() => (isOver = true));
    await one.arrive('a', 6);
    // On its way when the peer was asked: no answer.
    await one.arrive('b', 5);
    await settled();
    expect(isOver).to.equal(false);
    await one.arrive('b', 9);
    expect((await end).origins.map(({ state, version }) => [state, version])).to.deep.equal([
      ['held', 6],
      ['held', 9],
    ]);
  });

  it('that is not held in time says what is not', async () => {
    const one = await synced();
    one.answer = has({ origin: 'a', after: 5 });
    const view = await one.sync.sync(one.peer, null);
    const end = one.sync.awaitSync(view, 3000, signal).catch((error: unknown) => error as GatewayError);
    await one.stage.clock.advance(3000);
    const error = (await end) as GatewayError;
    expect(error.code).to.equal('not-in-time');
    expect(error.facts.answer).to.deep.equal(view);
  });

  it('with a peer that has nothing is held at once', async () => {
    const one = await synced();
    const view = await one.sync.sync(one.peer, null);
    expect((await one.sync.awaitSync(view, 0, signal)).origins).to.deep.equal([]);
  });

  for (const [what, answer] of [
    ['does not answer', down],
    ['cannot ask its application', ({ id }) => ({ kind: 'failed', id, code: 'shutting-down', detail: 'It ends.' })],
    ['says that there are more origins and names none', ({ id }) => ({ kind: 'sync', id, origins: [], total: 7 })],
  ] as const satisfies readonly [string, Answer][]) {
    it(`is refused when the peer ${what}`, async () => {
      const one = await synced();
      one.answer = answer;
      const error = await one.sync.sync(one.peer, null).catch((thrown: unknown) => thrown as GatewayError);
      expect(error).to.be.instanceOf(GatewayError).with.property('code', 'peer-unavailable');
    });
  }
});

describe('a sync, where the application is', () => {
  it('asks for all that is owned, also in passive mode, and says what was there before', async () => {
    const { stage, sync, peer, requests } = await synced({ mode: 'passive' });
    const version = await post(stage, 'a');
    requests.owned = () => ['dc1', 'dc3'];
    const reply = await sync.answer(peer, { kind: 'sync', id: 'x', timeoutMs: 1000 });
    expect(reply).to.deep.equal({
      kind: 'sync',
      id: 'x',
      origins: [{ workload: 'dc1', origin: 'a', after: version }],
    });
    const events = stage.ofType('snapshot-request') as readonly { reason?: string; workload?: string }[];
    expect(events.map(({ reason, workload }) => [reason, workload])).to.deep.equal([
      ['sync', undefined],
      ['sync', 'dc3'],
    ]);
    await stage.clock.advance(1000);
    expect(stage.ofType('snapshot-overdue')).to.have.length(1);
  });

  it('asks nobody during a shutdown', async () => {
    const { stage, sync, peer, requests } = await synced();
    requests.stop();
    const reply = await sync.answer(peer, { kind: 'sync', id: 'x', timeoutMs: 1000 });
    expect(reply).to.include({ kind: 'failed', id: 'x', code: 'shutting-down' });
    expect(stage.ofType('snapshot-request')).to.deep.equal([]);
  });

  it('names more origins than one answer has room for in several, and asks its application once', async () => {
    const asked = await synced();
    const names = Array.from({ length: 1500 }, (_, i) => `${String(i).padStart(4, '0')} ${'é'.repeat(80)}`);
    for (const name of names) await post(asked.stage, name);
    const asking = await synced();
    asking.answer = (ask) => asked.sync.answer(asked.peer, ask);
    const view: SyncView = await asking.sync.sync(asking.peer, null);
    expect(view.origins.map(({ origin }) => origin)).to.deep.equal(names);
    expect(asking.asks.length).to.be.above(5);
    expect(new Set(asking.asks.map(({ id }) => id)).size).to.equal(asking.asks.length);
    expect(asked.stage.ofType('snapshot-request')).to.have.length(1);
    for (const ask of asking.asks) {
      const bytes = Buffer.byteLength(JSON.stringify(await asked.sync.answer(asked.peer, ask)));
      expect(bytes).to.be.below(40_000);
    }
  });

  it('names so many with short names as leave room for the rest of an answer: it may have 4096 values in all', async () => {
    const asked = await synced();
    for (let each = 0; each < 1000; each += 1) await post(asked.stage, `o${each}`);
    const asking = await synced();
    const largest = { ...REQUEST_JSON, values: REQUEST_JSON.values * 0.6 };
    asking.answer = async (ask) => {
      const reply = await asked.sync.answer(asked.peer, ask);
      expect(parseBoundedJson(Buffer.from(JSON.stringify(reply)), largest)).to.have.property('ok', true);
      return reply;
    };
    expect((await asking.sync.sync(asking.peer, null)).origins).to.have.length(1000);
  });

  it('does not know the rest of a sync that it never heard of', async () => {
    const { sync, peer } = await synced();
    const rest = { of: 'y', from: 3 };
    const reply = await sync.answer(peer, { kind: 'sync', id: 'x', timeoutMs: 1, rest });
    expect(reply).to.include({ kind: 'failed', code: 'bad-request' });
  });
});

describe('syncAtStartup', () => {
  const STARTED = { syncAtStartup: true, syncGracePeriodMs: null, syncRetryIntervalMs: 5000 } as const;

  it('is off by itself', async () => {
    const one = await synced();
    one.sync.firstContact(one.peer);
    await one.stage.clock.advance(1e6);
    expect(one.asks).to.deep.equal([]);
  });

  it('pulls at the first contact, once in a run', async () => {
    const one = await synced({ ...STARTED, mode: 'passive' });
    one.sync.firstContact(one.peer);
    one.sync.firstContact(one.peer);
    await settled();
    await one.stage.clock.advance(1e6);
    expect(one.asks).to.have.length(1);
    one.stage.context.tasks.abort();
  });

  it('pulls again every retry interval until the peer answered, and everything is held', async () => {
    const one = await synced(STARTED);
    one.answer = down;
    one.sync.firstContact(one.peer);
    await settled();
    await one.stage.clock.advance(4999);
    expect(one.asks).to.have.length(1);
    await one.stage.clock.advance(1);
    expect(one.asks).to.have.length(2);
    one.answer = has({ origin: 'a', after: 5 });
    await one.stage.clock.advance(5000);
    expect(one.asks).to.have.length(3);
    // It is asked, and nothing comes: after its time, and the interval, it is asked again.
    await one.stage.clock.advance(10_000);
    await one.stage.clock.advance(5000);
    expect(one.asks).to.have.length(4);
    await one.arrive('a', 6);
    await settled();
    await one.stage.clock.advance(1e6);
    expect(one.asks).to.have.length(4);
    one.stage.context.tasks.abort();
  });

  it('pulls a second time after the grace period, though the first had worked', async () => {
    const one = await synced({ ...STARTED, syncGracePeriodMs: 30_000 });
    one.sync.firstContact(one.peer);
    await settled();
    await one.stage.clock.advance(29_999);
    expect(one.asks).to.have.length(1);
    await one.stage.clock.advance(1);
    expect(one.asks).to.have.length(2);
    await one.stage.clock.advance(1e6);
    expect(one.asks).to.have.length(2);
    one.stage.context.tasks.abort();
  });

  it('retries the second as it does the first', async () => {
    const one = await synced({ ...STARTED, syncGracePeriodMs: 7000 });
    one.sync.firstContact(one.peer);
    await settled();
    one.answer = down;
    await one.stage.clock.advance(7000);
    await one.stage.clock.advance(5000);
    expect(one.asks).to.have.length(3);
    one.answer = has();
    await one.stage.clock.advance(5000);
    await one.stage.clock.advance(1e6);
    expect(one.asks).to.have.length(4);
    one.stage.context.tasks.abort();
  });
});
