import type { Delivery } from '../core/delivery.ts';
import { isOver, withoutDelivery, type MoveNotice, type MoveProgress } from '../core/move.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { EventHub } from './event-hub.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { Peer } from './peer.ts';
import type { Watermarks } from './watermarks.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

/** How often it is looked whether it is known by now what there is to deliver. */
const KNOWN_POLL_MS = 250;

interface Parts {
  readonly table: OwnershipTable;
  readonly deliveries: Deliveries;
  readonly snapshots: WorkloadSnapshots;
  readonly returned: SnapshotStore;
  readonly events: EventHub;
  readonly watermarks: Watermarks;
  /** Whether a takeover of ours was given the epoch: we could not hear then that the owner had reserved it as well. */
  readonly wasTakeover: (workload: string, epoch: number) => boolean;
}

/**
 * The target's side of a planned move: it hands the state to its application when the owner says so, tells how far that
 * is, and waits for the owner's row. It keeps nothing of its own but the delivery, which bears the move's epoch: so a
 * crash here loses nothing that the owner's next notice does not bring again.
 */
export class MoveTarget {
  readonly #context: Context;
  readonly #parts: Parts;
  /** The last notice of each workload, whoever the target is. */
  readonly #notices = new Map<string, MoveNotice>();
  /** How far those moves are for which there was nothing to deliver. */
  readonly #without = new Map<string, Pick<MoveProgress, 'state' | 'reason'>>();
  /** Those for which it is not known yet what there is to deliver. */
  readonly #waiting = new Set<string>();
  /** Moves whose delivery is being made or called off. */
  readonly #busy = new Set<string>();
  /** Called when what we tell the owner has changed. */
  onChanged: () => void = () => undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  notice(workload: string): MoveNotice | undefined {
    return this.#notices.get(workload);
  }

