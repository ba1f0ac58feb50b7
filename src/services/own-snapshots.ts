import { epochOfVersion } from '../core/ordering.ts';
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

export interface Workloads {
  owned(): readonly string[];
  /** Why no snapshot of it is taken here, and the row of its owner; null: it is. */
  refusal(workload: string): { readonly detail: string; readonly row: unknown } | null;
  /** Whether anything of the origin came here with the workload. */
  came(key: SnapshotKey): boolean;
  /** The greatest version of it that came here from anybody. */
  floorOf(key: SnapshotKey): number;
  /** Under which we own it; 0 when we do not. */
  epochOf(workload: string): number;
}

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
  /** Snapshots of each workload that have their version and are not durable yet: their owner was asked before that. */
  readonly #writing = new Map<string, number>();
  #newestKept: { readonly generation: number; readonly rows: readonly StoredSnapshot[] } | null = null;
  /** When the newest version of each key was accepted in this run, by the monotonic clock. */
  readonly #acceptedAt = new Map<string, { readonly version: number; readonly at: number }>();
  /** Notified when a snapshot was accepted, or a peer has stored one, or its state changed. */
  readonly progress = new Broadcast();
  onAccepted: (snapshot: StoredSnapshot) => void = () => undefined;
  /** Who owns which workload, and what else there is of it here; until it is set, only our own is. */
  workloads: Workloads = {
    owned: () => [this.#context.settings.dataCenter],
    refusal: () => null,
    came: () => false,
    floorOf: () => 0,
    epochOf: () => 1,
  };

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
    this.assertOurs(key.workload);
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
      /** Whose content this is, when it is no new one: it gets a number only while nothing newer came. */
      readonly copied?: { readonly takenAt: string; readonly isNewest: () => boolean };
    },
    signal: AbortSignal,
  ): Promise<StoredSnapshot> {
    const { clock, rules, settings } = this.#context;
    const { key, position, labels, expect, content, copied } = fresh;
    const begun: (() => void)[] = [];
    try {
      const stored = await this.#store.put(
        {
          key,
          position,
          labels,
          expect,
          version: (newest) => {
            // While it came in another data centre may have become the owner, and has what was ours.
            if (copied === undefined) this.assertOurs(key.workload);
            if (copied?.isNewest() === false)
              throw new GatewayError('version-older', `Something newer than the snapshot of "${key.origin}" came.`);
            // From here on it will be accepted: whoever hands the workload over has to wait for it.
            begun.push(this.#beginWriting(key.workload));
            const seen = Math.max(this.#seenByPeers.get(keyText(key)) ?? 0, this.workloads.floorOf(key));
            const epoch = this.workloads.epochOf(key.workload);
            return rules.nextVersion(newest?.version ?? 0, clock.wallMs(), { seen, epoch });
          },
          takenAt: () => copied?.takenAt ?? isoTime(clock.wallMs()),
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
    } finally {
      for (const end of begun) end();
    }
  }

  /** @returns to be called when it is durable, or never will be */
  #beginWriting(workload: string): () => void {
    this.#writing.set(workload, (this.#writing.get(workload) ?? 0) + 1);
    return () => {
      this.#writing.set(workload, (this.#writing.get(workload) ?? 1) - 1);
      this.progress.notify();
    };
  }

  /** Whether a snapshot of the workload, taken while it was still ours to post, is on its way to the disk. */
  isWriting(workload: string): boolean {
    return (this.#writing.get(workload) ?? 0) > 0;
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

  /**
   * Without a workload our own, or, for an origin that came only with a workload that we took over, that one.
   * @throws GatewayError `bad-request` for what is no origin
   */
  key(origin: string, workload?: string): SnapshotKey {
    const problem = originProblem(origin);
    if (problem !== null)
      throw new GatewayError('bad-request', `The origin is not valid: ${problem}.`, { field: 'origin' });
    const { dataCenter } = this.#context.settings;
    return { dataCenter, workload: workload ?? this.#workloadOf(origin), origin };
  }

  #workloadOf(origin: string): string {
    const { dataCenter } = this.#context.settings;
    if (this.#store.rowsOf({ dataCenter, workload: dataCenter, origin }).length > 0) return dataCenter;
    const taken = this.workloads.owned().filter((workload) => workload !== dataCenter);
    return taken.find((workload) => this.workloads.came({ dataCenter, workload, origin })) ?? dataCenter;
  }

  /** @throws GatewayError `not-owner`, with the row of whoever owns it */
  assertOurs(workload: string): void {
    const refusal = this.workloads.refusal(workload);
    if (refusal === null) return;
    throw new GatewayError('not-owner', refusal.detail, { field: 'workload', facts: { row: refusal.row } });
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

  /** The greatest version that is known of a key, here or at a peer, whatever became of it; 0 when there is none. */
  greatestVersion(key: SnapshotKey): number {
    return Math.max(this.#store.rowsOf(key)[0]?.version ?? 0, this.#seenByPeers.get(keyText(key)) ?? 0);
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
    return this.#copyAbove(newest, signal);
  }

  /**
   * Gives our newest version, whichever run accepted it, a greater number than one of the same epoch that came here from
   * somebody else: two had taken the work over, and we were told to keep it. What has a later epoch was accepted by one
   * who owned it after us, and counts.
   */
  async raise(key: SnapshotKey, signal: AbortSignal): Promise<void> {
    const newest = this.newestOf(key);
    const other = this.workloads.floorOf(key);
    if (newest === undefined || newest.version > other) return;
    if (epochOfVersion(newest.version) < epochOfVersion(other)) return;
    await this.#copyAbove(newest, signal);
  }

  async #copyAbove(newest: StoredSnapshot, signal: AbortSignal): Promise<'renumbered' | 'superseded'> {
    const { key } = newest;
    const reader = await this.openVersion(key, newest.version);
    const { position, labels, bytes, sha256 } = newest;
    const content = reader.stream();
    try {
      const copied = { takenAt: newest.takenAt, isNewest: () => this.newestOf(key)?.version === newest.version };
      await this.#write({ key, position, labels, expect: { bytes, sha256 }, content, copied }, signal);
      return 'renumbered';
    } catch (error) {
      // The application posted meanwhile: its newer content keeps the last word, and was numbered above what was seen.
      if (this.newestOf(key)?.version !== newest.version) return 'superseded';
      throw error;
    } finally {
      await reader.close();
    }
  }

  /**
   * Makes our own of what is held of a workload that we own and that our application never posted anew, so that it goes
   * to the peers as everything else does: some of them may never have had it. Does nothing where something newer is ours.
   */
  async adopt(reader: SnapshotReader, signal: AbortSignal): Promise<void> {
    const { snapshot } = reader;
    const { position, labels, bytes, sha256, takenAt } = snapshot;
    const { workload, origin } = snapshot.key;
    const key = { dataCenter: this.#context.settings.dataCenter, workload, origin };
    // Not once somebody else owns it: what the new owner has would seem to be older than this copy, and be refused here.
    const isNewest = (): boolean =>
      this.workloads.refusal(workload) === null && (this.newestOf(key)?.version ?? 0) < snapshot.version;
    if (!isNewest()) return;
    const content = reader.stream();
    try {
      const copied = { takenAt, isNewest };
      await this.#write({ key, position, labels, expect: { bytes, sha256 }, content, copied }, signal);
    } catch (error) {
      // The application posted meanwhile: that is newer, and what is wanted.
      if (isNewest()) throw error;
    }
  }

  #noteForeign(key: SnapshotKey, newest: StoredSnapshot, seen: number): void {
    const rows = this.#store.rowsOf(key);
    const isOurs = rows.some((row) => row.version === seen && this.#identity.isOurs(row.incarnation));
    if (newest.version > seen && isOurs) return;
    this.#foreign.set(keyText(key), Math.max(seen, this.#foreign.get(keyText(key)) ?? 0));
  }

  /** Whether every peer that is up, and at least one, has this version or a newer one. */
  isReplicated(key: SnapshotKey, version: number): boolean {
    // What a peer has from before our state was lost has a greater number, and is not what was accepted.
    const foreign = this.#foreign.get(keyText(key)) ?? 0;
    const wanted = version <= foreign ? foreign + 1 : version;
    const has = this.#peers.all.filter((peer) => peer.plan.has(key, wanted));
    const lacking = this.#peers.all.filter((peer) => peer.health.state === 'up' && !has.includes(peer));
    return has.length > 0 && lacking.length === 0;
  }

  /** Resolves when it is replicated. @returns false when the signal was aborted before */
  async awaitReplicated(key: SnapshotKey, version: number, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (this.isReplicated(key, version)) return true;
      await this.progress.next(signal);
    }
    return false;
  }
}
