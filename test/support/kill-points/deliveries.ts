import { expect } from 'chai';
import type { Delivery, DeliveryReason } from '../../../src/core/delivery.ts';
import type { HistoryEntry, OwnershipView } from '../../../src/ports/ownership-api.ts';
import type { GatewayProcess } from '../gateway-process.ts';
import { untilShown } from '../seen.ts';
import { freshBytes, sha256, TestApp } from '../test-app.ts';
import type { Story } from './enumerate.ts';
import type { FakePeer } from './fake-peer.ts';
import { assertClean, digestAt, untilDone, untilEvent } from './look.ts';
import { phaseOfTakeover, recordOfPeer } from './peer-record.ts';

export interface HandedOver {
  readonly origins: readonly string[];
  readonly contents: ReadonlyMap<string, Buffer>;
  readonly version: number;
  /** How many events there were before. */
  readonly from: number;
  /** Of a return: those that were answered with 200. */
  readonly taken: Set<string>;
  /** The first announcement that the application saw. */
  announced: { readonly id: string; readonly attempt: number } | null;
  /** Those whose acknowledgement was answered with 204. */
  readonly acknowledged: Set<string>;
}

function toldOf(gateway: GatewayProcess, origin: string): HandedOver {
  const origins = [`${origin}-a`, `${origin}-b`];
  return {
    origins,
    contents: new Map(origins.map((one) => [one, freshBytes(3000)])),
    version: Date.now(),
    from: gateway.events.mark,
    taken: new Set(),
    announced: null,
    acknowledged: new Set(),
  };
}

function isOf(told: HandedOver, delivery: Delivery): boolean {
  return delivery.snapshots.some((row) => told.origins.includes(row.origin));
}

/** The application: it takes what is announced, absorbs one snapshot after the other, and sees the end. */
async function absorb(gateway: GatewayProcess, told: HandedOver): Promise<void> {
  const { delivery } = await untilEvent(gateway, 'delivery', (event) => isOf(told, event.delivery), told.from);
  told.announced = { id: delivery.id, attempt: delivery.attempt };
  const app = new TestApp(gateway);
  for (const row of delivery.snapshots) {
    expect(await app.acknowledge(delivery, row)).to.equal(204);
    told.acknowledged.add(row.origin);
  }
  await untilEvent(gateway, 'delivery-done', (event) => event.delivery.id === delivery.id, told.from);
}

/**
 * After a restart: every snapshot is handed over at least once, with its own bytes; what was acknowledged stays so; each
 * repeat is marked as one; the end is said.
 */
async function assertHandedOver(
  gateway: GatewayProcess,
  told: HandedOver,
  reason: DeliveryReason,
): Promise<readonly Delivery[]> {
  const mine = async (): Promise<Delivery[]> =>
    (await gateway.deliveries()).filter((delivery) => delivery.reason === reason && isOf(told, delivery));
  const all = await untilShown('a delivery of every snapshot', async () => {
    const found = await mine();
    return told.origins.every((origin) => found.some((one) => one.snapshots.some((row) => row.origin === origin)))
      ? found
      : undefined;
  });
  if (told.announced !== null) expect(all.map(({ id }) => id)).to.include(told.announced.id);
  if (reason === 'takeover') expect(all, 'one takeover is one delivery').to.have.length(1);
  const app = new TestApp(gateway);
  for (const delivery of all) {
    for (const row of delivery.snapshots) {
      expect(sha256(await app.fetch(row))).to.equal(sha256(told.contents.get(row.origin)!));
      if (told.acknowledged.has(row.origin) && delivery.id === told.announced?.id)
        expect(row.state, `${row.origin} was acknowledged`).to.equal('acknowledged');
    }
    await app.absorb(delivery);
    await untilEvent(gateway, 'delivery-done', (event) => event.delivery.id === delivery.id, told.from);
    const seen = gateway.events.of('delivery', told.from).filter((event) => event.data.delivery.id === delivery.id);
    const attempts = seen.map((event) => event.data.delivery.attempt);
    expect(seen.length, 'it was announced').to.be.above(0);
    expect(new Set(attempts).size, `each repeat is marked: ${attempts.join()}`).to.equal(attempts.length);
  }
  return all;
}

async function ownershipOf(gateway: GatewayProcess, workload: string): Promise<OwnershipView> {
  return (await gateway.api(`/v1/ownership/${workload}`)).json() as OwnershipView;
}