  /** The epoch of a return that belongs to a move to us; undefined for any other return. */
  epochOf(returnId: string): number | undefined {
    return [...this.#notices.values()].find((notice) => notice.id === returnId)?.epoch;
  }

  /** What we say of moves to us. */
  progress(): readonly MoveProgress[] {
    const { dataCenter } = this.#context.settings;
    return [...this.#notices.values()].flatMap((notice) => {
      if (notice.to !== dataCenter || notice.phase !== 'handing-over') return [];
      return [{ id: notice.id, workload: notice.workload, ...this.#stateOf(notice) }];
    });
  }

  #stateOf({ id, workload, epoch }: MoveNotice): { state: MoveProgress['state']; reason: string | null } {
    // What that takeover delivered is not what the owner hands over: the application would begin without the last of it.
    if (this.#parts.wasTakeover(workload, epoch))
      return { state: 'failed', reason: `a takeover there was given epoch ${epoch} too; try again` };
    const delivery = this.#parts.deliveries.ofChange(workload, epoch);
    // Its owner has not heard yet that somebody else took it over meanwhile.
    if (this.#isOutrun({ workload, epoch })) return { state: 'failed', reason: 'another data centre owns it by now' };
    if (delivery === undefined) return this.#without.get(id) ?? { state: 'delivering', reason: null };
    switch (delivery.state) {
      case 'open':
        return { state: 'delivering', reason: null };
      case 'done':
        // Its last acknowledgement may still be on its way to the disk, and nobody was told of its end.
        return { state: this.#parts.deliveries.isOver(delivery) ? 'ready' : 'delivering', reason: null };
      case 'cancelled':
        return { state: 'failed', reason: 'its delivery was cancelled' };
    }
  }

  /** An owner speaks of its own moves; of nobody else's. */
  heard(peer: Peer, moves: readonly MoveNotice[]): void {
    for (const notice of moves) {
      if (notice.from !== peer.name || !this.#parts.table.knows(notice.workload)) continue;
      const before = this.#notices.get(notice.workload);
      // A late copy of an older word changes nothing.
      if (before !== undefined && before.epoch > notice.epoch) continue;
      if (before?.id === notice.id && isOver(before.phase)) continue;
      this.#notices.set(notice.workload, notice);
      if (notice.to === this.#context.settings.dataCenter) this.#follow(peer, notice);
    }
  }

  /** A delivery ended: the owner waits for that. */
  deliveryDone(delivery: Delivery): void {
    const notice = this.#notices.get(delivery.workload);
    if (notice?.epoch === delivery.epoch && notice.phase === 'handing-over') this.onChanged();
  }

  #follow(peer: Peer, notice: MoveNotice): void {
    if (notice.phase !== 'handing-over' && notice.phase !== 'rolled-back') return;
    if (this.#busy.has(notice.id)) return;
    this.#busy.add(notice.id);
    peer.followUps.add(async () => {
      try {
        // As it is now: more may have been heard since.
        const now = this.#notices.get(notice.workload);
        if (now?.id !== notice.id) return;
        if (now.phase === 'rolled-back') await this.#callOff(now);
        else if (now.phase === 'handing-over') await this.#handOver(peer, now);
      } finally {
        this.#busy.delete(notice.id);
      }
    });
  }

  async #handOver(peer: Peer, notice: MoveNotice): Promise<void> {
    const { deliveries, returned, snapshots, wasTakeover } = this.#parts;
    const { id, workload, epoch } = notice;
    if (wasTakeover(workload, epoch)) {
      this.onChanged();
      return;
    }
    if (this.#without.has(id) || deliveries.ofChange(workload, epoch) !== undefined) return;
    if (this.#isOutrun(notice)) {
      this.onChanged();
      return;
    }
    const isHome = workload === this.#context.settings.dataCenter;
    const store = isHome ? returned : snapshots;
    // What is not known is not nothing: the owner waits until it is, or rolls back.
    if (!store.isKnown) {
      this.#waitFor(store, peer, notice);
      return;
    }
    if (isHome) await this.#handReturned(notice);
    else await this.#handHeld(notice);
    this.onChanged();
  }

  /** The owner's next word makes us look again; but with heartbeats switched off there may be none. */
  #waitFor(store: { readonly isKnown: boolean }, peer: Peer, { id, workload }: MoveNotice): void {
    const { clock, tasks } = this.#context;
    if (this.#waiting.has(id)) return;
    this.#waiting.add(id);
    const wanted = (): MoveNotice | undefined => {
      const now = this.#notices.get(workload);
      return now?.id === id && now.phase === 'handing-over' ? now : undefined;
    };
    tasks.run('hand over when it is known what there is', async (signal) => {
      while (!store.isKnown && wanted() !== undefined && !signal.aborted) await clock.sleep(KNOWN_POLL_MS, signal);
      this.#waiting.delete(id);
      const now = wanted();
      if (now !== undefined && !signal.aborted) this.#follow(peer, now);
    });
  }

  #isOutrun({ workload, epoch }: Pick<MoveNotice, 'workload' | 'epoch'>): boolean {
    return this.#parts.table.row(workload).epoch >= epoch;
  }

  async #handHeld({ id, workload, from, epoch, snapshots: count }: MoveNotice): Promise<void> {
    const { deliveries, snapshots, watermarks } = this.#parts;
    // Whatever it absorbed before was for a change of owner that came to nothing, or is over.
    const due = snapshots.due(workload, true);
    if (due.length === 0) {
      // What its application posted itself is not due, nor what was withdrawn: but that is held then.
      this.#without.set(id, withoutDelivery(count, snapshots.isAnyHeld(workload)));
      return;
    }
    const fresh = { workload, epoch, watermarks: watermarks.frozen(from), snapshots: due };
    await deliveries.create({ reason: 'takeover', dataCenter: from, ...fresh });
  }

  /** What was returned for this move, and is no delivery of this epoch yet: a crash came between, or nothing came. */
  async #handReturned({ id, workload, from, epoch, snapshots: count }: MoveNotice): Promise<void> {
    const { deliveries, returned, watermarks } = this.#parts;
    const returns = deliveries
      .list()
      .filter(({ reason, dataCenter, workload: of }) => reason === 'return' && dataCenter === from && of === workload);
    const early = returns.find(({ state }) => state === 'open');
    if (early !== undefined) {
      await deliveries.giveEpoch(early.id, { epoch, watermarks: watermarks.frozen(from) });
      return;
    }
    const came = returned.rows(from).filter(({ key }) => key.workload === workload);
    const rows = this.#context.rules.newestOffered(came).filter((row) => row.deliveredBy === null);
    if (rows.length === 0) {
      // It may have been absorbed before the owner's word of it came, and what was is not kept for ever.
      this.#without.set(id, withoutDelivery(count, came.length > 0 || returns.length > 0));
      return;
    }
    const fresh = { workload, epoch, watermarks: watermarks.frozen(from), snapshots: rows };
    await deliveries.create({ reason: 'return', dataCenter: from, ...fresh });
  }

  async #callOff({ workload, from, epoch, reason }: MoveNotice): Promise<void> {
    const { deliveries, events, wasTakeover } = this.#parts;
    // The delivery of that epoch is the takeover's.
    if (wasTakeover(workload, epoch)) return;
    const delivery = deliveries.ofChange(workload, epoch);
    if (delivery?.state !== 'open') return;
    await deliveries.cancel(delivery.id);
    await events.publish({
      type: 'takeover-cancelled',
      workload,
      dataCenter: from,
      epoch,
      delivery: delivery.id,
      move: workload === this.#context.settings.dataCenter ? 'failback' : 'switchover',
      reason: `the move was rolled back: ${reason ?? 'no reason'}`,
    });
  }
}
