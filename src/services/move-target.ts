import type { Delivery } from '../core/delivery.ts';
import { isOver, type MoveNotice, type MoveProgress } from '../core/move.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { EventHub } from './event-hub.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { Peer } from './peer.ts';
import type { Watermarks } from './watermarks.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

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
  /** Moves for which there was nothing to hand over. */
  readonly #empty = new Set<string>();
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
    if (delivery === undefined) return { state: this.#empty.has(id) ? 'ready' : 'delivering', reason: null };
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
        else if (now.phase === 'handing-over') await this.#handOver(now);
      } finally {
        this.#busy.delete(notice.id);
      }
    });
  }

  async #handOver(notice: MoveNotice): Promise<void> {
    const { deliveries, wasTakeover } = this.#parts;
    const { id, workload, epoch } = notice;
    if (wasTakeover(workload, epoch)) {
      this.onChanged();
      return;
    }
    if (this.#empty.has(id) || deliveries.ofChange(workload, epoch) !== undefined) return;
    if (this.#isOutrun(notice)) {
      this.onChanged();
      return;
    }
    if (workload === this.#context.settings.dataCenter) await this.#handReturned(notice);
    else await this.#handHeld(notice);
    this.onChanged();
  }

  #isOutrun({ workload, epoch }: Pick<MoveNotice, 'workload' | 'epoch'>): boolean {
    return this.#parts.table.row(workload).epoch >= epoch;
  }

  async #handHeld({ id, workload, from, epoch }: MoveNotice): Promise<void> {
    const { deliveries, snapshots, watermarks } = this.#parts;
    // Whatever it absorbed before was for a change of owner that came to nothing, or is over.
    const due = snapshots.due(workload, true);
    if (due.length === 0) {
      this.#empty.add(id);
      return;
    }
    const fresh = { workload, epoch, watermarks: watermarks.frozen(from), snapshots: due };
    await deliveries.create({ reason: 'takeover', dataCenter: from, ...fresh });
  }

  /** What was returned for this move, and is no delivery of this epoch yet: a crash came between, or nothing came. */
  async #handReturned({ id, workload, from, epoch }: MoveNotice): Promise<void> {
    const { deliveries, returned, watermarks } = this.#parts;
    const early = deliveries
      .list('open')
      .find(({ reason, dataCenter, workload: of }) => reason === 'return' && dataCenter === from && of === workload);
    if (early !== undefined) {
      await deliveries.giveEpoch(early.id, { epoch, watermarks: watermarks.frozen(from) });
      return;
    }
    const rows = this.#context.rules
      .newestOffered(returned.rows(from))
      .filter((row) => row.key.workload === workload && row.deliveredBy === null);
    if (rows.length === 0) {
      this.#empty.add(id);
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
