import { expect } from 'chai';
import { rowLines } from '../../src/cli/ownership-advice.ts';
import type { GatewayEvent } from '../../src/core/events.ts';
import { GatewayError } from '../../src/errors.ts';
import type { OwnershipView } from '../../src/ports/ownership-api.ts';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import { moveRequest } from './move-request.ts';
import { SimWorld } from './sim-world.ts';

/** Every move here is of the work of dc1. */
const WORKLOAD = 'dc1';
const TWO = ['dc1', 'dc2'];
const THREE = ['dc1', 'dc2', 'dc3'];
const SHORT = { requestTimeoutMs: 3000, releaseTimeoutMs: 500 };
/** Longer than a planned move takes, whatever becomes of it. */
const MOVED_MS = 15_000;

async function begun(names: readonly string[], settings: Partial<GatewaySettings> = {}): Promise<SimWorld> {
  const world = new SimWorld({ seed: 11, names, settings: { ...SHORT, ...settings } });
  await world.begin();
  return world;
}

/** An operator asks for it; virtual time has to pass until it is answered. @returns the code of a refusal, and its words */
function move(world: SimWorld, at: string, to: string): Promise<string> {
  const asked = world.gateway(at).gateway!.api.ownership.move(moveRequest(WORKLOAD, to));
  return asked.then(
    () => 'begun',
    (error: unknown) => (error instanceof GatewayError ? `${error.code}: ${error.message}` : String(error)),
  );
}

function rowAt(world: SimWorld, name: string): OwnershipView {
  return world.gateway(name).gateway!.api.ownership.row(WORKLOAD);
}

function said<Type extends GatewayEvent['type']>(world: SimWorld, name: string, type: Type) {
  return world.oracle.events.flatMap(({ gateway, event }) =>
    gateway === name && event.type === type ? [event as Extract<GatewayEvent, { type: Type }>] : [],
  );
}

/** What the application there has taken in of the workload: each origin with its version. */
function absorbed(world: SimWorld, name: string): string[] {
  return world.gateway(name).application.absorbed.map(({ origin, version }) => `${origin}@${version}`);
}

function newest(world: SimWorld, name: string, origin: string): string {
  return `${origin}@${world.gateway(name).application.newestAccepted.get(`${WORKLOAD}\0${origin}`)?.version ?? 'none'}`;
}

