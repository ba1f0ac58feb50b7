import { keyText, listed, newestOfEach, type SnapshotKey, type StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import type { NewSnapshot, OutgoingView } from '../ports/gateway-api.ts';
import type { SnapshotReader, SnapshotStore } from '../ports/snapshot-store.ts';
import { originProblem } from '../wire/names.ts';
import type { Context } from './context.ts';
import type { Identity } from './identity.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { StoreWatch } from './store-watch.ts';
import type { Damage } from './damage.ts';
import { retain } from './retain.ts';
import { Broadcast } from './wake.ts';

/** The snapshots of our own application: durable here first, then planned for every peer. */
export class OwnSnapshots {
  readonly #context: Context;
  readonly #store: SnapshotStore;
  readonly #identity: Identity;
  readonly #peers: PeerDirectory;
  readonly #watch: StoreWatch;
  readonly #damage: Damage;
  /** The greatest version that any peer says to have of a key: ours go above it, also after our state was lost. */
  readonly #seenByPeers = new Map<string, number>();
  /** The greatest version of a key that a peer has and that this run did not make. */
  readonly #foreign = new Map<string, number>();
  #newestKept: { readonly generation: number; readonly rows: readonly StoredSnapshot[] } | null = null;
  /** When the newest version of each key was accepted in this run, by the monotonic clock. */
  readonly #acceptedAt = new Map<string, { readonly version: number; readonly at: number }>();
  /** Notified when a snapshot was accepted, or a peer has stored one, or its state changed. */
  readonly progress = new Broadcast();
  onAccepted: (snapshot: StoredSnapshot) => void = () => undefined;

  constructor(
    context: Context,
    parts: { store: SnapshotStore; identity: Identity; peers: PeerDirectory; watch: StoreWatch; damage: Damage },
  ) {
    this.#context = context;
    this.#store = parts.store;
    this.#identity = parts.identity;
    this.#peers = parts.peers;
    this.#watch = parts.watch;
    this.#damage = parts.damage;
  }

  /** Plans what a former run accepted; each peer's inventory then tells what it still lacks. */
  load(): void {
    for (const row of this.newest()) this.#plan(row);
  }

  async put(request: NewSnapshot, signal: AbortSignal): Promise<StoredSnapshot> {
    const key = this.key(request.origin, request.workload);
    const stored = await this.#write(
      {
        key,
        position: request.position,
        labels: request.labels,
        expect: { bytes: request.bytes, sha256: request.sha256 },
        content: request.content,
      },
      signal,
    );
    this.#acceptedAt.set(keyText(key), { version: stored.version, at: this.#context.clock.now() });
    this.#context.telemetry.snapshotAccepted(stored.bytes);
    this.onAccepted(stored);
    return stored;
  }

  async #write(
    fresh: {
      readonly key: SnapshotKey;
      readonly position: string | null;
      readonly labels: Readonly<Record<string, string>>;
      readonly expect: { bytes: number | null; sha256: string | null };
      readonly content: AsyncIterable<Uint8Array>;
      /** The version whose content this is: it gets a new number only while it is still the newest. */
      readonly renumbered?: StoredSnapshot;
    },
    signal: AbortSignal,
  ): Promise<StoredSnapshot> {
    const { clock, rules, settings } = this.#context;
    const { key, position, labels, expect, content, renumbered } = fresh;
    try {
      const stored = await this.#store.put(
        {
          key,
          position,
          labels,
          expect,
          version: (newest) => {
            if (renumbered !== undefined && this.newestOf(key)?.version !== renumbered.version)
              throw new GatewayError('version-older', `Something newer than the snapshot of "${key.origin}" came.`);
            return rules.nextNumber(newest?.version ?? 0, clock.wallMs(), this.#seenByPeers.get(keyText(key)) ?? 0);
          },
          takenAt: () => renumbered?.takenAt ?? isoTime(clock.wallMs()),
          incarnation: this.#identity.incarnation,
          maxBytes: settings.snapshotMaxBytes,
        },
        content,
        signal,
      );
      this.#watch.worked('outgoing');
      this.#plan(stored);
      this.#context.tasks.run('retention of own snapshots', () => this.#retain(key));
      this.progress.notify();
      return stored;
    } catch (error) {
      this.#watch.failed('outgoing', error);
      throw error;
    }
  }

  #plan(snapshot: StoredSnapshot): void {
    for (const peer of this.#peers.all) {
      const outcome = peer.plan.offer(snapshot.key, snapshot, this.#context.clock.now());
      if (outcome === 'superseded-another') this.#context.telemetry.snapshotSuperseded(peer.label);
      peer.shipWake.ring();
    }
  }

  #retain(key: SnapshotKey): Promise<void> {
    const isSending = (version: number): boolean => this.isSending(key, version);
    return retain(this.#context, { store: this.#store, name: 'outgoing', watch: this.#watch }, key, isSending);
  }

  /** Whether a transfer of the version is under way. */
  isSending(key: SnapshotKey, version: number): boolean {
    return this.#peers.all.some((peer) => peer.plan.isSending(key, version));
  }

  /** @throws GatewayError `bad-request` for what is no origin, `not-owner` for another DC's workload */
  key(origin: string, workload = this.#context.settings.dataCenter): SnapshotKey {
    const problem = originProblem(origin);
    if (problem !== null)
      throw new GatewayError('bad-request', `The origin is not valid: ${problem}.`, { field: 'origin' });
    const { dataCenter } = this.#context.settings;
    if (workload !== dataCenter) {
      throw new GatewayError('not-owner', `The workload "${workload}" is not owned by "${dataCenter}".`, {
        field: 'workload',
      });
    }
    return { dataCenter, workload, origin };
  }

  /** Notes what a peer has, so that our next versions go above it. */
  noteSeen(key: SnapshotKey, version: number): void {
    const text = keyText(key);
    this.#seenByPeers.set(text, Math.max(version, this.#seenByPeers.get(text) ?? 0));
  }

  /**
   * How old a snapshot is. Of one that this run accepted no jump of the wall clock changes it; of an older one only the
   * wall time in its record is known.
   */
  ageMs(snapshot: StoredSnapshot): number {
    const { clock } = this.#context;
    const accepted = this.#acceptedAt.get(keyText(snapshot.key));
    if (accepted?.version === snapshot.version) return clock.now() - accepted.at;
    return Math.max(0, clock.wallMs() - Date.parse(snapshot.takenAt));
  }

  /** The newest version of each origin: a withdrawal too, while nothing newer came. */
  newest(): readonly StoredSnapshot[] {
    const { generation } = this.#store;
    if (this.#newestKept?.generation !== generation) {
      const rows = newestOfEach(this.#store.rows().filter((row) => row.place === 'live'));
      this.#newestKept = { generation, rows };
    }
    return this.#newestKept.rows;
  }

  newestOf(key: SnapshotKey): StoredSnapshot | undefined {
    return this.#store.rowsOf(key).find((row) => row.place === 'live');
  }

  /** The newest version that was accepted in this run, whatever became of its bytes. */
  newestOfThisRun(key: SnapshotKey): StoredSnapshot | undefined {
    return this.#store.rowsOf(key).find((row) => this.#identity.isOurs(row.incarnation));
  }

  view(snapshot: StoredSnapshot): OutgoingView {
    const { key, version, withdrawn } = snapshot;
    const replication = this.#peers.all.map((peer) => ({
      peer: peer.label,
      state: peer.plan.has(key, version) ? ('stored' as const) : peer.plan.stateOf(key),
    }));
    return { ...listed(snapshot), withdrawn, replication };
  }

  /** The newest version that is whole; a damaged one is set aside, said, and the one before is offered. */
  async open(key: SnapshotKey): Promise<SnapshotReader> {
    return this.#damage.openNewest(this.#store, key, () => {
      const newest = this.newestOf(key);
      return newest === undefined || newest.withdrawn ? undefined : newest;
    });
  }

  /** A version as it goes to a peer, a withdrawal too. @throws GatewayError `not-found`, `snapshot-damaged` */
  openVersion(key: SnapshotKey, version: number): Promise<SnapshotReader> {
    return this.#damage.open(this.#store, key, version);
  }

  /**
   * Gives the newest version a greater number, because a peer has a greater one from before our state was lost. Only
   * what was accepted in this run is newer than what the peer has; anything older stays behind it.
   * @returns `theirs` when what the peer has counts; `superseded` when something newer than both is there already
   */
  async renumber(
    key: SnapshotKey,
    above: number,
    signal: AbortSignal,
  ): Promise<'renumbered' | 'superseded' | 'theirs'> {
    this.noteSeen(key, above);
    const newest = this.newestOf(key);
    if (newest === undefined || !this.#identity.isOurs(newest.incarnation)) return 'theirs';
    this.#noteForeign(key, newest, above);
    if (newest.version > above) return 'superseded';
    this.#context.log.warn(
      { origin: key.origin, version: newest.version, above },
      'a peer has a greater version from before this state; the snapshot is renumbered',
    );
    const reader = await this.openVersion(key, newest.version);
    const { position, labels, bytes, sha256 } = newest;
    const content = reader.stream();
    try {
      await this.#write({ key, position, labels, expect: { bytes, sha256 }, content, renumbered: newest }, signal);
      return 'renumbered';
    } catch (error) {
      // The application posted meanwhile: its newer content keeps the last word, and was numbered above what was seen.
      if (this.newestOf(key)?.version !== newest.version) return 'superseded';
      throw error;
    } finally {
      await reader.close();
    }
  }

  #noteForeign(key: SnapshotKey, newest: StoredSnapshot, seen: number): void {
    const rows = this.#store.rowsOf(key);
    const isOurs = rows.some((row) => row.version === seen && this.#identity.isOurs(row.incarnation));
    if (newest.version > seen && isOurs) return;
    this.#foreign.set(keyText(key), Math.max(seen, this.#foreign.get(keyText(key)) ?? 0));
  }

  /** Resolves when every peer that is up, and at least one, has this version or a newer one. */
  async awaitReplicated(key: SnapshotKey, version: number, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      // What a peer has from before our state was lost has a greater number, and is not what was accepted.
      const foreign = this.#foreign.get(keyText(key)) ?? 0;
      const wanted = version <= foreign ? foreign + 1 : version;
      const has = this.#peers.all.filter((peer) => peer.plan.has(key, wanted));
      const lacking = this.#peers.all.filter((peer) => peer.health.state === 'up' && !has.includes(peer));
      if (has.length > 0 && lacking.length === 0) return true;
      await this.progress.next(signal);
    }
    return false;
  }
}
