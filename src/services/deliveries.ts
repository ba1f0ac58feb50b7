import {
  announceAgain,
  cancel,
  createDelivery,
  findRow,
  keyOfRow,
  pins,
  replaceVersion,
  type Delivery,
  type DeliveredSnapshot,
  type NewDelivery,
} from '../core/delivery.ts';
import type { SnapshotKey } from '../core/snapshot.ts';
import { GatewayError } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import type { SnapshotReader, SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import { handedOver, markDelivered, unmarked } from './delivery-marks.ts';
import { loadDeliveries, recordName, recordOf } from './delivery-records.ts';
import type { DurableRecords } from './durable-records.ts';
import type { EventHub } from './event-hub.ts';
import { SECOND_MS } from '../units.ts';

/** How many finished deliveries are kept for looking at. */
const FINISHED_KEPT = 100;

export interface Which {
  readonly origin: string;
  readonly workload: string | undefined;
  readonly version?: number | undefined;
}

/** Hands snapshots to the application, each until it is acknowledged or rejected, across restarts of both. */
export class Deliveries {
  readonly #context: Context;
  readonly #records: DurableRecords;
  readonly #events: EventHub;
  readonly #damage: Damage;
  readonly #held: SnapshotStore;
  readonly #returned: SnapshotStore;
  readonly #all = new Map<string, Delivery>();
  /** Not durable or not announced yet: nobody is told of a repeat before the first announcement. */
  readonly #unannounced = new Set<string>();
  /** Those whose end is being said, or was. */
  readonly #ended = new Map<string, 'saying' | 'said'>();
  /** Called off while the answer that ends them was written: if the disk does not take that, they are open no more. */
  readonly #calledOff = new Set<string>();
  /** Monotonic: when each was made, in whichever run. */
  readonly #madeAt = new Map<string, number>();
  #lastId = 0;
  /** Called when a delivery is done and its end was said; again after a restart that may have come before that. */
  onDone: (delivery: Delivery) => void = () => undefined;

  constructor(
    context: Context,
    parts: { records: DurableRecords; events: EventHub; damage: Damage; held: SnapshotStore; returned: SnapshotStore },
  ) {
    this.#context = context;
    this.#records = parts.records;
    this.#events = parts.events;
    this.#damage = parts.damage;
    this.#held = parts.held;
    this.#returned = parts.returned;
  }

  /** Brings back what a former run left: open ones go on, a finished one whose marks a crash cut off is marked now. */
  async load(): Promise<void> {
    const { clock } = this.#context;
    for (const { delivery, isEndSaid } of await loadDeliveries(this.#records)) {
      this.#all.set(delivery.id, delivery);
      this.#madeAt.set(delivery.id, clock.now() - Math.max(0, clock.wallMs() - Date.parse(delivery.createdAt)));
      this.#lastId = Math.max(this.#lastId, Number(delivery.id));
      if (delivery.state !== 'done') continue;
      // A crash may have come before its marks, or before its end was said: nobody may wait for that for ever.
      if (isEndSaid && unmarked(delivery, this.#storeOf(delivery)).length === 0) this.#ended.set(delivery.id, 'said');
      else await this.#finished(delivery);
    }
  }

  /** What is held is known only now: marks that a crash cut off, and that could not be seen to be missing, are made. */
  async storeKnown(): Promise<void> {
    for (const delivery of this.list('done'))
      if (unmarked(delivery, this.#storeOf(delivery)).length > 0)
        await markDelivered(this.#context, delivery, this.#storeOf(delivery));
  }

  list(state?: Delivery['state']): Delivery[] {
    return [...this.#all.values()].filter((delivery) => state === undefined || delivery.state === state);
  }

  /** @throws GatewayError not-found */
  get(id: string): Delivery {
    const delivery = this.#all.get(id);
    if (delivery === undefined) throw new GatewayError('not-found', `There is no delivery "${id}".`, { field: 'id' });
    return delivery;
  }

  has(id: string): boolean {
    return this.#all.has(id);
  }

  isPinned(key: SnapshotKey, version: number): boolean {
    for (const delivery of this.#all.values()) if (pins(delivery, key, version)) return true;
    return false;
  }

  /** Whether a takeover that is done handed this version over, or a newer one: its marks in the store may still follow. */
  hasHandedOver(key: SnapshotKey, version: number): boolean {
    return this.list('done').some((delivery) => handedOver(delivery, key, version));
  }

  /** Durable before it is announced; announced even when the disk does not take it now. */
  async create(fresh: Omit<NewDelivery, 'id' | 'createdAt'>): Promise<Delivery> {
    const { clock, rules, telemetry } = this.#context;
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    const delivery = createDelivery({ ...fresh, id: String(this.#lastId), createdAt: isoTime(clock.wallMs()) });
    this.#unannounced.add(delivery.id);
    this.#all.set(delivery.id, delivery);
    this.#madeAt.set(delivery.id, clock.now());
    await this.#records.settle(recordName(delivery.id), delivery);
    telemetry.deliveryCreated(fresh.reason);
    await this.#events.publish({ type: 'delivery', attempt: delivery.attempt, delivery });
    this.#unannounced.delete(delivery.id);
    await this.#forgetOldest();
    return delivery;
  }

  /** A return that turned out to belong to a change of owner: announced again, with the epoch that the owner will have. */
  async giveEpoch(id: string, change: Pick<Delivery, 'epoch' | 'watermarks'>): Promise<void> {
    const delivery = announceAgain({ ...this.get(id), ...change });
    this.#all.set(id, delivery);
    await this.#records.settle(recordName(id), recordOf(delivery, this.#ended.get(id) === 'said'));
    if (delivery.state === 'open')
      await this.#events.publish({ type: 'delivery', attempt: delivery.attempt, delivery });
  }

  /** Every open delivery, announced once more. */
  repeats(): readonly Delivery[] {
    return this.list('open')
      .filter((delivery) => !this.#unannounced.has(delivery.id))
      .map((delivery) => {
        const again = announceAgain(delivery);
        this.#all.set(again.id, again);
        return again;
      });
  }

  /** @throws GatewayError not-found, delivery-conflict; snapshot-replaced when another version is offered from now on */
  async open(id: string, which: Which): Promise<SnapshotReader> {
    const delivery = this.get(id);
    const row = this.#row(delivery, which);
    if (delivery.state === 'cancelled') throw cancelledError(delivery);
    if (row.state === 'damaged')
      throw new GatewayError('not-found', `No version of "${row.origin}" is left that could be offered.`, {
        field: 'origin',
      });
    const key = keyOfRow(delivery, row);
    try {
      return await this.#damage.open(this.#storeOf(delivery), key, row.version);
    } catch (error) {
      const isGone = error instanceof GatewayError && (error.code === 'snapshot-damaged' || error.code === 'not-found');
      if (!isGone || delivery.state !== 'open') throw error;
      const now = await this.#offerBefore(id, row, 'damaged');
      const fresh = findRow(now, row.origin, row.workload);
      const offered =
        fresh?.state === 'pending' ? `version ${fresh.version} is offered instead` : 'no other version is left';
      throw new GatewayError(
        'snapshot-replaced',
        `Version ${row.version} of "${row.origin}" was found damaged and set aside; ${offered}.`,
        { cause: error },
      );
    }
  }

  /** @throws GatewayError not-found, delivery-conflict; store errors, in which case nothing changed */
  async acknowledge(id: string, which: Which): Promise<void> {
    const settled = this.#settle(id, which, 'acknowledged');
    // A repeated acknowledgement may follow one whose record the disk did not take: it is written again.
    const answered = settled?.delivery ?? this.get(id);
    await this.#change(answered);
    if (answered.state === 'done') await this.#finished(answered);
  }

  /** As `acknowledge`; the version goes to quarantine and the one before is offered, if there is one. */
  async reject(id: string, which: Which & { readonly reason: string }): Promise<void> {
    const settled = this.#settle(id, which, 'rejected');
    if (settled === null) return;
    const { row } = settled;
    const delivery = this.get(id);
    const key = keyOfRow(delivery, row);
    await this.#storeOf(delivery).move(key, row.version, { place: 'quarantined', reason: `rejected: ${which.reason}` });
    this.#context.telemetry.snapshotRejected(delivery.dataCenter);
    const { origin, workload } = row;
    await this.#events.publish({
      type: 'snapshot-rejected',
      delivery: id,
      dataCenter: delivery.dataCenter,
      workload,
      origin,
      version: row.version,
      reason: which.reason,
    });
    await this.#offerBefore(id, row, 'rejected');
  }

  /** What it would hand over is not to be taken over any more; what is held stays held. One that is over stays as it is. */
  async cancel(id: string): Promise<void> {
    const delivery = this.get(id);
    if (delivery.state === 'done' && !this.#ended.has(id)) this.#calledOff.add(id);
    const cancelled = cancel(delivery);
    if (cancelled.state !== 'cancelled') return;
    this.#all.set(cancelled.id, cancelled);
    await this.#records.settle(recordName(cancelled.id), cancelled);
  }

  /** Whether the application has state of the workload to absorb. Asked every few milliseconds by load balancers. */
  hasOpenOf(workload: string): boolean {
    for (const { state, workload: of, snapshots } of this.#all.values())
      if (state === 'open' && (of === workload || snapshots.some((row) => row.workload === workload))) return true;
    return false;
  }

  /** Whether its end is durable and was said: what follows from that may follow. A cancelled one is over at once. */
  isOver({ id, state }: Delivery): boolean {
    return state === 'cancelled' || (state === 'done' && this.#ended.get(id) === 'said');
  }

  /** The one delivery that was made for a change of owner; each has an epoch of its own. */
  ofChange(workload: string, epoch: number): Delivery | undefined {
    return this.list().find(
      (delivery) => delivery.workload === workload && delivery.epoch === epoch && delivery.reason !== 'manual',
    );
  }

  #settle(
    id: string,
    which: Which,
    state: 'acknowledged' | 'rejected',
  ): { delivery: Delivery; row: DeliveredSnapshot; done: boolean } | null {
    const delivery = this.get(id);
    const settled = this.#context.rules.settle(delivery, { ...which, state });
    switch (settled.kind) {
      case 'settled':
        return settled;
      case 'repeated':
        return null;
      case 'no-such-snapshot':
        throw new GatewayError('not-found', `The delivery "${id}" has no snapshot of "${which.origin}".`, {
          field: 'origin',
        });
      case 'cancelled':
        throw cancelledError(delivery);
      case 'other-version':
        throw new GatewayError(
          'delivery-conflict',
          `The delivery offers version ${settled.version} of "${which.origin}" now.`,
          { field: 'version', facts: { has: settled.version } },
        );
      case 'settled-otherwise':
        throw new GatewayError('delivery-conflict', `The snapshot of "${which.origin}" is ${settled.state} already.`);
    }
  }

  async #offerBefore(id: string, row: DeliveredSnapshot, exhausted: 'damaged' | 'rejected'): Promise<Delivery> {
    // As it is now: while the caller waited for the disk, other rows may have been answered, or all of it cancelled.
    const delivery = this.get(id);
    if (delivery.state !== 'open') return delivery;
    const current = findRow(delivery, row.origin, row.workload);
    // Somebody else who read at the same time has already been given another version.
    if (current?.version !== row.version || current.state !== 'pending') return delivery;
    const [before] = this.#storeOf(delivery)
      .rowsOf(keyOfRow(delivery, row))
      .filter((stored) => stored.place === 'live' && !stored.withdrawn && stored.version < row.version);
    const replaced = replaceVersion(delivery, current, before, exhausted);
    // With nothing new to offer there is nothing to announce.
    const next = before === undefined ? replaced : announceAgain(replaced);
    this.#all.set(next.id, next);
    await this.#records.settle(recordName(next.id), recordOf(next, false));
    if (next.state === 'done') await this.#finished(next);
    else if (before !== undefined)
      await this.#events.publish({ type: 'delivery', attempt: next.attempt, delivery: next });
    return next;
  }

  /** The application's word is durable before it is believed. */
  async #change(delivery: Delivery): Promise<void> {
    const before = this.#all.get(delivery.id);
    this.#all.set(delivery.id, delivery);
    try {
      await this.#records.write(recordName(delivery.id), recordOf(delivery, this.#ended.get(delivery.id) === 'said'));
    } catch (error) {
      const now = this.#all.get(delivery.id);
      // A repeat that was announced meanwhile changed nothing but the number of attempts.
      if (now?.state === delivery.state && now.snapshots === delivery.snapshots && before !== undefined)
        this.#all.set(delivery.id, { ...before, attempt: now.attempt });
      if (this.#calledOff.delete(delivery.id)) await this.cancel(delivery.id);
      throw error;
    }
    this.#calledOff.delete(delivery.id);
  }

  /** Once for each delivery, whoever gave the last answer and however often. */
  async #finished(delivery: Delivery): Promise<void> {
    if (this.#ended.has(delivery.id)) return;
    this.#ended.set(delivery.id, 'saying');
    await markDelivered(this.#context, delivery, this.#storeOf(delivery));
    const now = this.#context.clock.now();
    const seconds = (now - (this.#madeAt.get(delivery.id) ?? now)) / SECOND_MS;
    await this.#events.publish({ type: 'delivery-done', delivery, seconds });
    this.#ended.set(delivery.id, 'said');
    await this.#records.settle(recordName(delivery.id), recordOf(delivery, true));
    this.onDone(delivery);
  }

  async #forgetOldest(): Promise<void> {
    const finished = this.list().filter((delivery) => delivery.state !== 'open');
    for (const delivery of finished.slice(0, Math.max(0, finished.length - FINISHED_KEPT))) {
      this.#all.delete(delivery.id);
      this.#ended.delete(delivery.id);
      this.#madeAt.delete(delivery.id);
      await this.#records.remove(recordName(delivery.id));
    }
  }

  #row(delivery: Delivery, which: Which): DeliveredSnapshot {
    const row = findRow(delivery, which.origin, which.workload);
    if (row === undefined)
      throw new GatewayError('not-found', `The delivery "${delivery.id}" has no snapshot of "${which.origin}".`, {
        field: 'origin',
      });
    return row;
  }

  #storeOf(delivery: Delivery): SnapshotStore {
    return delivery.reason === 'return' ? this.#returned : this.#held;
  }
}

function cancelledError(delivery: Delivery): GatewayError {
  return new GatewayError(
    'delivery-conflict',
    `The delivery "${delivery.id}" was cancelled: the workload "${delivery.workload}" is not taken over.`,
  );
}
