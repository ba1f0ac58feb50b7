import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import type { StoredSnapshot } from '../../src/core/snapshot.ts';
import { ImageCount, RecordingDisk, unsyncedDisk } from '../support/crash-images/recording-disk.ts';
import {
  digestFrom,
  digestOf,
  INTERVAL_MS,
  MISSES,
  OURS,
  PEER,
  ScriptedPeer,
  WholeGateway,
} from '../support/crash-images/whole-gateway.ts';

/** What somebody outside was told; it holds after every crash from the operation on at which it was said. */
interface Promised {
  readonly at: number;
  readonly what: 'accepted' | 'held' | 'returned' | 'acknowledged';
  readonly origin: string;
  readonly version: number;
}

/** Never fewer than there were: an enumeration that shrinks proves less, and nobody would notice. */
const IMAGES_LEAST = 300;
/** The wall time that every new run begins with, after all that the story took. */
const LATER_MS = 1_000_000;
const SILENCE_MS = INTERVAL_MS * (MISSES + 1);
/** More than fits into memory at once: it goes through a temp file. */
const LARGE_BYTES = 1_200_000;

describe('A whole gateway that stops at any operation of the disk, and starts again', () => {
  const images = new ImageCount();
  const folders: string[] = [];
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    console.log(`      ${images.text} of a whole gateway`);
  });

  const contents = new Map<string, Buffer>();
  const promised: Promised[] = [];

  function newRoot(): string {
    const root = mkdtempSync(join(tmpdir(), 'crossdc-whole-'));
    folders.push(root);
    for (const name of ['outgoing', 'held', 'returned', 'records']) mkdirSync(join(root, name));
    return root;
  }

  function bytesFor(origin: string, version: number, bytes: Buffer): Buffer {
    contents.set(`${origin} ${version}`, bytes);
    return bytes;
  }

  /** PUT, replication in, a return, the death of the peer, its delivery, acknowledgements: each promise where it was made. */
  async function story(): Promise<RecordingDisk> {
    const root = newRoot();
    const disk = new RecordingDisk(root);
    const peer = new ScriptedPeer(1);
    const whole = await WholeGateway.start(root, disk, peer, 0);
    const promise = (what: Promised['what'], origin: string, version: number): void =>
      void promised.push({ at: disk.length, what, origin, version });
    const { gateway } = whole;
    await peer.beat(gateway);
    await whole.timeline.settle();

    for (const text of ['first', 'second']) {
      const bytes = Buffer.from(`${text} of orders`);
      const version = await whole.put('orders', bytes);
      bytesFor('orders', version, bytes);
      promise('accepted', 'orders', version);
      await whole.run(10);
    }
    for (const [origin, version, bytes] of [
      ['accounts', 1, Buffer.from('first of accounts')],
      ['accounts', 2, Buffer.alloc(LARGE_BYTES, 'second of accounts ')],
      ['prices', 1, Buffer.from('first of prices')],
    ] as const) {
      await peer.send(gateway, { origin, version, bytes: bytesFor(origin, version, bytes) });
      promise('held', origin, version);
      await whole.timeline.settle();
    }
    const state = {
      origin: 'state',
      version: 1,
      bytes: bytesFor('state', 1, Buffer.from('given back')),
      isReturn: true,
    };
    await peer.send(gateway, state);
    promise('returned', 'state', 1);
    await whole.timeline.settle();
    const absorb = (): Promise<void> =>
      whole.absorb((delivery, origin) =>
        promise('acknowledged', origin, delivery.snapshots.find((row) => row.origin === origin)?.version ?? 0),
      );
    await absorb();

    peer.isAlive = false;
    await whole.run(SILENCE_MS);
    await absorb();
    await whole.timeline.settle();
    expect(whole.defects).to.deep.equal([]);
    await whole.end();
    expect(promised.map(({ what, origin }) => `${what} ${origin}`)).to.deep.equal([
      'accepted orders',
      'accepted orders',
      'held accounts',
      'held accounts',
      'held prices',
      'returned state',
      'acknowledged state',
      'acknowledged accounts',
      'acknowledged prices',
    ]);
    return disk;
  }

  /** Every row has its own bytes, whichever place it is in. */
  async function assertWhole(store: WholeGateway['stores']['held']): Promise<void> {
    for (const { key, version } of store.rows()) {
      const bytes = contents.get(`${key.origin} ${version}`);
      // A version that the crash kept from being answered has a number that nobody heard of.
      const digest = await digestFrom(await store.open(key, version));
      if (bytes !== undefined) expect(digest, `${key.origin} ${version}`).to.equal(digestOf(bytes));
    }
  }

  function newest(store: WholeGateway['stores']['held'], origin: string): StoredSnapshot | undefined {
    return store.rows().find((row) => row.key.origin === origin && row.place === 'live');
  }

  /** A new run on the image: nothing that was promised is missing, and everything goes on. */
  async function assertGoesOn(root: string, told: readonly Promised[]): Promise<void> {
    const peer = new ScriptedPeer(2);
    peer.isAlive = false;
    const whole = await WholeGateway.start(root, unsyncedDisk, peer, LATER_MS);
    try {
      const { gateway, stores } = whole;
      const has = (what: Promised['what']): Promised[] => told.filter((one) => one.what === what);
      for (const store of Object.values(stores)) {
        await assertWhole(store);
        expect(store.foreign()).to.deep.equal([]);
      }
      const before = new Map(gateway.api.deliveries().map((delivery) => [delivery.id, delivery]));
      for (const { origin, version } of has('accepted'))
        expect(newest(stores.outgoing, origin)?.version ?? 0, `accepted ${origin}`).to.be.at.least(version);
      for (const { origin, version } of has('held'))
        expect(newest(stores.held, origin)?.version ?? 0, `held ${origin}`).to.be.at.least(version);

      // The peer stays away: what is due is delivered, in whatever step the crash came.
      await whole.run(SILENCE_MS);
      const absorbed = new Map<string, string>();
      await whole.absorb((delivery, origin, digest) => absorbed.set(`${delivery.reason} ${origin}`, digest));
      await whole.run(10);
      const deliveries = gateway.api.deliveries();
      expect(deliveries.filter(({ state }) => state === 'open')).to.deep.equal([]);
      for (const { origin, version } of has('acknowledged')) {
        expect(absorbed.has(`takeover ${origin}`), `${origin} was acknowledged before`).to.equal(false);
        expect(absorbed.has(`return ${origin}`), `${origin} was acknowledged before`).to.equal(false);
        const rows = [...before.values()].flatMap(({ snapshots }) => snapshots);
        const states = rows.filter((row) => row.origin === origin && row.version === version).map((row) => row.state);
        expect(states).to.deep.equal(['acknowledged']);
      }
      for (const [reason, promises] of [
        ['takeover', has('held')],
        ['return', has('returned')],
      ] as const) {
        for (const { origin } of promises) {
          const mine = deliveries.filter(
            (one) => one.reason === reason && one.snapshots.some((row) => row.origin === origin),
          );
          expect(
            mine.map(({ state }) => state),
            `${reason} of ${origin}`,
          ).to.deep.equal(['done']);
        }
      }
      const events = await whole.eventLog.read(0, 1000);
      if (has('held').length > 0) assertTakenOver(whole, events);
      for (const { id } of deliveries)
        expect(
          events.filter((event) => event.type === 'delivery-done' && event.delivery.id === id),
          `the end of ${id} was said`,
        ).to.have.length.above(0);

      // It goes on: both ways, with greater numbers.
      const version = await whole.put('orders', Buffer.from('third'));
      expect(version).to.be.above(Math.max(0, ...has('accepted').map((one) => one.version)));
      peer.isAlive = true;
      await peer.beat(gateway);
      await peer.send(gateway, { origin: 'accounts', version: 3, bytes: Buffer.from('third of accounts') });
      await whole.run(INTERVAL_MS);
      expect(newest(stores.held, 'accounts')?.version).to.equal(3);
      expect(peer.rows.get('orders')?.version).to.equal(version);
      expect(gateway.api.peer(PEER).state).to.equal('up');
      expect(whole.defects).to.deep.equal([]);
    } finally {
      await whole.end();
    }
  }

  /** The dead peer's work is ours, under the one epoch that it was handed over with, and that was said. */
  function assertTakenOver({ gateway: { api } }: WholeGateway, events: readonly GatewayEvent[]): void {
    const { owner, epoch, takeover, primary } = api.ownership.row(PEER);
    expect({ owner, phase: takeover?.phase, primary }).to.deep.equal({
      owner: OURS,
      phase: 'completed',
      primary: true,
    });
    const handedOver = api.deliveries().filter(({ reason }) => reason === 'takeover');
    expect(handedOver.map((delivery) => delivery.epoch)).to.deep.equal([epoch]);
    for (const type of ['takeover-started', 'takeover-checked', 'owner-changed', 'takeover-completed'])
      expect(
        events.map((event) => event.type),
        `${type} was said`,
      ).to.include(type);
    const isSaid = events.some((event) => event.type === 'takeover-completed' && event.epoch === epoch);
    expect(isSaid, `epoch ${epoch} was said`).to.equal(true);
  }

  it('keeps every promise that was made before, and goes on', async function () {
    this.timeout(120_000);
    const disk = await story();
    for (const { image, operations } of disk.crashes(images, {
      promises: promised.map(({ at }) => at),
      names: 'few',
    })) {
      const told = promised.filter(({ at }) => at <= operations);
      await images.start(image, async (root) => {
        await assertGoesOn(root, told).catch((error: unknown) => {
          throw new Error(`crash after ${operations} of ${disk.length}, ${image.about}: ${String(error)}`, {
            cause: error,
          });
        });
      });
    }
    expect(images.crashes).to.be.at.least(IMAGES_LEAST);
  });
});
