import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import { LARGEST_EPOCH } from '../../src/core/ownership.ts';
import type { OwnershipView } from '../../src/ports/ownership-api.ts';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import { ownershipRecord } from '../../src/services/ownership-record.ts';
import { BY_FORCE, moveRequest } from './move-request.ts';
import { SimWorld } from './sim-world.ts';

/** Every takeover here is of the work of dc1. */
const WORKLOAD = 'dc1';
const ORDER = ['dc4', 'dc3', 'dc2'];
const FOUR = ['dc1', 'dc2', 'dc3', 'dc4'];
/** N intervals of a simulated gateway. */
const TURN_MS = 4000;
/** How often a gateway looks whether its turn has come, and the way of what it says then. */
const LOOK_MS = 600;

interface Seen {
  readonly at: number;
  readonly event: GatewayEvent;
}

/** dc1 has posted something that everybody holds. */
async function settled(names: readonly string[], settingsOf: Record<string, Partial<GatewaySettings>>) {
  const world = new SimWorld({ seed: 5, names, settings: { takeoverOrder: ORDER }, settingsOf });
  await world.begin();
  world.gateway('dc1').application.post('orders');
  await world.run(2000);
  return world;
}

function seen(world: SimWorld, name: string, type: GatewayEvent['type']): readonly Seen[] {
  const isOfIt = (event: GatewayEvent): boolean => !('workload' in event) || event.workload === WORKLOAD;
  return world.oracle.events.filter(({ gateway, event }) => gateway === name && event.type === type && isOfIt(event));
}

/** How long after it took dc1 for dead the gateway began to take its work over; null when it never did. */
function waitedMs(world: SimWorld, name: string): number | null {
  const down = seen(world, name, 'peer-down').find(
    ({ event }) => 'dataCenter' in event && event.dataCenter === WORKLOAD,
  );
  const [started] = seen(world, name, 'takeover-started');
  return down === undefined || started === undefined ? null : started.at - down.at;
}

function rowAt(world: SimWorld, name: string): OwnershipView {
  return world.gateway(name).gateway!.api.ownership.row(WORKLOAD);
}

/** What an operator at dc2 says; virtual time has to pass until it is done. */
function force(world: SimWorld): Promise<string> {
  return world
    .gateway('dc2')
    .gateway!.api.ownership.move(moveRequest(WORKLOAD, 'dc2', BY_FORCE))
    .then(
      ({ steps }) => steps[0] ?? '',
      (error: unknown) => String(error),
    );
}

describe('of several survivors', () => {
  it('the next in takeoverOrder takes over after N more intervals, and not before', async () => {
    const world = await settled(FOUR, { dc4: { takeoverPolicy: 'manual' } });
    world.gateway('dc1').kill();
    await world.run(4000 + TURN_MS);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc1', blockedBy: 'not-our-turn' });
    await world.run(TURN_MS);
    expect(waitedMs(world, 'dc3')).to.be.within(TURN_MS, TURN_MS + LOOK_MS);
    for (const name of ['dc2', 'dc3', 'dc4']) expect(rowAt(world, name).owner).to.equal('dc3');
    expect([waitedMs(world, 'dc2'), waitedMs(world, 'dc4')]).to.deep.equal([null, null]);
  });

  it('the third in takeoverOrder waits N intervals for each of the two before it', async () => {
    const manual = { takeoverPolicy: 'manual' } as const;
    const world = await settled(FOUR, { dc4: manual, dc3: manual });
    world.gateway('dc1').kill();
    await world.run(5000 + 3 * TURN_MS);
    expect(waitedMs(world, 'dc2')).to.be.within(2 * TURN_MS, 2 * TURN_MS + LOOK_MS);
    expect(rowAt(world, 'dc2').owner).to.equal('dc2');
  });

  it('a passive one has no place in takeoverOrder: nobody waits for it', async () => {
    const world = await settled(FOUR, { dc4: { mode: 'passive' }, dc3: { takeoverPolicy: 'manual' } });
    world.gateway('dc1').kill();
    await world.run(5000 + 2 * TURN_MS);
    // Were dc4 counted, dc2 would be the third.
    expect(waitedMs(world, 'dc2')).to.be.within(TURN_MS, TURN_MS + LOOK_MS);
    expect(seen(world, 'dc4', 'takeover-started')).to.deep.equal([]);
  });

  for (const [how, state] of [
    ['is down', 'down'],
    ['has left', 'left'],
  ] as const) {
    it(`one that ${how} itself has no place in takeoverOrder: nobody waits for it`, async () => {
      const world = await settled(FOUR, { dc3: { takeoverPolicy: 'manual' } });
      if (state === 'down') world.gateway('dc4').kill();
      else void world.gateway('dc4').leave();
      await world.run(10_000);
      expect(world.gateway('dc2').stateOf('dc4')).to.equal(state);
      world.gateway('dc1').kill();
      await world.run(5000 + 2 * TURN_MS);
      expect(waitedMs(world, 'dc2')).to.be.within(TURN_MS, TURN_MS + LOOK_MS);
    });
  }
});

