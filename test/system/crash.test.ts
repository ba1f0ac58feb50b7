import { expect } from 'chai';
import type { HeldView } from '../../src/ports/gateway-api.ts';
import type { OwnershipView } from '../../src/ports/ownership-api.ts';
import type { GatewayProcess, Receipt } from '../support/gateway-process.ts';
import { HELD_STORES, type HeldStore } from '../support/held-stores.ts';
import { Pair, type PairOptions } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage, type Stage } from '../support/stage.ts';
import { freshBytes, sha256, TestApp } from '../support/test-app.ts';

const ORIGINS = ['accounts', 'orders', 'prices'];

/** A pair, each gateway with a held store of its own. */
async function runningPair(stage: Stage, store: HeldStore, options: PairOptions = {}): Promise<Pair> {
  return Pair.running(stage, { ...options, dc1: await store.keys(stage), dc2: await store.keys(stage) });
}

for (const store of HELD_STORES) {
  crashOfTheSurvivor(store);
  crashesUnderLoad(store);
}

function crashOfTheSurvivor(store: HeldStore): void {
  describe(`kill -9 of the survivor, which holds in ${store.name}`, () => {
    const stage = useStage();

    /** Three snapshots at dc2, and dc1 dead. @returns what was in them */
    async function dyingPair(): Promise<{
      dc2: GatewayProcess;
      contents: Map<string, Buffer>;
      kill: () => Promise<void>;
    }> {
      const { dc1, dc2 } = await runningPair(stage, store);
      const contents = new Map(ORIGINS.map((origin) => [origin, freshBytes(30_000)]));
      for (const [origin, bytes] of contents) await dc1.putReplicated(origin, bytes);
      return { dc2, contents, kill: () => dc1.kill9() };
    }

    it('as soon as the death was decided: the next run delivers, and the death is no second event', async () => {
      const { dc2, contents, kill } = await dyingPair();
      const killed = dc2.events.until('peer-down').then(() => dc2.kill9());
      await kill();
      await killed;
      await dc2.start();
      const delivered = await dc2.events.until('delivery');
      const app = new TestApp(dc2);
      await app.absorb(delivered.data.delivery);
      expect(app.absorbed).to.deep.equal(contents);
      await untilTakenOver(dc2);
      expect(dc2.events.types(0, 'peer-down')).to.deep.equal(['peer-down']);
      expect((await dc2.deliveries()).map(({ reason, state }) => [reason, state])).to.deep.equal([
        ['takeover', 'done'],
      ]);
    });

    it('as soon as the delivery was announced: the next run announces the same one, as a repeat', async () => {
      const { dc2, contents, kill } = await dyingPair();
      const killed = dc2.events.until('delivery').then(async (seen) => {
        await dc2.kill9();
        return seen.data.delivery;
      });
      await kill();
      const first = await killed;
      const from = dc2.events.mark;
      await dc2.start();
      const again = await dc2.events.until('delivery', () => true, from);
      expect(again.data.delivery.id).to.equal(first.id);
      expect(again.data.delivery.attempt).to.be.above(first.attempt);
      const app = new TestApp(dc2);
      await app.absorb(again.data.delivery);
      expect(app.absorbed).to.deep.equal(contents);
      await untilTakenOver(dc2);
      expect(await dc2.deliveries()).to.have.length(1);
    });

    it('between two acknowledgements: the one that was answered counts, the others are handed over again', async () => {
      const { dc2, contents, kill } = await dyingPair();
      await kill();
      const { delivery } = (await dc2.events.until('delivery')).data;
      const [first] = delivery.snapshots;
      expect(await new TestApp(dc2).acknowledge(delivery, first!)).to.equal(204);
      await dc2.kill9();
      const from = dc2.events.mark;
      await dc2.start();
      const again = (await dc2.events.until('delivery', () => true, from)).data.delivery;
      expect(again.id).to.equal(delivery.id);
      expect(again.attempt).to.be.above(1);
      expect(again.snapshots.map(({ state }) => state)).to.deep.equal(['acknowledged', 'pending', 'pending']);
      const app = new TestApp(dc2);
      await app.absorb(again);
      contents.delete(first!.origin);
      expect(app.absorbed).to.deep.equal(contents);
      await untilTakenOver(dc2);
      expect((await dc2.held('dc1')).map(({ state }) => state)).to.deep.equal(['delivered', 'delivered', 'delivered']);
    });

    it('after the last acknowledgement: what was delivered is marked, not delivered again, and the work is ours', async () => {
      const { dc2, kill } = await dyingPair();
      await kill();
      const { delivery } = (await dc2.events.until('delivery')).data;
      const app = new TestApp(dc2);
      for (const row of delivery.snapshots) await app.acknowledge(delivery, row);
      await dc2.kill9();
      const from = dc2.events.mark;
      await dc2.start();
      expect((await dc2.held('dc1')).map(({ state }) => state)).to.deep.equal(['delivered', 'delivered', 'delivered']);
      await untilTakenOver(dc2);
      await dc2.events.noneFor(1500, ['delivery'], from);
    });
  });
}

