import { HELD_UNKNOWN, needsHeld, type Lag, type Move } from '../core/move.ts';
import { isSinceEpoch } from '../core/ordering.ts';
import type { StoredSnapshot } from '../core/snapshot.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { HandBack, Offered } from './hand-back.ts';
import { RollBack, type MoveWatch } from './move-watch.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { Peer } from './peer.ts';
import type { SnapshotRequests } from './snapshot-requests.ts';
import { bounded } from './wake.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

/** How long the target has to take the last snapshots once we stand down. */
const FLUSH_MS = 30 * SECOND_MS;

interface Parts {
  readonly table: OwnershipTable;
  readonly own: OwnSnapshots;
  readonly snapshots: WorkloadSnapshots;
  readonly requests: SnapshotRequests;
  readonly handBack: HandBack;
  readonly damage: Damage;
  readonly stores: Readonly<Record<'outgoing' | 'held' | 'returned', Offered['store']>>;
  readonly watch: MoveWatch;
}

/**
 * Brings the state of a workload to the target of its move: all of it while we still do the work, so that little is left
 * to send once we stand down, and then the rest. It keeps nothing: what is there and what is lacking says how far it is.
 */
export class MoveSnapshots {
  readonly #context: Context;
  readonly #parts: Parts;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Everything as it is now. @returns the origins that were not posted in time: of them the last version serves */
  async fresh(move: Move, signal: AbortSignal): Promise<readonly string[]> {
    const { requests } = this.#parts;
    const { workload } = move;
    const { requestTimeoutMs } = this.#context.settings;
    const requestId = await requests.ask('switchover', { workload, origins: null, timeoutMs: requestTimeoutMs });
    const bound = bounded(signal, this.#parts.watch.calledOff);
    const { rows } = await requests.awaitRequest(requestId, 'accepted', requestTimeoutMs, bound.signal);
    bound.end();
    await this.#raise(workload, signal);
    this.#assertHeldKnown(workload);
    if (move.to !== workload) await this.#adopt(workload, signal);
    return rows.filter((row) => row.state === 'missing').map((row) => row.origin);
  }

  /** A plan is refused while it is not; but a restart may come between the plan and what follows. */
  #assertHeldKnown(workload: string): void {
    const { snapshots, table } = this.#parts;
    if (needsHeld(table.row(workload).epoch) && !snapshots.isKnown) throw new RollBack(HELD_UNKNOWN);
  }

  /** What our application posted counts, whatever was posted by one who lost the work to us under the same epoch. */
  async #raise(workload: string, signal: AbortSignal): Promise<void> {
    const { own } = this.#parts;
    for (const { key } of own.newest()) if (key.workload === workload) await own.raise(key, signal);
  }

  /**
   * What our application never posted anew lies only where its former owner had sent it, and where that was given back:
   * the target may be none of those. The home DC is given it with the return.
   */
  async #adopt(workload: string, signal: AbortSignal): Promise<void> {
    const { own, snapshots, stores, damage } = this.#parts;
    const newest = new Map<string, Offered>();
    const take = (store: Offered['store'], rows: readonly StoredSnapshot[]): void => {
      for (const snapshot of rows) {
        const { origin } = snapshot.key;
        if (snapshot.version > (newest.get(origin)?.snapshot.version ?? 0)) newest.set(origin, { store, snapshot });
      }
    };
    take(stores.held, snapshots.offered(workload));
    take(stores.returned, snapshots.offeredBack(workload));
    for (const { store, snapshot } of newest.values()) {
      if (signal.aborted) return;
      const reader = await damage.open(store, snapshot.key, snapshot.version);
      try {
        await own.adopt(reader, signal);
      } finally {
        await reader.close();
      }
    }
  }

  /** Until the target has everything of the workload as it is now; an application that posts all the time keeps nobody. */
  async atTarget(move: Move, ms: number, signal: AbortSignal): Promise<void> {
    const peer = this.#parts.watch.target(move);
    const wanted = this.#lacking(peer, move.workload);
    const rest = (): readonly StoredSnapshot[] => wanted.filter((row) => !peer.plan.has(row.key, row.version));
    const isThere = await this.#parts.watch.until(move, ms, signal, () => rest().length === 0);
    if (!isThere && !signal.aborted) throw new RollBack(`"${move.to}" lacks ${rest().length} snapshots still`);
  }

  /** What was posted until now goes to the target; to the home DC as a return. @returns how many it will deliver */
  async flush(move: Move, signal: AbortSignal): Promise<number> {
    await this.#written(move, signal);
    await this.#raise(move.workload, signal);
    await this.atTarget(move, FLUSH_MS, signal);
    this.#assertHeldKnown(move.workload);
    const offered = this.#newest(move.workload);
    if (move.to !== move.workload) return offered.length;
    const { clock } = this.#context;
    const bound = bounded(signal, this.#parts.watch.calledOff);
    const timer = clock.sleep(FLUSH_MS, bound.signal).then(bound.end);
    const taken = await this.#parts.handBack.send(this.#parts.watch.target(move), move.id, offered, bound.signal);
    bound.end();
    await timer;
    if (taken === null && !signal.aborted) throw new RollBack(`"${move.to}" did not take its snapshots in time`);
    // It accepted something newer itself after it had lost the work, and that is not here yet: once it is, ours goes above it.
    const lost = taken?.refused.find(({ snapshot }) => this.#isOfOurTime(move.workload, snapshot));
    if (lost !== undefined)
      throw new RollBack(`"${move.to}" has a newer "${lost.snapshot.key.origin}" of its own, and does not take ours`);
    return taken?.taken ?? 0;
  }

  /** Until what was taken before we ceased to take any is durable: it is accepted then, and belongs to the rest. */
  async #written(move: Move, signal: AbortSignal): Promise<void> {
    const { own, watch } = this.#parts;
    const isWritten = await watch.until(move, FLUSH_MS, signal, () => !own.isWriting(move.workload));
    if (!isWritten && !signal.aborted) throw new RollBack('the last snapshots do not become durable');
  }

  #isOfOurTime(workload: string, { key, version }: StoredSnapshot): boolean {
    const isOwn = key.dataCenter === this.#context.settings.dataCenter && key.workload === workload;
    return isOwn && isSinceEpoch(version, this.#parts.table.row(workload).epoch);
  }

  /** Of each origin the newest that there is here: our own, or held where our application never posted it anew. */
  #newest(workload: string): readonly Offered[] {
    const { own, snapshots, stores } = this.#parts;
    const newest = new Map<string, Offered>();
    for (const snapshot of snapshots.offered(workload))
      newest.set(snapshot.key.origin, { store: stores.held, snapshot });
    for (const snapshot of own.newest()) {
      const { origin } = snapshot.key;
      if (snapshot.key.workload !== workload) continue;
      if (snapshot.version < (newest.get(origin)?.snapshot.version ?? 0)) continue;
      if (snapshot.withdrawn) newest.delete(origin);
      else newest.set(origin, { store: stores.outgoing, snapshot });
    }
    return [...newest.values()];
  }

  /** What a peer lacks of a workload. */
  lag(peer: Peer, workload: string): Lag {
    const since = peer.plan.oldestPendingSince(workload);
    return {
      behindVersions: this.#lacking(peer, workload).length,
      behindSeconds: since === null ? 0 : (this.#context.clock.now() - since) / SECOND_MS,
    };
  }

  #lacking(peer: Peer, workload: string): readonly StoredSnapshot[] {
    return this.#parts.own
      .newest()
      .filter((row) => row.key.workload === workload && !peer.plan.has(row.key, row.version));
  }
}