describe('the work of an owner that the last survivor does not hear', () => {
  const NAMES = ['dc1', 'dc2', 'dc3'];
  const QUICK = { dc1: { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 } };

  async function moved(world: SimWorld): Promise<void> {
    const asked = world.gateway('dc1').gateway!.api.ownership.move(moveRequest(WORKLOAD, 'dc2'));
    await world.run(15_000);
    await asked;
    expect(rowAt(world, 'dc2').owner).to.equal('dc2');
  }

  async function die(world: SimWorld): Promise<void> {
    world.gateway('dc2').kill();
    world.gateway('dc1').kill();
    await world.run(15_000);
  }

  it('is left to it while another one may hear it, visibly, and is taken over when nobody else is left', async () => {
    const world = await settled(NAMES, QUICK);
    world.network.cut('dc2', 'dc3');
    await world.run(10_000);
    await moved(world);
    expect(world.gateway('dc3').stateOf('dc2')).to.equal('down');
    await world.run(60_000);
    for (const name of NAMES) expect(rowAt(world, name)).to.include({ owner: 'dc2', epoch: 2 });
    expect(rowAt(world, 'dc3').blockedBy).to.equal('not-our-turn');
    await die(world);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc3', epoch: 3, primary: true, blockedBy: null });
  });

  it('is taken over, too, when a takeover from the owner before was called off by the row', async () => {
    const world = await settled(NAMES, { ...QUICK, dc2: { takeoverPolicy: 'manual' } });
    const dc3 = world.gateway('dc3');
    world.network.cut('dc2', 'dc3');
    dc3.application.isIdle = true;
    // What dc3 says is heard, and so dc1 need not think of itself.
    world.network.change('dc1', 'dc3', { isCut: true });
    await world.run(10_000);
    await moved(world);
    expect(rowAt(world, 'dc3').takeover).to.include({ phase: 'delivering', from: 'dc1' });
    world.network.heal('dc1', 'dc3');
    await world.run(10_000);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc2', blockedBy: 'not-our-turn' });
    expect(rowAt(world, 'dc3').takeover).to.include({ phase: 'cancelled', from: 'dc1' });
    dc3.application.isIdle = false;
    await die(world);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc3', primary: true });
    expect(rowAt(world, 'dc3').takeover).to.include({ phase: 'completed', from: 'dc2' });
  });
});

describe('a takeover for which there is no epoch', () => {
  it('is blocked visibly: a peer may say that the greatest was given', async () => {
    const world = await settled(['dc1', 'dc2'], {});
    const dc1 = world.gateway('dc1');
    dc1.kill();
    const record = ownershipRecord(WORKLOAD);
    const known = JSON.parse(dc1.disk.records.get(record) ?? '') as object;
    dc1.disk.records.set(record, JSON.stringify({ ...known, used: LARGEST_EPOCH }));
    dc1.start();
    await world.run(5000);
    dc1.kill();
    await world.run(60_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', blockedBy: 'epochs-exhausted' });
    expect(seen(world, 'dc2', 'takeover-blocked')).to.have.length(1);
  });
});

describe('takeoverMaxHeldAge', () => {
  it('judges the newest of what is held: one origin that is seldom posted holds nothing up', async () => {
    const world = await settled(['dc1', 'dc2'], { dc2: { takeoverMaxHeldAgeMs: 20_000 } });
    await world.run(60_000);
    world.gateway('dc1').application.post('audit');
    await world.run(1000);
    world.gateway('dc1').kill();
    await world.run(10_000);
    expect(seen(world, 'dc2', 'takeover-blocked')).to.deep.equal([]);
    expect(rowAt(world, 'dc2').owner).to.equal('dc2');
    const absorbed = world.gateway('dc2').application.absorbed.map(({ origin }) => origin);
    expect(absorbed).to.have.members(['orders', 'audit']);
  });
});

describe('a takeover whose application does not acknowledge', () => {
  for (const [what, isForced] of [
    ['that followed from a death', false],
    ['that was forced', true],
  ] as const) {
    it(`and ${what} is completed by --force, which cancels the delivery that waits`, async () => {
      const world = await settled(['dc1', 'dc2'], {});
      const dc2 = world.gateway('dc2');
      dc2.application.isIdle = true;
      world.ownership.excuse(WORKLOAD);
      if (isForced) void force(world);
      else world.gateway('dc1').kill();
      await world.run(30_000);
      const [waiting] = dc2.gateway!.api.deliveries('open');
      expect(rowAt(world, 'dc2').takeover).to.include({ phase: 'delivering', forced: isForced });
      expect(rowAt(world, 'dc2').owner).to.equal('dc1');
      const forced = force(world);
      await world.run(2000);
      expect(await forced).to.match(/its delivery is cancelled/);
      expect(dc2.gateway!.api.delivery(waiting?.id ?? '').state).to.equal('cancelled');
      expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: waiting?.epoch, primary: true });
      expect(rowAt(world, 'dc2').takeover).to.include({ phase: 'completed', forced: true });
      expect(seen(world, 'dc2', 'takeover-completed')).to.have.length(1);
    });
  }
});