describe('a planned move', () => {
  it('takes to a third data centre what the owner only holds and its application never posted anew', async () => {
    const world = await begun(THREE);
    // dc3 never gets anything of dc1 itself.
    world.network.cut('dc1', 'dc3');
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    world.gateway('dc1').kill();
    await world.run(10_000);
    expect(rowAt(world, 'dc2').owner).to.equal('dc2');
    expect(world.gateway('dc2').rows('outgoing')).to.deep.equal([]);
    expect(world.gateway('dc3').rows('held')).to.deep.equal([]);
    void move(world, 'dc2', 'dc3');
    await world.run(MOVED_MS);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc3', primary: true });
    expect(absorbed(world, 'dc3')).to.have.length(1);
    const [held] = world.gateway('dc3').rows('held');
    expect(held?.key).to.include({ workload: WORKLOAD, origin: 'orders' });
    expect([...world.gateway('dc1').application.digests.get('orders')!]).to.deep.equal([held?.sha256]);
  });

  it('names the origins that were not posted in time, of which the last held version serves', async () => {
    const world = await begun(TWO);
    const { application } = world.gateway('dc1');
    for (const origin of ['audit', 'orders']) application.post(origin);
    await world.run(1000);
    const last = newest(world, 'dc1', 'audit');
    const before = newest(world, 'dc1', 'orders');
    application.whenAsked = () => application.post('orders');
    void move(world, 'dc1', 'dc2');
    await world.run(MOVED_MS);
    expect(newest(world, 'dc1', 'orders')).not.to.equal(before);
    expect(absorbed(world, 'dc2')).to.deep.equal([last, newest(world, 'dc1', 'orders')]);
    for (const name of TWO) {
      expect(rowAt(world, name).owner).to.equal('dc2');
      expect(rowAt(world, name).move).to.deep.include({ phase: 'committed', missing: ['audit'] });
    }
    const entries = await world.gateway('dc1').gateway!.api.ownership.history(0, 100);
    expect(entries.find(({ kind }) => kind === 'switchover')?.inputs).to.deep.include({ missing: ['audit'] });
  });

  it('gives the new owner the watermarks of the one before it, whosever the work is', async () => {
    const world = await begun(THREE);
    for (const [index, { application, gateway }] of world.gateways.entries()) {
      void gateway!.api.watermarks.put('published', { seq: index + 1 }, { flush: true });
      application.whenAsked = ({ workload = WORKLOAD }) => application.post('orders', 20, workload);
    }
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    const legs = [
      ['dc1', 'dc2', 1],
      ['dc2', 'dc3', 2],
      ['dc3', 'dc1', 3],
    ] as const;
    for (const [from, to, seq] of legs) {
      void move(world, from, to);
      await world.run(MOVED_MS);
      expect(rowAt(world, to).owner).to.equal(to);
      const { epoch } = rowAt(world, to);
      const delivery = world
        .gateway(to)
        .gateway!.api.deliveries()
        .find((one) => one.epoch === epoch);
      expect(delivery, to).to.deep.include({ dataCenter: from, watermarks: { published: { seq } } });
    }
  });

  it('to a data centre that does not hear us is refused before anything has changed', async () => {
    const world = await begun(TWO, { takeoverPolicy: 'manual' });
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    world.network.change('dc1', 'dc2', { isCut: true });
    await world.run(10_000);
    expect(world.gateway('dc1').stateOf('dc2')).to.equal('up');
    const moved = move(world, 'dc1', 'dc2');
    await world.run(100);
    expect(await moved).to.match(/^ownership-refused: .*target: "dc2" does not hear us/);
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1, primary: true, move: null });
  });

  it('to one that ceases to hear us is rolled back, and the old owner serves again', async () => {
    const world = await begun(TWO, { takeoverPolicy: 'manual' });
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    const moved = move(world, 'dc1', 'dc2');
    await world.run(100);
    expect(await moved).to.equal('begun');
    world.network.change('dc1', 'dc2', { isCut: true });
    await world.run(MOVED_MS);
    expect(world.gateway('dc1').stateOf('dc2')).to.equal('up');
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1, primary: true });
    expect(rowAt(world, 'dc1').move?.phase).to.equal('rolled-back');
    const [back] = said(world, 'dc1', 'move-rolled-back');
    expect(back).to.include({ to: 'dc2', reason: 'the application at "dc2" did not acknowledge in time' });
    expect(absorbed(world, 'dc2')).to.deep.equal([]);
  });
});

/** dc1 hands its work over to dc2, whose application does not acknowledge it. */
async function handingOver(settings: Partial<GatewaySettings> = {}): Promise<SimWorld> {
  const world = await begun(TWO, { requestTimeoutMs: 60_000, ...settings });
  const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
  dc1.application.whenAsked = () => dc1.application.post('orders');
  dc1.application.post('orders');
  dc2.application.isIdle = true;
  await world.run(1000);
  void move(world, 'dc1', 'dc2');
  await world.run(3000);
  expect(rowAt(world, 'dc1').move?.phase).to.equal('handing-over');
  return world;
}

describe('a planned move to a data centre', () => {
  for (const [how, state] of [
    ['dies', 'down'],
    ['leaves', 'left'],
  ] as const) {
    it(`that ${how} before it has acknowledged is rolled back at once`, async () => {
      const world = await handingOver();
      const dc2 = world.gateway('dc2');
      if (state === 'down') dc2.kill();
      else void dc2.leave();
      await world.run(6000);
      expect(said(world, 'dc1', 'move-rolled-back').map(({ reason }) => reason)).to.deep.equal([`"dc2" is ${state}`]);
      expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1, primary: true });
    });
  }
});

