import { expect } from 'chai';
import type { PeerRow } from '../../../src/core/replication-plan.ts';
import type { StoredSnapshot } from '../../../src/core/snapshot.ts';
import { GatewayError } from '../../../src/errors.ts';
import type { VerifyRow } from '../../../src/ports/ownership-api.ts';
import type { Destination, InventoryOutcome, PeerTransport } from '../../../src/ports/peer-transport.ts';
import type { Peer } from '../../../src/services/peer.ts';
import { Verify } from '../../../src/services/verify.ts';
import { bytesOf, Stage } from './stage.ts';

const signal = new AbortController().signal;

/** dc1 that posts, and dc2 that answers what a test lets it hold. */
class Scene {
  readonly stage: Stage;
  readonly asked: Destination[] = [];
  theirs: PeerRow[] = [];
  /** Instead of the rows. */
  outcome: InventoryOutcome | null = null;
  /** What happens while dc2 answers. */
  meanwhile: () => Promise<unknown> = () => Promise.resolve();

  constructor(stage = new Stage()) {
    this.stage = stage;
  }

  get peer(): Peer {
    const [peer] = this.stage.peers.all;
    if (peer === undefined) throw new Error('there is no peer');
    return peer;
  }

  async begin(): Promise<this> {
    await this.stage.load();
    this.peer.health = { ...this.peer.health, state: 'up' };
    return this;
  }

  post(origin: string, text = origin): Promise<StoredSnapshot> {
    const request = { origin, workload: undefined, position: null, labels: {}, bytes: null, sha256: null };
    return this.stage.own.put({ ...request, content: bytesOf(text) }, signal);
  }

  /** It is at dc2, so far as we know. */
  async sent(origin: string, text?: string): Promise<StoredSnapshot> {
    const row = await this.post(origin, text);
    this.peer.plan.stored(row.key, row.version);
    return row;
  }

  async verify(repair = false): Promise<VerifyRow[]> {
    const transport: PeerTransport = {
      sendMessage: () => Promise.reject(new Error('not asked for')),
      sendSnapshot: () => Promise.reject(new Error('not asked for')),
      inventory: async (destination) => {
        this.asked.push(destination);
        await this.meanwhile();
        return this.outcome ?? { kind: 'rows', rows: this.theirs };
      },
      close: () => Promise.resolve(),
    };
    return new Verify(this.stage.context, { transport, own: this.stage.own }).compare(this.peer, repair, signal);
  }

  /** `origin state repair`, of what was compared. */
  async texts(repair = false): Promise<string[]> {
    return (await this.verify(repair)).map(({ origin, state, repair: done }) =>
      [origin, state, ...(done === null ? [] : [done])].join(' '),
    );
  }

  /** What would go to dc2 now. */
  going(): string[] {
    return this.peer.plan.start(this.stage.clock.now(), 100).map(({ key }) => key.origin);
  }
}

function held(row: StoredSnapshot, more: Partial<PeerRow> = {}): PeerRow {
  const { workload, origin } = row.key;
  return { workload, origin, version: row.version, sha256: row.sha256, fate: 'held', ...more };
}

const failure = async (work: Promise<unknown>): Promise<GatewayError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

