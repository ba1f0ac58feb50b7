import { keyText, listed, newestFirst, newestOfEach, type SnapshotKey, type StoredSnapshot } from '../core/snapshot.ts';
import { inventoryRows, inventoryText } from '../core/inventory.ts';
import type { PeerRow } from '../core/replication-plan.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { heldState, type HeldView } from '../ports/gateway-api.ts';
import type { SnapshotReader, SnapshotStore } from '../ports/snapshot-store.ts';
import type { SnapshotEnvelope } from '../wire/snapshot-headers.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { Identity } from './identity.ts';
import { inventoryDigest } from './inventory-digest.ts';
import type { Peer } from './peer.ts';
import { retain } from './retain.ts';
import type { StoreWatch } from './store-watch.ts';
import { Broadcast } from './wake.ts';

/** Looked at only while the store has not been reached; reaching it is the business of whoever watches the stores. */
const KNOWN_POLL_MS = 250;

/** What peers replicated to us: taken in whole and verified, kept with its history, never replaced by something older. */
export class HeldSnapshots {
  readonly #context: Context;
  readonly #identity: Identity;
  readonly #watch: StoreWatch;
  readonly #damage: Damage;
  /** When the newest version of each key was taken in by this run, by the monotonic clock. */
  readonly #takenInAt = new Map<string, { readonly version: number; readonly at: number }>();
  readonly #digests = new Map<string, { generation: number; digest: string }>();
  readonly store: SnapshotStore;
  /** Notified when something that was not held before was taken in. */
  readonly progress = new Broadcast();
  /** Whether an open delivery needs a version. */
  isPinned: (key: SnapshotKey, version: number) => boolean = () => false;

  constructor(
    context: Context,
    parts: { store: SnapshotStore; identity: Identity; watch: StoreWatch; damage: Damage },
  ) {
    this.#context = context;
    this.store = parts.store;
    this.#identity = parts.identity;
    this.#watch = parts.watch;
    this.#damage = parts.damage;
  }

  /** Takes in a snapshot of type 2. @throws GatewayError as PeerInbox.receiveSnapshot */
  async receive(
    peer: Peer,
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const key = { dataCenter: envelope.dataCenterOrigin, workload: envelope.workload, origin: envelope.origin };
    const { version } = envelope.description;
    const deliveredBy = this.store.rowsOf(key).find((row) => row.version === version)?.deliveredBy ?? null;
    const isNew = await this.takeIn(this.store, { key, envelope, watched: 'held' }, content, signal);
    this.#takenInAt.set(keyText(key), { version, at: this.#context.clock.now() });
    if (!isNew) return;
    this.progress.notify();
    if (deliveredBy !== null) await this.#markAgain(key, version, deliveredBy);
    this.#context.telemetry.snapshotReceived(peer.label, envelope.description.bytes);
    this.#context.tasks.run('retention of held snapshots', () => this.#retain(key));
  }

