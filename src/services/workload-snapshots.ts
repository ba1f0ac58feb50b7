import type { SnapshotKey, StoredSnapshot } from '../core/snapshot.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { PeerDirectory } from './peer-directory.ts';

/** What there is of one workload, from whomever it came: a workload that had several owners has snapshots of each. */
export class WorkloadSnapshots {
  readonly #context: Context;
  readonly #held: HeldSnapshots;
  readonly #deliveries: Deliveries;
  readonly #peers: PeerDirectory;
  readonly #outgoing: SnapshotStore;
  readonly #returned: SnapshotStore;

  constructor(
    context: Context,
    parts: {
      held: HeldSnapshots;
      deliveries: Deliveries;
      peers: PeerDirectory;
      outgoing: SnapshotStore;
      returned: SnapshotStore;
    },
  ) {
    this.#context = context;
    this.#held = parts.held;
    this.#deliveries = parts.deliveries;
    this.#peers = parts.peers;
    this.#outgoing = parts.outgoing;
    this.#returned = parts.returned;
  }

  /** Whether it is known what is held; until then it looks as if nothing were. */
  get isKnown(): boolean {
    return this.#held.store.isKnown;
  }

  /** Whether any version of the workload is held that was not set aside, found damaged or rejected. */
  isAnyHeld(workload: string): boolean {
    return this.#held.store.rows().some(({ key, place }) => key.workload === workload && place === 'live');
  }

  /** Of each origin the newest that is held and can be offered, whoever replicated it; a newer withdrawal hides it. */
  offered(workload: string): readonly StoredSnapshot[] {
    const newest = new Map<string, StoredSnapshot>();
    for (const row of this.#held.store.rows()) {
      if (row.key.workload !== workload || row.place !== 'live') continue;
      const known = newest.get(row.key.origin);
      if (known === undefined || row.version > known.version) newest.set(row.key.origin, row);
    }
    const offered = [...newest.values()].flatMap((row) => this.#context.rules.newestOffered([row]));
    return offered.sort((a, b) => (a.key.origin < b.key.origin ? -1 : 1));
  }

  /** The same of what we were given back. */
  offeredBack(workload: string): readonly StoredSnapshot[] {
    const came = this.#returned.rows().filter(({ key }) => key.workload === workload);
    return this.#context.rules.newestOffered(came);
  }

  /**
   * Of these what our application needs that begins the work: nothing that it posted itself, which it finds by restore.
   * @param isForgotten it was told to forget what it absorbed before: since then another data centre did the work. Otherwise
   *   what was delivered is not delivered again by itself
   */
  due(workload: string, isForgotten: boolean): readonly StoredSnapshot[] {
    const offered = this.offered(workload).filter(
      ({ key, version }) => this.#ownVersion(workload, key.origin) < version,
    );
    if (isForgotten) return offered;
    // Nor anything older than what was delivered, should that be damaged now: the application has gone beyond it.
    // The record of a delivery that has just ended says so before the marks in the store do.
    return offered
      .filter(({ key, version }) => !this.#held.wasDelivered(key, version))
      .filter(({ key, version }) => !this.#deliveries.hasHandedOver(key, version));
  }

  /** The origins of which anything is here from anybody that is not withdrawn by now. */
  origins(workload: string): readonly string[] {
    const newest = new Map<string, StoredSnapshot>();
    for (const row of [...this.#held.store.rows(), ...this.#returned.rows(), ...this.#outgoing.rows()]) {
      if (row.key.workload !== workload || row.place !== 'live') continue;
      if (row.version > (newest.get(row.key.origin)?.version ?? 0)) newest.set(row.key.origin, row);
    }
    return [...newest].flatMap(([origin, { withdrawn }]) => (withdrawn ? [] : [origin]));
  }

  /** Whether anything was ever taken in of it that is not withdrawn: with nothing left, something is missing. */
  hasReplicated(workload: string): boolean {
    const newest = new Map<string, StoredSnapshot>();
    for (const row of this.#held.store.rows()) {
      if (row.key.workload !== workload) continue;
      const known = newest.get(row.key.origin);
      if (known === undefined || row.version > known.version) newest.set(row.key.origin, row);
    }
    return [...newest.values()].some((row) => !row.withdrawn);
  }

  /** The greatest version of an origin that came here from anybody: our next one of it goes above that. */
  floorOf({ workload, origin }: SnapshotKey): number {
    // Asked at every post: looked up by name, never searched for.
    const rows = this.#peers.all.flatMap(({ name }) => {
      if (name === null) return [];
      const key = { dataCenter: name, workload, origin };
      return [...this.#held.store.rowsOf(key), ...this.#returned.rowsOf(key)];
    });
    return Math.max(0, ...rows.map((row) => row.version));
  }

  /** Whether anything of the origin came here with the workload, or was posted here for it. */
  came(key: SnapshotKey): boolean {
    return this.floorOf(key) > 0 || this.#outgoing.rowsOf(key).length > 0;
  }

  #ownVersion(workload: string, origin: string): number {
    const { dataCenter } = this.#context.settings;
    const rows = this.#outgoing.rowsOf({ dataCenter, workload, origin }).filter((row) => row.place === 'live');
    return rows[0]?.version ?? 0;
  }
}
