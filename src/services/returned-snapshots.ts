import type { StoredSnapshot } from '../core/snapshot.ts';
import type { Watermarks } from '../core/watermarks.ts';
import { GatewayError } from '../errors.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import { SECOND_MS } from '../units.ts';
import type { SnapshotEnvelope } from '../wire/snapshot-headers.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { Identity } from './identity.ts';
import type { OwnSnapshots } from './own-snapshots.ts';

/** How long an incomplete return is waited for, after the last of its snapshots, before what came is delivered. */
const BATCH_PATIENCE_MS = 30 * SECOND_MS;
const BATCHES_KEPT = 16;

interface Batch {
  readonly id: string;
  readonly dataCenter: string;
  readonly total: number;
  readonly seen: Set<string>;
  /** Stored, and not yet part of a delivery. */
  readonly rows: Map<string, { origin: string; workload: string; version: number }>;
  /** Part of a delivery already: a copy that comes again, because its answer was lost, is no second one. */
  readonly delivered: Set<string>;
  isDelivered: boolean;
  /** Snapshots of it that are arriving now; a large one may take longer than any patience. */
  arriving: number;
  touchedAt: number;
}

/**
 * Our own snapshots that a peer gives back (type 4), kept apart from what it replicated. Those of one return that
 * are of one workload are delivered together, because an application wants its whole state before it publishes anything.
 */
export class ReturnedSnapshots {
  readonly #context: Context;
  readonly #store: SnapshotStore;
  readonly #held: HeldSnapshots;
  readonly #own: OwnSnapshots;
  readonly #identity: Identity;
  readonly #deliveries: Deliveries;
  readonly #batches = new Map<string, Batch>();
  /** The epoch of the change of owner that a return belongs to, by the id of the return; undefined: it is none. */
  epochOfMove: (returnId: string) => number | undefined = () => undefined;
  /** The present epoch of a workload. */
  epochOf: (workload: string) => number = () => 0;
  /** How far the application of a data centre has got by its last word: what is delivered for a change of owner has it. */
  watermarksOf: (dataCenter: string) => Watermarks = () => ({});

  constructor(
    context: Context,
    parts: { store: SnapshotStore; held: HeldSnapshots; own: OwnSnapshots; identity: Identity; deliveries: Deliveries },
  ) {
    this.#context = context;
    this.#store = parts.store;
    this.#held = parts.held;
    this.#own = parts.own;
    this.#identity = parts.identity;
    this.#deliveries = parts.deliveries;
  }