  /**
   * A lost version came again that a takeover had delivered: the application has gone beyond it, so it is not delivered
   * by itself again. Where the mark cannot be made now, the next start makes it from the delivery's record.
   */
  async #markAgain(key: SnapshotKey, version: number, delivery: string): Promise<void> {
    try {
      await this.store.markDelivered(key, version, delivery);
    } catch (error) {
      this.#watch.failed('held', error);
      this.#context.log.warn(
        { origin: key.origin, version, delivery, error: messageOf(error) },
        'what was delivered before and came again cannot be marked yet',
      );
    }
  }

  /** @returns false when the very same was there before; nothing was read then */
  async takeIn(
    store: SnapshotStore,
    incoming: { readonly key: SnapshotKey; readonly envelope: SnapshotEnvelope; readonly watched: string },
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { key, envelope, watched } = incoming;
    const { description } = envelope;
    const { rules, settings } = this.#context;
    if (description.bytes > settings.snapshotMaxBytes) {
      throw new GatewayError(
        'snapshot-too-large',
        `The snapshot has ${description.bytes} bytes; at most ${settings.snapshotMaxBytes} are taken (dataSnapshotMaxBytes).`,
      );
    }
    const decide = (newest: StoredSnapshot | undefined): 'store' | 'same' => {
      const admission = rules.admit(newest, description);
      switch (admission.kind) {
        case 'store':
        case 'same':
          return admission.kind;
        case 'older':
          throw new GatewayError(
            'version-older',
            `Version ${admission.has} of "${key.origin}" is here already; ${description.version} is older.`,
            { facts: { has: admission.has } },
          );
        case 'conflict':
          throw new GatewayError(
            'version-conflict',
            `Version ${admission.has} of "${key.origin}" is here with other bytes.`,
            { facts: { has: admission.has } },
          );
      }
    };
    if (decide(store.rowsOf(key)[0]) === 'same') return false;
    try {
      await store.put(
        {
          key,
          version: (newest) => {
            // A second copy of one transfer came in beside this one; the first has been stored meanwhile.
            if (decide(newest) === 'same') throw new AlreadyThere();
            return description.version;
          },
          takenAt: () => description.takenAt,
          position: description.position,
          labels: description.labels,
          incarnation: this.#identity.incarnation,
          maxBytes: settings.snapshotMaxBytes,
          expect: { bytes: description.bytes, sha256: description.sha256 },
        },
        content,
        signal,
      );
      this.#watch.worked(watched);
      return true;
    } catch (error) {
      if (error instanceof AlreadyThere) return false;
      this.#watch.failed(watched, error);
      throw error;
    }
  }

  /** How long ago it came; of one from before this run only the wall time in its record is known. */
  ageMs(row: StoredSnapshot): number {
    const { clock } = this.#context;
    const taken = this.#takenInAt.get(keyText(row.key));
    if (taken?.version === row.version) return clock.now() - taken.at;
    return Math.max(0, clock.wallMs() - Date.parse(row.storedAt));
  }

  /** How long ago the newest of them came; null when there are none. */
  newestAgeMs(rows: readonly StoredSnapshot[]): number | null {
    return rows.length === 0 ? null : Math.min(...rows.map((row) => this.ageMs(row)));
  }

  #retain(key: SnapshotKey): Promise<void> {
    const isPinned = (version: number): boolean => this.isPinned(key, version);
    return retain(this.#context, { store: this.store, name: 'held', watch: this.#watch }, key, isPinned);
  }

  /**
   * For whoever would take an empty list for the truth.
   * @throws GatewayError `store-unavailable` while it is not known what is held
   */
  assertKnown(): void {
    if (this.store.isKnown) return;
    throw new GatewayError(
      'store-unavailable',
      'The store of what is held has not been reached since the gateway started, so that it is not known what is held.',
    );
  }

  /** Resolves when it is known what is held: at once, but for a database that was away when the gateway started. */
  async known(signal: AbortSignal): Promise<void> {
    while (!this.store.isKnown && !signal.aborted) await this.#context.clock.sleep(KNOWN_POLL_MS, signal);
  }

  inventory(dataCenter: string): PeerRow[] {
    this.assertKnown();
    return inventoryRows(this.store.rows(dataCenter));
  }

  /** The digest that goes with every answer; kept until the store changes. Empty while it is not known what is held. */
  inventoryDigest(dataCenter: string): string {
    const { generation, isKnown } = this.store;
    if (!isKnown) return '';
    const known = this.#digests.get(dataCenter);
    if (known?.generation === generation) return known.digest;
    const digest = inventoryDigest(inventoryText(this.inventory(dataCenter)));
    this.#digests.set(dataCenter, { generation, digest });
    return digest;
  }

  /** The newest version of each origin that can be offered. */
  offered(dataCenter: string): StoredSnapshot[] {
    return this.#context.rules.newestOffered(this.store.rows(dataCenter));
  }

  views(dataCenter: string, options: { history: boolean; workload: string | undefined }): HeldView[] {
    this.assertKnown();
    const rows = this.store
      .rows(dataCenter)
      .filter((row) => options.workload === undefined || row.key.workload === options.workload);
    const shown = options.history
      ? [...rows].sort(newestFirst)
      : newestOfEach(rows.filter((row) => row.place === 'live'));
    return shown.map((row) => viewOf(row));
  }

  /** The newest version that can be offered, or one by its number. @throws GatewayError not-found, snapshot-damaged */
  async open(
    dataCenter: string,
    which: { origin: string; workload: string | undefined; version: number | undefined },
  ): Promise<SnapshotReader> {
    this.assertKnown();
    const key = this.keyOf(dataCenter, which.origin, which.workload);
    if (which.version !== undefined) return this.#damage.open(this.store, key, which.version);
    return this.#damage.openNewest(this.store, key, () => {
      const [newest] = this.store.rowsOf(key).filter((row) => row.place === 'live');
      return newest === undefined || newest.withdrawn ? undefined : newest;
    });
  }

  /** Without a workload the peer's own, or, for an origin that came only with another, that one. */
  keyOf(dataCenter: string, origin: string, workload: string | undefined): SnapshotKey {
    const own = { dataCenter, workload: workload ?? dataCenter, origin };
    if (workload !== undefined || this.store.rowsOf(own).length > 0) return own;
    const other = this.store.rows(dataCenter).find((row) => row.key.origin === origin);
    return other?.key ?? own;
  }

  /** Whether a takeover has delivered this version of the key or a newer one, whatever became of that since. */
  wasDelivered(key: SnapshotKey, version: number): boolean {
    return this.store.rowsOf(key).some((row) => row.version >= version && row.deliveredBy !== null);
  }

  /** Sets everything aside that a former run took in and no open delivery needs (`retainOlderDataSnapshotsAtStartup=false`). */
  async setAside(dataCenter: string): Promise<number> {
    let count = 0;
    for (const row of this.store.rows(dataCenter)) {
      if (row.place !== 'live' || row.withdrawn || this.#identity.isOurs(row.incarnation)) continue;
      if (this.isPinned(row.key, row.version)) continue;
      await this.store.move(row.key, row.version, {
        place: 'set-aside',
        reason: 'held before the gateway started (retainOlderDataSnapshotsAtStartup=false)',
      });
      count += 1;
    }
    return count;
  }

  /** Deletes what came from a peer that left (`orderlyShutdownSnapshots=delete`), except what an open delivery needs. */
  async deleteAll(dataCenter: string): Promise<number> {
    let count = 0;
    for (const row of this.store.rows(dataCenter)) {
      if (this.isPinned(row.key, row.version)) continue;
      await this.store.remove(row.key, row.version);
      count += 1;
    }
    return count;
  }
}

/** The very version was stored while this copy of it came in: nothing is written, and nothing was wrong. */
class AlreadyThere extends Error {}

function viewOf(row: StoredSnapshot): HeldView {
  const { key, version, storedAt, placedAt, reason } = row;
  const workload = key.workload === key.dataCenter ? '' : `&workload=${encodeURIComponent(key.workload)}`;
  const href = `/v1/peers/${encodeURIComponent(key.dataCenter)}/snapshots/${encodeURIComponent(key.origin)}?version=${version}${workload}`;
  return { ...listed(row), storedAt, placedAt, reason, href, state: heldState(row) };
}
