import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Delivery } from '../../src/core/delivery.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { OwnerApp } from '../support/owner-app.ts';
import { rowOf, untilRow, untilServed } from '../support/ownership-views.ts';
import { Pair, type PairOptions } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage, type Stage } from '../support/stage.ts';

/**
 * ../shared/scenarios.md as far as ownership goes. 4, a cut and its crossed claims, is part of the story
 * (ownership-story.test.ts); 23, what is refused, is in ownership-refusals.test.ts.
 */
interface Played {
  readonly pair: Pair;
  readonly app1: OwnerApp;
  readonly app2: OwnerApp;
}

async function play(stage: Stage, options: PairOptions = {}): Promise<Played> {
  const pair = await Pair.create(stage, options);
  const app1 = new OwnerApp(pair.dc1);
  const app2 = new OwnerApp(pair.dc2);
  for (const app of [app1, app2]) app.isBusy = false;
  await Promise.all([pair.dc1.start(), pair.dc2.start()]);
  await pair.untilBothUp();
  return { pair, app1, app2 };
}

/** Both origins of dc1 are at dc2. */
async function replicated({ pair, app1 }: Played): Promise<void> {
  // What it posts now is the last.
  app1.isAnswering = false;
  await app1.settled();
  await app1.postAll('dc1');
  await pair.dc1.untilPeer('dc2', 'with everything', ({ replication }) => replication.pending === 0);
  await pair.dc2.untilPeer('dc1', 'with both origins', ({ held }) => held.origins === 2);
}

describe('8: a link that goes up and down at random', () => {
  const stage = useStage();

  it('moves every workload once at most, says why not again, and counts each time', async () => {
    const SEED = 4711;
    console.log(`      seed ${SEED}`);
    let state = SEED;
    const random = (least: number, most: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return least + ((state >>> 8) / 2 ** 24) * (most - least);
    };
    const keys = { heartbeatExchangeInterval: 0.1, consecutiveHeartbeatMissesAllowed: 3 };
    const played = await play(stage, { isRelayed: true, keys });
    const { pair, app1, app2 } = played;
    const { dc1, dc2 } = pair;
    await app1.postAll('dc1');
    await app2.postAll('dc2');
    await dc1.untilPeer('dc2', 'with both origins', ({ held }) => held.origins === 2);
    await dc2.untilPeer('dc1', 'with both origins', ({ held }) => held.origins === 2);

    let downs = 0;
    for (let round = 1; round <= 10; round += 1) {
      pair.cut();
      // Now shorter than a death, now longer; the first one and the last one are deaths for certain.
      if (round === 1 || round === 10) {
        for (const gateway of [dc1, dc2]) await gateway.events.until('peer-down', () => true, lastUp(gateway));
      } else {
        await sleep(random(50, 900));
      }
      pair.heal();
      await dc1.untilPeer('dc2', 'up', (peer) => peer.state === 'up');
      await dc2.untilPeer('dc1', 'up', (peer) => peer.state === 'up');
      const now = await dc1.metric('crossdc_peer_transitions_total', { peer: 'dc2', to: 'down' });
      expect(now).to.be.at.least(downs);
      downs = now;
      await sleep(random(0, 300));
    }
    const counted = dc1.events.of('peer-down').length;
    expect(counted).to.be.at.least(2);
    expect(downs).to.equal(counted);
    const started = [dc1, dc2].flatMap((gateway) =>
      gateway.events.of('takeover-completed').map(({ data }) => data.workload),
    );
    expect([...started].sort()).to.deep.equal([...new Set(started)].sort());
    console.log(
      `      ${counted} deaths at dc1, ${dc2.events.of('peer-down').length} at dc2, takeovers of ${started.join()}`,
    );
    expect(started).to.not.deep.equal([]);
    // Both agree on who owns what.
    for (const workload of ['dc1', 'dc2']) {
      const { owner, epoch } = await rowOf(dc1, workload);
      await untilRow(dc2, workload, 'as dc1 has it', (row) => row.owner === owner && row.epoch === epoch);
      expect(owner === 'dc1' || owner === 'dc2').to.equal(true);
    }
    // The next death is no takeover, and why not is shown; an acknowledgement frees it.
    const [workload] = started as [string];
    const { owner } = await rowOf(dc1, workload);
    const [survivor, dead] = owner === 'dc1' ? [dc2, dc1] : [dc1, dc2];
    const mark = survivor.events.mark;
    await dead.kill9();
    const blocked = await survivor.events.until('takeover-blocked', (event) => event.workload === workload, mark);
    expect(blocked.data.reason).to.equal('block-period');
    const row = await untilRow(survivor, workload, 'blocked', ({ blockedBy }) => blockedBy === 'block-period');
    expect(row.blockedUntil).to.be.a('string');
    expect((await crossdc('ack', workload, '--url', survivor.url)).status).to.equal(0);
    await untilServed(survivor, workload);
  });

  function lastUp(gateway: GatewayProcess): number {
    return gateway.events.all.findLastIndex(({ data }) => data.type === 'peer-up');
  }
});