/** What was handed over is owned under the epoch that it was handed over with; that was said, and is served. */
async function assertTakenOver(gateway: GatewayProcess, workload: string, epoch: number, from: number): Promise<void> {
  const isThis = (event: { readonly workload: string; readonly epoch: number }): boolean =>
    event.workload === workload && event.epoch === epoch;
  await untilEvent(gateway, 'owner-changed', isThis, from);
  await untilEvent(gateway, 'takeover-completed', isThis, from);
  const row = await untilShown('the workload is served', async () => {
    const view = await ownershipOf(gateway, workload);
    return view.primary ? view : undefined;
  });
  expect(row).to.include({ owner: gateway.name, epoch, reason: 'takeover', blockedBy: null, conflict: null });
  const started = gateway.events.of('takeover-started', from);
  // A crash between the record and the event, or after both, says it again.
  expect(started.length, 'it was said that it began').to.be.within(1, 2);
  const decided = ((await gateway.api('/v1/history?limit=1000')).json() as HistoryEntry[]).filter(
    ({ kind, inputs, outcome }) => kind === 'takeover' && inputs.epoch === epoch && outcome === 'completed',
  );
  expect(decided.length, 'the decision is in the history').to.be.within(1, 2);
  expect(gateway.events.types(from, 'takeover-blocked', 'takeover-cancelled')).to.deep.equal([]);
}

/** Nothing is left to do, now or after the next start. */
function isTakeoverRecorded(gateway: GatewayProcess, peer: string): Promise<true | undefined> {
  const isOver = recordOfPeer(gateway, peer)?.commandDue === false && phaseOfTakeover(gateway, peer) === 'completed';
  return Promise.resolve(isOver ? true : undefined);
}

/** The peer dies: the verdict, the epoch, the delivery, two acknowledgements, the marks, the change of owner, the end. */
export function takeoverStory(
  victim: GatewayProcess,
  peer: FakePeer,
  options: { readonly title: string; readonly important: readonly string[]; readonly only?: RegExp },
): Story<HandedOver> {
  const isUp = async (): Promise<true | undefined> =>
    (await victim.peer(peer.name)).state === 'up' ? true : undefined;

  return {
    ...options,
    async prepare(origin) {
      await peer.die();
      const epoch = (await ownershipOf(victim, peer.name)).epoch + 1;
      const from = victim.events.mark;
      // It comes back, and its work with it.
      peer.own(epoch);
      await peer.live();
      await untilDone(victim, 'the peer is up', isUp);
      await untilEvent(victim, 'owner-changed', (event) => event.to === peer.name && event.epoch === epoch, from);
      // What its return calls off, and what is remembered of it, is done when the record says so.
      await untilDone(victim, 'the record of its return', async () =>
        recordOfPeer(victim, peer.name)?.state === 'up' ? true : undefined,
      );
      // What it had before would be handed over again: its work was somebody else's since.
      for (const { origin: one, version, state } of await victim.held(peer.name))
        if (state !== 'withdrawn') await peer.send({ origin: one, version: version + 1, bytes: Buffer.alloc(0) });
      const told = toldOf(victim, origin);
      for (const [one, bytes] of told.contents)
        expect((await peer.send({ origin: one, version: told.version, bytes })).status).to.equal(200);
      return told;
    },

    async act(told) {
      await peer.die();
      await absorb(victim, told);
      await untilEvent(victim, 'takeover-completed', ({ workload }) => workload === peer.name, told.from);
      await untilDone(victim, 'the record of the takeover', () => isTakeoverRecorded(victim, peer.name));
    },

    async verify(told) {
      await peer.die();
      const [delivery] = await assertHandedOver(victim, told, 'takeover');
      await assertTakenOver(victim, peer.name, delivery!.epoch, told.from);
      const held = (await victim.held(peer.name)).filter((row) => told.origins.includes(row.origin));
      expect(held.map(({ state }) => state)).to.deep.equal(['delivered', 'delivered']);
      for (const origin of told.origins)
        expect(await digestAt(victim, `/v1/peers/${peer.name}/snapshots/${origin}`)).to.equal(
          sha256(told.contents.get(origin)!),
        );
      await untilShown('nothing is due any more', () => isTakeoverRecorded(victim, peer.name));
      expect((await victim.deliveries()).filter((delivery) => delivery.state === 'open')).to.deep.equal([]);
      await assertClean(victim);
    },
  };
}

/** The peer gives back two of the gateway's own snapshots (type 4): taken in, delivered together, acknowledged. */
export function returnStory(
  victim: GatewayProcess,
  peer: FakePeer,
  options: { readonly title: string; readonly important: readonly string[] },
): Story<HandedOver> {
  const giveBack = async (told: HandedOver, origin: string, returnId: string): Promise<void> => {
    const { version, contents } = told;
    const batch = { id: returnId, total: told.origins.length };
    const answer = await peer.send({ origin, version, bytes: contents.get(origin)!, batch });
    expect(answer.status).to.equal(200);
    told.taken.add(origin);
  };

  return {
    ...options,
    prepare: (origin) => Promise.resolve(toldOf(victim, origin)),

    async act(told) {
      for (const origin of told.origins) await giveBack(told, origin, told.origins[0]!);
      await absorb(victim, told);
    },

    async verify(told) {
      // What was answered is handed over by itself; for the rest the peer's operator begins the return again.
      const isWhole = told.taken.size === told.origins.length;
      if (!isWhole) for (const origin of told.origins) await giveBack(told, origin, `${told.origins[0]!}-again`);
      await assertHandedOver(victim, told, 'return');
      expect((await victim.deliveries()).filter((delivery) => delivery.state === 'open')).to.deep.equal([]);
      await assertClean(victim);
    },
  };
}