/** Every acknowledgement is in: the delivery ends, and with it the takeover, under the epoch that it was announced with. */
async function untilTakenOver(gateway: GatewayProcess): Promise<void> {
  const { delivery } = (await gateway.events.until('delivery-done')).data;
  const { data } = await gateway.events.until('takeover-completed');
  expect(data).to.include({ workload: 'dc1', dataCenter: 'dc1', epoch: 2, reason: 'takeover' });
  expect(delivery.epoch).to.equal(data.epoch);
  const row = (await gateway.api('/v1/ownership/dc1')).json() as OwnershipView;
  expect(row).to.include({ owner: 'dc2', epoch: 2, blockedBy: null });
  expect(gateway.events.types(0, 'takeover-blocked', 'takeover-cancelled')).to.deep.equal([]);
}

function crashesUnderLoad(store: HeldStore): void {
  describe(`kill -9 of either gateway, again and again, under load, over ${store.name}`, () => {
    const stage = useStage();
    const ROUNDS = 10;

    it('every accepted snapshot, or a newer one, is at the peer in the end, and none is torn', async function () {
      this.timeout(120_000);
      // So patient that no restart is a death: what is tried here is the way of the snapshots.
      const keys = { consecutiveHeartbeatMissesAllowed: 300, numberOfHttpSenderReceiverPairs: 2 };
      const { dc1, dc2 } = await runningPair(stage, store, { keys });
      const seed = Date.now() % 100_000;
      console.log(`      seed ${seed}`);
      const random = generator(seed);
      const posters = ORIGINS.map((origin) => new Poster(dc1, origin, random));
      const running = posters.map((poster) => poster.run());

      for (let round = 0; round < ROUNDS; round += 1) {
        const victim = random() < 0.5 ? dc1 : dc2;
        const poster = posters[Math.floor(random() * posters.length)]!;
        await poster.accepts(1 + Math.floor(random() * 6));
        await victim.kill9();
        await victim.start();
      }
      for (const poster of posters) poster.stop();
      await Promise.all(running);

      for (const poster of posters) {
        expect(poster.lastAccepted).to.be.above(0);
        await untilShown(`${poster.origin} at the peer`, async () => {
          const row = (await dc2.held('dc1')).find(({ origin }) => origin === poster.origin);
          return row !== undefined && row.version >= poster.lastAccepted ? row : undefined;
        });
      }
      const rows = await dc2.history('dc1');
      expect(rows.length).to.be.above(ORIGINS.length);
      for (const row of rows) {
        const answer = await dc2.api(row.href);
        if (answer.status === 404) {
          // What was accepted without an answer came after the last that was answered, and retention let this one go.
          expect(await dc2.history('dc1')).to.satisfy((now: HeldView[]) => now.every(({ href }) => href !== row.href));
          continue;
        }
        expect(answer.status).to.equal(200);
        expect(sha256(answer.body)).to.equal(row.sha256);
        const poster = posters.find(({ origin }) => origin === row.origin)!;
        expect(poster.posted.has(row.sha256), `version ${row.version} of ${row.origin} was posted`).to.equal(true);
        expect(poster.accepted.get(row.version) ?? row.sha256).to.equal(row.sha256);
      }
      for (const gateway of [dc1, dc2])
        expect(gateway.events.types(0, 'peer-down', 'snapshot-damaged')).to.deep.equal([]);
    });
  });
}

/** Posts one origin as fast as it is accepted, through every restart of its gateway. */
class Poster {
  readonly origin: string;
  /** The digest of everything that was ever sent, whether or not its acceptance was heard of. */
  readonly posted = new Set<string>();
  readonly accepted = new Map<number, string>();
  lastAccepted = 0;
  readonly #gateway: GatewayProcess;
  readonly #random: () => number;
  #isStopped = false;
  #wanted: { count: number; resolve: () => void } | null = null;

  constructor(gateway: GatewayProcess, origin: string, random: () => number) {
    this.#gateway = gateway;
    this.origin = origin;
    this.#random = random;
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      const bytes = freshBytes(1 + Math.floor(this.#random() * 300_000));
      this.posted.add(sha256(bytes));
      try {
        const answer = await this.#gateway.put(this.origin, bytes);
        if (answer.status === 202) this.#take((answer.json() as Receipt).version, sha256(bytes));
      } catch {
        // The gateway is away: what it did not answer may or may not be there. It is tried again when it is back.
        await untilShown('the gateway', () => this.#gateway.api('/healthz').catch(() => undefined));
      }
    }
  }

  /** Resolves after so many more were accepted. */
  accepts(count: number): Promise<void> {
    return new Promise((resolve) => (this.#wanted = { count, resolve }));
  }

  stop(): void {
    this.#isStopped = true;
  }

  #take(version: number, digest: string): void {
    expect(version, 'versions grow').to.be.above(this.lastAccepted);
    this.accepted.set(version, digest);
    this.lastAccepted = version;
    if (this.#wanted === null) return;
    this.#wanted.count -= 1;
    if (this.#wanted.count <= 0) this.#wanted.resolve();
  }
}

/** Numbers in [0, 1) that a seed determines. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