describe('9: kill -9 of the survivor during a takeover', () => {
  const stage = useStage();

  interface Moment {
    readonly name: string;
    /** Resolves at the moment. */
    readonly strike: (played: Played) => Promise<unknown>;
  }

  const MOMENTS: readonly Moment[] = [
    {
      name: 'right after down was decided',
      strike: ({ pair: { dc2 } }) => dc2.events.until('peer-down'),
    },
    {
      name: 'right after it was begun',
      strike: ({ pair: { dc2 } }) => dc2.events.until('takeover-started'),
    },
    {
      name: 'right after the delivery was created',
      strike: ({ pair: { dc2 } }) => dc2.events.until('delivery'),
    },
    {
      name: 'between two acknowledgements',
      strike: async ({ pair: { dc2 }, app2 }) => {
        await app2.absorb((await dc2.events.until('delivery')).data.delivery, 1);
      },
    },
    {
      name: 'right after the last acknowledgement',
      strike: async ({ pair: { dc2 }, app2 }) => {
        await app2.absorb((await dc2.events.until('delivery')).data.delivery);
      },
    },
    {
      name: 'right after the owner had changed',
      strike: async ({ pair: { dc2 }, app2 }) => {
        const changed = dc2.events.until('owner-changed');
        await app2.absorb((await dc2.events.until('delivery')).data.delivery);
        await changed;
      },
    },
  ];

  for (const { name, strike } of MOMENTS) {
    it(`${name}: it resumes, completes once, and delivers everything, each repeat marked`, async () => {
      const played = await play(stage);
      await replicated(played);
      const { pair, app1, app2 } = played;
      const { dc1, dc2 } = pair;
      app2.isAbsorbing = false;
      const struck = strike(played).then(() => dc2.kill9());
      await dc1.kill9();
      await struck;
      app2.isAbsorbing = true;
      await dc2.start();
      const row = await untilServed(dc2, 'dc1');

      const deliveries = (await dc2.deliveries()).filter(({ reason }) => reason === 'takeover');
      expect(deliveries.map(({ state, epoch }) => ({ state, epoch }))).to.deep.equal([
        { state: 'done', epoch: row.epoch },
      ]);
      expect(row).to.include({ owner: 'dc2', reason: 'takeover' });
      const taken = row.takeover?.steps.map(({ step }) => step);
      expect(taken).to.deep.equal(['started', 'checked', 'delivered', 'acknowledged', 'owner-changed', 'completed']);
      // Said at least once: a crash between the saying and the noting says it again, and of no other epoch.
      const completed = dc2.events.of('takeover-completed').map(({ data }) => data.epoch);
      expect(new Set(completed)).to.deep.equal(new Set([row.epoch]));
      for (const [origin, accepted] of app1.newestAccepted('dc1'))
        expect(app2.newestAbsorbed('dc1').get(origin)?.version, origin).to.equal(accepted.version);
      expectRepeatsMarked(dc2);
      expect(dc2.events.types(0, 'peer-down')).to.deep.equal(['peer-down']);
    });
  }

  /** Each announcement of a delivery has a greater attempt than the ones before. */
  function expectRepeatsMarked(gateway: GatewayProcess): void {
    const attempts = new Map<string, number>();
    for (const { data } of gateway.events.of('delivery')) {
      const { id, attempt }: Delivery = data.delivery;
      expect(attempt).to.be.above(attempts.get(id) ?? 0);
      attempts.set(id, attempt);
    }
  }
});

describe('25: everything answers, but the newest replicated snapshot is old', () => {
  const stage = useStage();

  async function replication(gateway: GatewayProcess): Promise<{ ok: boolean; detail: string }> {
    const { ok, detail } = (await gateway.readiness()).checks.replication!;
    return { ok, detail };
  }

  function untilReplication(gateway: GatewayProcess, ok: boolean): Promise<string> {
    return untilShown(`readiness of ${gateway.name} with replication ${ok ? 'fresh' : 'stale'}`, async () => {
      const now = await replication(gateway);
      return now.ok === ok ? now.detail : undefined;
    });
  }

  it('readiness and metrics of the owner say so; one that does not own the work, and cannot post, is no longer blamed', async () => {
    const played = await play(stage, { keys: { dataSnapshotExchangeInterval: 1 } });
    const { pair, app1, app2 } = played;
    const { dc1, dc2 } = pair;
    for (const app of [app1, app2]) app.isAnswering = false;
    await replicated(played);
    expect(await untilReplication(dc1, false)).to.match(/the newest snapshot at "dc2" is \d+ s old/);
    expect((await dc1.readiness()).status).to.equal(503);
    expect((await dc1.peer('dc2')).sync.inSync).to.equal(false);
    const newest = await dc2.metric('crossdc_held_snapshot_newest_timestamp_seconds', { peer: 'dc1' });
    expect(Date.now() / 1000 - newest).to.be.above(2);
    // Its owner itself goes on serving: it is the copy that is old.
    expect((await rowOf(dc1, 'dc1')).primary).to.equal(true);

    await dc1.kill9();
    await untilServed(dc2, 'dc1');
    const mark = dc1.events.mark;
    await dc1.start();
    await dc1.events.until('superseded', () => true, mark);
    await dc1.untilPeer('dc2', 'up', ({ state }) => state === 'up');
    // What it posted for the work that it has lost gets older and older, and nobody can post anything newer here.
    expect(await replication(dc1)).to.deep.equal({ ok: true, detail: 'fresh' });
    // As soon as it has asked what the other holds.
    await dc1.untilPeer('dc2', 'in sync', ({ sync }) => sync.inSync);

    // The new owner is held to it for what its application posts: first for neither, then for both.
    await app2.postAll('dc1');
    await app2.postAll('dc2');
    await dc1.untilPeer('dc2', 'with both workloads', ({ held }) => held.origins === 4);
    expect((await dc2.peer('dc1')).sync.inSync).to.equal(true);
    expect(await untilReplication(dc2, false)).to.match(/the newest snapshot at "dc1" is \d+ s old/);
    // A workload of which nothing new comes is not covered by another that is fresh.
    await app2.postAll('dc2');
    await dc1.untilPeer('dc2', 'with everything', ({ name }) => name === 'dc2');
    expect((await replication(dc2)).ok).to.equal(false);
    await app2.postAll('dc1');
    await app2.postAll('dc2');
    await untilReplication(dc2, true);
  });
});