describe('verifying what a peer holds of ours', () => {
  it('names each way in which it may differ, by workload and origin', async () => {
    const scene = await new Scene().begin();
    const rows: Record<string, StoredSnapshot> = {};
    for (const origin of ['same', 'delivered', 'missing', 'older', 'newer', 'other', 'lost'])
      rows[origin] = await scene.sent(origin);
    await scene.post('new');
    const { same, delivered, older, newer, other, lost } = rows;
    if (!same || !delivered || !older || !newer || !other || !lost) throw new Error('not posted');
    scene.theirs = [
      held(same),
      held(delivered, { fate: 'delivered' }),
      held(older, { version: older.version - 1 }),
      held(newer, { version: newer.version + 1 }),
      held(other, { sha256: 'ff'.repeat(32) }),
      held(lost, { fate: 'lost' }),
      { ...held(same), origin: 'forgotten' },
      { ...held(same), origin: 'over', fate: 'withdrawn' },
    ];
    expect(await scene.texts()).to.deep.equal([
      'delivered same',
      'forgotten newer',
      'lost lost',
      'missing missing',
      'new on-its-way',
      'newer newer',
      'older older',
      'other other-bytes',
      'same same',
    ]);
    const { machines } = scene.peer;
    expect(scene.asked).to.deep.equal([{ machine: machines[0], dataCenter: 'dc2' }]);
  });

  it('changes nothing without repair', async () => {
    const scene = await new Scene().begin();
    const row = await scene.sent('a');
    scene.theirs = [held(row, { version: row.version + 1000 })];
    await scene.verify();
    scene.theirs = [];
    await scene.verify();
    expect(scene.going()).to.deep.equal([]);
    expect((await scene.post('a', 'next')).version).to.be.lessThan(row.version + 1000);
  });

  it('takes what is posted and sent while the peer answers for no difference', async () => {
    const scene = await new Scene().begin();
    const before = await scene.sent('a', 'one');
    // The peer looked before the new one came in.
    scene.theirs = [held(before)];
    scene.meanwhile = () => scene.sent('a', 'two');
    expect(await scene.texts()).to.deep.equal(['a same']);
    // The peer looked after the new one came in.
    scene.meanwhile = async () => (scene.theirs = [held(await scene.sent('a', 'three'))]);
    expect(await scene.texts()).to.deep.equal(['a same']);
    scene.meanwhile = async () => (scene.theirs = [...scene.theirs, held(await scene.sent('b'))]);
    expect(await scene.texts()).to.deep.equal(['a same', 'b same']);
  });

  it('takes an own withdrawal for a version like any other', async () => {
    const scene = await new Scene().begin();
    const row = await scene.sent('a', '');
    scene.theirs = [held(row, { fate: 'withdrawn' })];
    expect(await scene.texts()).to.deep.equal(['a same']);
    scene.theirs = [];
    expect(await scene.texts()).to.deep.equal(['a missing']);
  });

  it('asks no peer that is away, and says in which state it is', async () => {
    const scene = await new Scene().begin();
    scene.peer.health = { ...scene.peer.health, state: 'down', reason: 'silence' };
    const error = await failure(scene.verify());
    expect([error.code, error.status]).to.deep.equal(['peer-unavailable', 503]);
    expect(error.message).to.equal('"dc2" is down (silence); it is asked when it is up.');
    expect(scene.asked).to.deep.equal([]);
  });

  it('says why a peer that is up does not tell', async () => {
    const scene = await new Scene().begin();
    scene.outcome = { kind: 'failed', reason: 'store-unavailable', detail: 'its database is away' };
    const error = await failure(scene.verify());
    expect(error.code).to.equal('peer-unavailable');
    expect(error.message).to.match(/^"dc2" is up, but .* does not say what it holds: store-unavailable \(its database/);
  });

  it('ends with the gateway', async () => {
    const scene = await new Scene().begin();
    scene.meanwhile = () => {
      scene.stage.context.tasks.abort();
      return Promise.reject(new DOMException('aborted', 'AbortError'));
    };
    expect((await failure(scene.verify())).code).to.equal('shutting-down');
  });
});

describe('repairing what a peer holds of ours', () => {
  it('makes go again what is missing, lost or older, and what waits for a back-off', async () => {
    const scene = await new Scene().begin();
    const [same, older, lost] = [await scene.sent('same'), await scene.sent('older'), await scene.sent('lost')];
    await scene.sent('missing');
    const waits = await scene.post('waits');
    expect(scene.going()).to.deep.equal(['waits']);
    scene.peer.plan.failed(waits.key, () => 1e9);
    scene.theirs = [held(same), held(older, { version: 1 }), held(lost, { fate: 'lost' })];
    expect(await scene.texts(true)).to.deep.equal([
      'lost lost sent-again',
      'missing missing sent-again',
      'older older sent-again',
      'same same',
      'waits on-its-way sent-again',
    ]);
    expect(scene.going().sort()).to.deep.equal(['lost', 'missing', 'older', 'waits']);
  });

  it('makes go again what was given up here', async () => {
    const scene = await new Scene().begin();
    const row = await scene.sent('a');
    scene.peer.plan.start(scene.stage.clock.now(), 1);
    scene.peer.plan.dropped(row.key);
    expect(await scene.texts(true)).to.deep.equal(['a on-its-way sent-again']);
    expect(scene.going()).to.deep.equal(['a']);
  });

  it('gives what has the same number with other bytes a greater one, and sends that', async () => {
    const scene = await new Scene().begin();
    const row = await scene.sent('a');
    scene.theirs = [held(row, { sha256: 'ff'.repeat(32) })];
    expect(await scene.texts(true)).to.deep.equal(['a other-bytes renumbered']);
    expect(scene.stage.own.newestOf(row.key)?.version).to.be.greaterThan(row.version);
    expect(scene.going()).to.deep.equal(['a']);
  });

  it('sends nothing of an earlier run over what the peer has, and goes above it with the next', async () => {
    const first = await new Scene().begin();
    const row = await first.sent('a');
    const second = await new Scene(new Stage({ disk: first.stage.disk })).begin();
    second.stage.own.load();
    second.peer.plan.stored(row.key, row.version);
    const theirs = row.version + 1_000_000;
    second.theirs = [held(row, { version: theirs }), { ...held(row), origin: 'forgotten', version: theirs }];
    expect(await second.texts(true)).to.deep.equal(['a newer not-possible', 'forgotten newer not-possible']);
    expect(second.going()).to.deep.equal([]);
    expect((await second.post('a', 'next')).version).to.be.greaterThan(theirs);
    expect((await second.post('forgotten')).version).to.be.greaterThan(theirs);
  });

  it('says when the new number cannot be written, and repairs the others', async () => {
    const scene = await new Scene().begin();
    const row = await scene.sent('a');
    await scene.sent('b');
    scene.theirs = [held(row, { sha256: 'ff'.repeat(32) })];
    scene.stage.disk.failNext('store-full');
    expect(await scene.texts(true)).to.deep.equal(['a other-bytes failed', 'b missing sent-again']);
    expect(scene.going()).to.deep.equal(['b']);
  });
});