  /** Delivers what a former run took in and did not come to deliver. */
  async resume(): Promise<void> {
    const known = new Set(
      this.#deliveries
        .list()
        .flatMap((delivery) =>
          delivery.reason === 'return'
            ? delivery.snapshots.map((row) => nameOf(delivery.dataCenter, row.workload, row.origin, row.version))
            : [],
        ),
    );
    const waiting = this.#context.rules
      .newestOffered(this.#store.rows())
      .filter(
        (row) =>
          row.deliveredBy === null &&
          !known.has(nameOf(row.key.dataCenter, row.key.workload, row.key.origin, row.version)),
      );
    for (const dataCenter of new Set(waiting.map((row) => row.key.dataCenter))) {
      const ofPeer = byWorkload(waiting.filter((row) => row.key.dataCenter === dataCenter));
      for (const [workload, snapshots] of ofPeer) {
        const epoch = this.epochOf(workload);
        await this.#deliveries.create({ reason: 'return', dataCenter, workload, epoch, snapshots });
      }
    }
  }

  /** Takes in a snapshot of type 4. @throws GatewayError as PeerInbox.receiveSnapshot */
  async receive(envelope: SnapshotEnvelope, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const batch = this.#batchOf(envelope);
    batch.arriving += 1;
    try {
      await this.#receiveIn(batch, envelope, content, signal);
    } finally {
      batch.arriving -= 1;
      batch.touchedAt = this.#context.clock.now();
    }
  }

  async #receiveIn(
    batch: Batch,
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { workload, origin, description, dataCenterOrigin } = envelope;
    const own = this.#own.newestOfThisRun(this.#own.key(origin, workload));
    if (own !== undefined && own.version >= description.version) {
      this.#seen(batch, envelope, false);
      throw new GatewayError(
        'origin-has-newer',
        `Version ${own.version} of "${origin}" was accepted here in the present run.`,
        { facts: { has: own.version } },
      );
    }
    const key = { dataCenter: dataCenterOrigin, workload, origin };
    try {
      await this.#held.takeIn(this.#store, { key, envelope, watched: 'returned' }, content, signal);
    } catch (error) {
      if (error instanceof GatewayError && error.status === 409) this.#seen(batch, envelope, false);
      throw error;
    }
    for (const row of this.#context.rules.expendable(this.#store.rowsOf(key), 0, (version) =>
      this.#deliveries.isPinned(key, version),
    )) {
      await this.#store.remove(key, row.version);
    }
    this.#seen(batch, envelope, true);
  }

  #batchOf(envelope: SnapshotEnvelope): Batch {
    const { batch, dataCenterOrigin, version } = { ...envelope, version: envelope.description.version };
    const id = batch?.id ?? `${envelope.workload} ${envelope.origin} ${version}`;
    const name = `${dataCenterOrigin} ${id}`;
    const known = this.#batches.get(name);
    if (known !== undefined) return known;
    const fresh: Batch = {
      id,
      dataCenter: dataCenterOrigin,
      total: batch?.total ?? 1,
      seen: new Set(),
      rows: new Map(),
      delivered: new Set(),
      isDelivered: false,
      arriving: 0,
      touchedAt: this.#context.clock.now(),
    };
    // What came alone is complete with itself: the same one returned again is a return of its own.
    if (batch !== null) this.#batches.set(name, fresh);
    for (const [old, other] of this.#batches) {
      if (this.#batches.size <= BATCHES_KEPT) break;
      if (other.isDelivered) this.#batches.delete(old);
    }
    this.#context.tasks.run('wait for a return to be complete', (signal) => this.#wait(fresh, signal));
    return fresh;
  }

  #seen(batch: Batch, envelope: SnapshotEnvelope, isDeliverable: boolean): void {
    const name = `${envelope.workload}\0${envelope.origin}`;
    batch.touchedAt = this.#context.clock.now();
    batch.seen.add(name);
    const { workload, origin } = envelope;
    if (isDeliverable) batch.rows.set(name, { workload, origin, version: envelope.description.version });
    // One that comes after the others were delivered follows by itself: it was stored, and must not be forgotten.
    if (batch.isDelivered || batch.seen.size >= batch.total)
      this.#context.tasks.run('deliver a return', () => this.#deliver(batch));
  }

  async #wait(batch: Batch, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    while (!signal.aborted && !batch.isDelivered) {
      const left = batch.arriving > 0 ? BATCH_PATIENCE_MS : batch.touchedAt + BATCH_PATIENCE_MS - clock.now();
      if (left <= 0) return this.#deliver(batch);
      await clock.sleep(left, signal);
    }
  }

  async #deliver(batch: Batch): Promise<void> {
    batch.isDelivered = true;
    const rows: StoredSnapshot[] = [];
    const arrived = [...batch.rows.values()];
    batch.rows.clear();
    for (const { workload, origin, version } of arrived) {
      const name = nameOf(batch.dataCenter, workload, origin, version);
      if (batch.delivered.has(name) || this.#isWaiting(name)) continue;
      batch.delivered.add(name);
      const stored = this.#store.rowsOf({ dataCenter: batch.dataCenter, workload, origin });
      const row = stored.find((one) => one.version === version && one.place === 'live' && !one.withdrawn);
      if (row !== undefined) rows.push(row);
    }
    for (const [workload, snapshots] of byWorkload(rows)) await this.#deliverOf(workload, batch, snapshots);
  }

  async #deliverOf(workload: string, batch: Batch, snapshots: readonly StoredSnapshot[]): Promise<void> {
    const epoch = this.epochOfMove(batch.id);
    // The owner resumed a move after a crash and sends again what was delivered for it.
    if (epoch !== undefined && this.#deliveries.ofChange(workload, epoch) !== undefined) return;
    await this.#deliveries.create({
      reason: 'return',
      dataCenter: batch.dataCenter,
      workload,
      epoch: epoch ?? this.epochOf(workload),
      ...(epoch === undefined ? {} : { watermarks: this.watermarksOf(batch.dataCenter) }),
      snapshots,
    });
  }

  /** Whether an open delivery offers it already, and goes on announcing it. */
  #isWaiting(name: string): boolean {
    return this.#deliveries
      .list('open')
      .filter((delivery) => delivery.reason === 'return')
      .some(({ dataCenter, snapshots }) =>
        snapshots.some(
          (row) => row.state === 'pending' && nameOf(dataCenter, row.workload, row.origin, row.version) === name,
        ),
      );
  }
}

/** Each workload has a fencing token of its own, and a delivery has one: so those of two are two deliveries. */
function byWorkload(rows: readonly StoredSnapshot[]): ReadonlyMap<string, readonly StoredSnapshot[]> {
  const workloads = [...new Set(rows.map((row) => row.key.workload))];
  return new Map(workloads.map((workload) => [workload, rows.filter((row) => row.key.workload === workload)]));
}

function nameOf(dataCenter: string, workload: string, origin: string, version: number): string {
  return `${dataCenter}\0${workload}\0${origin}\0${version}`;
}