describe('a move whose owner is gone', () => {
  it('is shown while its owner may be heard again, and no longer', async () => {
    const world = await handingOver({ takeoverPolicy: 'manual' });
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    expect(rowAt(world, 'dc2').move?.phase).to.equal('handing-over');
    dc1.kill();
    await world.run(1000);
    expect(dc2.stateOf('dc1')).not.to.equal('down');
    expect(rowAt(world, 'dc2').move?.phase).to.equal('handing-over');
    await world.run(10_000);
    expect(dc2.stateOf('dc1')).to.equal('down');
    expect(rowAt(world, 'dc2')).to.include({ blockedBy: 'manual', move: null });
    dc2.application.isIdle = false;
    void move(world, 'dc2', 'dc2');
    await world.run(MOVED_MS);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true, move: null });
    // What it resumes it learns to be over, and says so.
    dc1.start();
    await world.run(5000);
    for (const name of TWO) expect(rowAt(world, name).move?.phase, name).to.equal('rolled-back');
  });
});

describe('a gateway that is shutting down', () => {
  for (const phase of ['snapshots', 'handing-over'] as const)
    it(`rolls back before it goes what it was moving away (${phase})`, async () => {
      const world = await begun(TWO, { requestTimeoutMs: 60_000 });
      const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
      dc1.application.post('orders');
      if (phase === 'handing-over') dc1.application.whenAsked = () => dc1.application.post('orders');
      dc2.application.isIdle = true;
      await world.run(1000);
      void move(world, 'dc1', 'dc2');
      await world.run(3000);
      expect(rowAt(world, 'dc1').move?.phase).to.equal(phase);
      void dc1.leave();
      await world.run(5000);
      expect(dc2.stateOf('dc1')).to.equal('left');
      const reason = 'this gateway is shut down';
      expect(said(world, 'dc1', 'move-rolled-back').map((back) => back.reason)).to.deep.equal([reason]);
      const row = rowAt(world, 'dc2');
      expect(row).to.include({ owner: 'dc1', epoch: 1 });
      expect(row.move).to.include({ phase: 'rolled-back', reason });
      expect(dc2.gateway!.api.deliveries('open')).to.deep.equal([]);
      const lines = rowLines(row, { here: 'dc2', peers: dc2.gateway!.api.peers(), ageOf: () => '5s' });
      expect(lines).to.deep.equal(['dc1: nobody does it: dc1 has left; crossdc failover dc1 --to dc2 takes it here']);
    });

  it('is not primary any more, and begins no move, whoever asks for it', async () => {
    const world = await begun(TWO);
    const dc1 = world.gateway('dc1');
    dc1.application.post('orders', 200);
    await world.run(1000);
    // What is on its way is finished first: so long it is there still, and everybody hears it.
    world.network.change('dc1', 'dc2', { bytesPerMs: 0.04 });
    dc1.application.post('orders', 200);
    await world.run(100);
    expect(rowAt(world, 'dc1').primary).to.equal(true);
    void dc1.leave();
    await world.run(500);
    expect(world.gateway('dc2').stateOf('dc1')).to.equal('up');
    expect(rowAt(world, 'dc1')).to.include({ primary: false, notPrimaryBecause: 'shutting down' });
    const moves = [move(world, 'dc1', 'dc2'), move(world, 'dc2', 'dc2')];
    await world.run(1000);
    expect(dc1.isRunning).to.equal(true);
    for (const refusal of await Promise.all(moves)) expect(refusal).to.match(/^shutting-down: .*takes no new work/);
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1, move: null });
    const entries = await dc1.gateway!.api.ownership.history(0, 100);
    expect(entries.filter(({ kind }) => kind === 'refused')).to.deep.equal([]);
    expect(said(world, 'dc1', 'move-started')).to.deep.equal([]);
  });
});
