import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import { GatewayError } from '../../src/errors.ts';
import type { OwnershipView } from '../../src/ports/ownership-api.ts';
import type { PeerMessage } from '../../src/wire/messages.ts';
import { moveRequest } from './move-request.ts';
import { SimWorld } from './sim-world.ts';

/** Everything here is about the work of dc1. */
const WORKLOAD = 'dc1';
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 500 };

function rowAt(world: SimWorld, name: string): OwnershipView {
  return world.gateway(name).gateway!.api.ownership.row(WORKLOAD);
}

function said<Type extends GatewayEvent['type']>(world: SimWorld, name: string, type: Type) {
  return world.oracle.events.flatMap(({ gateway, event }) =>
    gateway === name && event.type === type ? [event as Extract<GatewayEvent, { type: Type }>] : [],
  );
}

/** An operator asks dc2; virtual time has to pass until it is answered. */
function move(world: SimWorld): { answer: string | null } {
  const asked: { answer: string | null } = { answer: null };
  world
    .gateway('dc2')
    .gateway!.api.ownership.move(moveRequest(WORKLOAD, 'dc2'))
    .then(
      ({ kind }) => (asked.answer = kind),
      (error: unknown) => (asked.answer = error instanceof GatewayError ? error.code : String(error)),
    );
  return asked;
}

/** What dc3, which is stopped, never said: that dc1 hands its work over to dc2. */
function wordsOfDc3(world: SimWorld): PeerMessage {
  const { incarnation } = world.gateway('dc3').gateway!.api.status();
  const move = { id: 'dc1-17', workload: WORKLOAD, from: 'dc1', to: 'dc2', epoch: 2, phase: 'handing-over' } as const;
  const startedAt = '2026-01-01T00:00:00.000Z';
  return {
    heartbeatMsgType: 1,
    heartbeatCnt: 1_000_000,
    dataCenterOrigin: 'dc3',
    applicationName: 'default',
    incarnation,
    sentAt: startedAt,
    interval: 1,
    application: { status: 'unknown' },
    lastHeard: null,
    protocol: 1,
    ownership: {
      rows: [],
      conflicts: [],
      moves: [{ ...move, startedAt, reason: null, snapshots: 1, missing: [] }],
      progress: [],
    },
  };
}

describe('what one gateway asks of another', () => {
  it('is done once though its answer is lost, and the operator is told what became of it', async () => {
    const world = new SimWorld({ seed: 21, settings: SETTINGS });
    await world.begin();
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    const asked = move(world);
    // It has arrived when the first word of the move is said; the answer to it is on its way, and is lost.
    let isArrived = false;
    world.oracle.onEvent = ({ name }, { type }) => {
      if (name !== 'dc1' || type !== 'move-started' || isArrived) return;
      isArrived = true;
      world.network.change('dc1', 'dc2', { isCut: true });
      world.timeline.after(2500, null, () => world.network.heal('dc1', 'dc2'));
    };
    await world.run(2000);
    expect(isArrived).to.equal(true);
    await world.run(2000);
    // It waits for an answer for as long as for any, and asks again then.
    expect(asked.answer).to.equal(null);
    await world.run(30_000);
    expect(asked.answer).to.equal('switchover');
    expect(said(world, 'dc1', 'move-started')).to.have.length(1);
    const entries = await world.gateway('dc1').gateway!.api.ownership.history(0, 100);
    expect(entries.map(({ kind }) => kind))
      .to.include('switchover')
      .and.not.to.include('refused');
    for (const name of ['dc1', 'dc2']) expect(rowAt(world, name)).to.include({ owner: 'dc2', epoch: 2 });
  });
});

describe('the notice of a move', () => {
  it('is not believed of a gateway that speaks of a move of another', async () => {
    const world = new SimWorld({ seed: 22, names: ['dc1', 'dc2', 'dc3'], settings: SETTINGS });
    await world.begin();
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    world.gateway('dc3').stop();
    const answer = await world.gateway('dc2').gateway!.inbox.receiveMessage(wordsOfDc3(world), 'dc3');
    await world.run(2000);
    expect(answer.ownership?.progress).to.deep.equal([]);
    expect(world.gateway('dc2').gateway!.api.deliveries()).to.deep.equal([]);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc1', move: null });
  });
});

describe('the loser of the work', () => {
  it('finds by a later word that both worked, where the first was long under way', async () => {
    const world = new SimWorld({ seed: 23, settingsOf: { dc1: { takeoverPolicy: 'manual' } } });
    await world.begin();
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    // What dc1 says is lost; what dc2 says takes as long as dc1 would wait before it took dc2 for dead.
    const slowMs = 2500;
    world.network.change('dc1', 'dc2', { isCut: true });
    world.network.change('dc2', 'dc1', { latencyMs: slowMs });
    let ownedAt = 0;
    let lostAt = 0;
    world.oracle.onEvent = ({ name }, { type }) => {
      if (name === 'dc2' && type === 'owner-changed') ownedAt ||= world.timeline.now;
      if (name !== 'dc1' || type !== 'superseded') return;
      lostAt = world.timeline.now;
      // The first word says that the row was made just now. Those after it are as quick as ever.
      expect(rowAt(world, 'dc1').conflict).to.equal(null);
      world.network.heal('dc1', 'dc2');
    };
    await world.run(20_000);
    expect(lostAt - ownedAt).to.be.within(slowMs, slowMs + 100);
    for (const name of ['dc1', 'dc2']) {
      const { conflict, owner } = rowAt(world, name);
      expect(owner).to.equal('dc2');
      expect(conflict?.winner).to.include({ owner: 'dc2', epoch: 2 });
      expect(conflict?.loser).to.include({ owner: 'dc1', epoch: 1 });
      expect(conflict?.overlapMs).to.be.within(slowMs - 500, slowMs + 100);
      expect(said(world, name, 'ownership-conflict')).to.have.length(1);
    }
  });

  it('takes the old row of one who has not heard of the new one for no word of the winner', async () => {
    const world = new SimWorld({
      seed: 24,
      names: ['dc1', 'dc2', 'dc3'],
      settingsOf: { dc3: { takeoverPolicy: 'manual' } },
    });
    await world.begin();
    world.gateway('dc1').application.post('orders');
    await world.run(1000);
    // dc1 alone can tell dc3 that dc2 owns the work now.
    world.network.cut('dc2', 'dc3');
    // It did nothing while it was stopped: that is no conflict.
    world.gateway('dc1').stop();
    await world.run(10_000);
    expect(rowAt(world, 'dc2').owner).to.equal('dc2');
    expect(rowAt(world, 'dc3').owner).to.equal('dc1');
    world.gateway('dc1').resume();
    await world.run(10_000);
    for (const name of ['dc1', 'dc3']) expect(rowAt(world, name)).to.include({ owner: 'dc2', conflict: null });
    for (const name of ['dc1', 'dc2', 'dc3']) expect(said(world, name, 'ownership-conflict')).to.deep.equal([]);
    expect(said(world, 'dc1', 'superseded')).to.have.length(1);
  });
});
