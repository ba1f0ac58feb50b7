import { expect } from 'chai';
import fc from 'fast-check';
import { ReplicationPlan, type PeerRow } from '../../../src/core/replication-plan.ts';
import type { SnapshotKey } from '../../../src/core/snapshot.ts';
import { digestOf } from './snapshot-rows.ts';

const ORIGINS = ['a', 'b', 'c'] as const;
type Origin = (typeof ORIGINS)[number];
const CAPACITY = 2;

/** What the world knows: what was accepted, what the peer has, what is on its way. The plan must never contradict it. */
class World {
  readonly plan = new ReplicationPlan();
  readonly accepted = new Map<Origin, number>();
  readonly atPeer = new Map<Origin, number>();
  readonly underWay = new Map<Origin, number>();
  /** Versions that were offered, and never went because a newer one took their place. */
  superseded = 0;
  offered = 0;
  arrived = 0;
  now = 0;
  #lastVersion = 0;

  offer(origin: Origin): void {
    this.#lastVersion += 1;
    this.offered += 1;
    const outcome = this.plan.offer(
      keyOf(origin),
      { version: this.#lastVersion, sha256: digestOf(this.#lastVersion) },
      this.now,
    );
    expect(outcome).not.to.equal('known');
    if (outcome === 'superseded-another') this.superseded += 1;
    this.accepted.set(origin, this.#lastVersion);
  }

  start(): void {
    for (const { key, version } of this.plan.start(this.now, CAPACITY)) {
      const origin = key.origin as Origin;
      expect(this.underWay.has(origin), `a second transfer of ${origin}`).to.equal(false);
      expect(version, `an older version of ${origin}`).to.equal(this.accepted.get(origin));
      expect(version, `one that ${origin} has`).to.be.greaterThan(this.atPeer.get(origin) ?? 0);
      this.underWay.set(origin, version);
    }
    expect(this.underWay.size).to.be.at.most(CAPACITY);
    this.check();
  }

  arrive(origin: Origin): void {
    const version = this.underWay.get(origin);
    if (version === undefined) return;
    this.underWay.delete(origin);
    this.atPeer.set(origin, version);
    this.arrived += 1;
    this.plan.stored(keyOf(origin), version);
    this.check();
  }

  fail(origin: Origin): void {
    if (!this.underWay.delete(origin)) return;
    if (this.plan.failed(keyOf(origin), (failures) => this.now + 10 * failures) === 0) this.superseded += 1;
    this.check();
  }

  reconcile(): void {
    const rows = [...this.atPeer].map(([origin, version]): PeerRow => ({
      workload: 'dc1',
      origin,
      version,
      sha256: digestOf(version),
      fate: 'held',
    }));
    this.plan.reconcile(rows, 'dc1', this.now);
    this.check();
  }

  check(): void {
    expect(this.plan.underWay()).to.equal(this.underWay.size);
    let pending = 0;
    for (const [origin, version] of this.accepted) {
      const has = this.atPeer.get(origin) ?? 0;
      expect(this.plan.has(keyOf(origin), version)).to.equal(has >= version);
      if (has < version) pending += 1;
    }
    expect(this.plan.pending()).to.equal(pending);
    expect(this.plan.oldestPendingSince() === null).to.equal(pending === 0);
  }

  /** Nothing fails any more: all that was accepted has to arrive, in as many steps as there are keys to send. */
  settle(): void {
    for (let round = 0; round <= 2 * ORIGINS.length && this.plan.pending() > 0; round += 1) {
      const wake = this.plan.nextStartAt();
      if (wake !== Infinity) this.now = Math.max(this.now, wake);
      this.start();
      for (const origin of ORIGINS) this.arrive(origin);
    }
    for (const [origin, version] of this.accepted) expect(this.atPeer.get(origin)).to.equal(version);
  }
}

function keyOf(origin: Origin): SnapshotKey {
  return { dataCenter: 'dc1', workload: 'dc1', origin };
}

const origin = fc.constantFrom(...ORIGINS);
const step = fc.oneof(
  origin.map((of) => ({ name: `offer ${of}`, run: (world: World) => world.offer(of) })),
  fc.constant({ name: 'start', run: (world: World) => world.start() }),
  origin.map((of) => ({ name: `arrive ${of}`, run: (world: World) => world.arrive(of) })),
  origin.map((of) => ({ name: `fail ${of}`, run: (world: World) => world.fail(of) })),
  fc.constant({ name: 'reconcile', run: (world: World) => world.reconcile() }),
  fc.nat(30).map((ms) => ({ name: `wait ${ms}`, run: (world: World) => void (world.now += ms) })),
);

describe('a replication plan, whatever happens', () => {
  it('keeps its promises at every step, and the newest version of every key arrives in the end', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        for (const { run } of steps) run(world);
        world.settle();
      }),
      { numRuns: 1000 },
    );
  });

  it('loses no version without counting it: each one arrives or was superseded', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        for (const { run } of steps) run(world);
        world.settle();
        expect(world.arrived + world.superseded).to.equal(world.offered);
      }),
      { numRuns: 1000 },
    );
  });

  it('refills a peer that lost its store at any time, with the newest of every key', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World();
        for (const { run } of steps) run(world);
        for (const of of ORIGINS) world.arrive(of);
        world.atPeer.clear();
        world.reconcile();
        world.settle();
      }),
    );
  });

  it('never lets a key wait while others have two turns, however often those are posted', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 4, maxLength: 40 }), (successes) => {
        const world = new World();
        for (const of of ORIGINS) world.offer(of);
        const lastTurn = new Map<Origin, number>();
        for (const [turn, isSuccess] of successes.entries()) {
          world.now += 100;
          world.start();
          for (const of of [...world.underWay.keys()]) {
            lastTurn.set(of, turn);
            world.offer(of);
            if (isSuccess) world.arrive(of);
            else world.fail(of);
          }
          if (turn > 2) for (const of of ORIGINS) expect(turn - (lastTurn.get(of) ?? 0)).to.be.at.most(2);
        }
      }),
    );
  });
});