describe('an automatic takeover', () => {
  it('says each of its steps by an event, and how long it took', async () => {
    const world = await settled(['dc1', 'dc2'], {});
    const dc2 = world.gateway('dc2');
    dc2.pace.latencyMs = 20;
    world.gateway('dc1').kill();
    await world.run(10_000);
    const told = new Map<string, { at: number; seconds: number }>();
    const types = ['takeover-started', 'takeover-checked', 'delivery', 'delivery-done', 'owner-changed'] as const;
    for (const type of [...types, 'takeover-completed'] as const) {
      const events = seen(world, 'dc2', type);
      expect(events, type).to.have.length(1);
      for (const { at, event } of events) {
        const seconds = 'seconds' in event ? (event.seconds ?? NaN) : NaN;
        told.set(type, { at, seconds });
      }
    }
    const spanOf = (from: string, to: string): number =>
      ((told.get(to)?.at ?? NaN) - (told.get(from)?.at ?? NaN)) / 1000;
    // The clock of the simulation stands still but for the disk and the application.
    expect(told.get('takeover-checked')?.seconds).to.be.closeTo(spanOf('takeover-started', 'takeover-checked'), 0.05);
    expect(told.get('takeover-checked')?.seconds).to.be.above(0);
    expect(told.get('delivery-done')?.seconds).to.be.closeTo(spanOf('delivery', 'delivery-done'), 0.05);
    expect(told.get('owner-changed')?.seconds).to.be.above(0);
    expect(told.get('takeover-completed')?.seconds).to.be.closeTo(
      spanOf('takeover-started', 'takeover-completed'),
      0.05,
    );
    const { steps = [] } = rowAt(world, 'dc2').takeover ?? {};
    for (const [type, step] of [
      ['takeover-checked', 'checked'],
      ['owner-changed', 'owner-changed'],
    ])
      expect(steps.find((taken) => taken.step === step)?.seconds).to.equal(told.get(type ?? '')?.seconds);
  });

  it('is called off by the farewell of the peer that was taken for dead', async () => {
    const world = await settled(['dc1', 'dc2'], {});
    const dc2 = world.gateway('dc2');
    dc2.application.isIdle = true;
    // dc1 hears dc2 and knows that there is somebody to tell; what it says itself is lost.
    world.network.change('dc1', 'dc2', { isCut: true });
    await world.run(8000);
    const [open] = dc2.gateway!.api.deliveries('open');
    expect(rowAt(world, 'dc2').takeover?.phase).to.equal('delivering');
    // It ceases to send heartbeats before the line is whole again: the first that is heard of it is that it leaves.
    void world.gateway('dc1').leave();
    await world.run(200);
    world.network.heal('dc1', 'dc2');
    await world.run(10_000);
    expect(dc2.stateOf('dc1')).to.equal('left');
    expect(seen(world, 'dc2', 'peer-up')).to.have.length(1);
    const [cancelled] = seen(world, 'dc2', 'takeover-cancelled');
    expect(cancelled?.event).to.include({ workload: WORKLOAD, reason: 'the peer left in order', delivery: open?.id });
    expect(dc2.gateway!.api.delivery(open?.id ?? '').state).to.equal('cancelled');
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', blockedBy: null });
    expect(rowAt(world, 'dc2').takeover?.phase).to.equal('cancelled');
  });
});
