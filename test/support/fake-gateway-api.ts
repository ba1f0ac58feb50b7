import { createHash } from 'node:crypto';
import { announceAgain, settle, type Delivery } from '../../src/core/delivery.ts';
import type { EventBody, GatewayEvent } from '../../src/core/events.ts';
import type { StoredSnapshot } from '../../src/core/snapshot.ts';
import { GatewayError } from '../../src/errors.ts';
import type {
  ChecksView,
  DamagedView,
  EventFeed,
  GatewayApi,
  HeldView,
  NewSnapshot,
  OutgoingView,
  OwnVersionView,
  PeerView,
  StatusView,
  SyncView,
} from '../../src/ports/gateway-api.ts';
import type { RestoreView, VerifyRow } from '../../src/ports/ownership-api.ts';
import type { ByteRange, SnapshotReader } from '../../src/ports/snapshot-store.ts';
import { FakeOwnership } from './fake-ownership.ts';
import { FakeWatermarks } from './fake-watermarks.ts';

export const AT = '2026-01-02T03:04:05.678Z';

/** A snapshot and its bytes, as a store would have them. */
export interface FakeSnapshot {
  readonly stored: StoredSnapshot;
  readonly content: Uint8Array;
}

export function fakeSnapshot(
  origin: string,
  content: string | Uint8Array,
  more: Partial<StoredSnapshot> = {},
): FakeSnapshot {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const stored: StoredSnapshot = {
    key: { dataCenter: 'dc2', workload: 'dc2', origin },
    version: 7,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    takenAt: AT,
    position: null,
    labels: {},
    withdrawn: bytes.length === 0,
    place: 'live',
    deliveredBy: null,
    incarnation: 1,
    storedAt: AT,
    placedAt: AT,
    reason: null,
    ...more,
  };
  return { stored, content: bytes };
}

/** A reader that tells whether it was closed, in pieces so that a client may go away between them. */
export class FakeReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #content: Uint8Array;
  readonly #pieceBytes: number;
  isClosed = false;
  /** How many bytes were asked of it. */
  readBytes = 0;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  #onClosed: () => void = () => undefined;
  /** Thrown after the first piece, if set. */
  failure: Error | null = null;

  constructor({ stored, content }: FakeSnapshot, pieceBytes = 64 * 1024) {
    this.snapshot = stored;
    this.#content = content;
    this.#pieceBytes = pieceBytes;
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
  }

  async *stream(range?: ByteRange): AsyncGenerator<Uint8Array> {
    const end = range === undefined ? this.#content.length : range.end + 1;
    for (let at = range?.start ?? 0; at < end; at += this.#pieceBytes) {
      if (this.isClosed) throw new Error('it was read after it was closed');
      const piece = this.#content.subarray(at, Math.min(end, at + this.#pieceBytes));
      this.readBytes += piece.length;
      yield piece;
      // One turn of the event loop, so that what was read goes out first.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.failure !== null) throw this.failure;
    }
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.#onClosed();
    return Promise.resolve();
  }
}

/** An event log in memory whose oldest events a test can drop. */
export class FakeFeed implements EventFeed {
  log: GatewayEvent[] = [];
  open: Delivery[] = [];
  newestId = 0;
  reads = 0;
  /** Subscribers that count as an application. */
  attached = 0;
  readonly #waiting = new Set<() => void>();
  readonly #watchers = new Set<() => void>();

  get oldestId(): number {
    return this.log[0]?.id ?? 0;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves when so many subscribers wait for a new event. */
  async waitingFor(count: number): Promise<void> {
    while (this.#waiting.size !== count) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }

  /** Ids have gaps, as they have after a restart. */
  publish(body: EventBody, id = this.newestId + 3): GatewayEvent {
    const event: GatewayEvent = { ...body, id, at: AT };
    this.log.push(event);
    this.newestId = id;
    for (const wake of this.#waiting) wake();
    return event;
  }

  read(after: number, limit: number): Promise<readonly GatewayEvent[]> {
    this.reads += 1;
    return Promise.resolve(this.log.filter((event) => event.id > after).slice(0, limit));
  }

  changed(after: number, signal: AbortSignal): Promise<void> {
    if (this.newestId > after || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
        this.#tell();
      };
      this.#waiting.add(wake);
      this.#tell();
      signal.addEventListener('abort', wake);
    });
  }

  attach(): () => void {
    this.attached += 1;
    this.#tell();
    return () => {
      this.attached -= 1;
      this.#tell();
    };
  }

  /** Resolves when so many subscribers count as an application. */
  async attachedBy(count: number): Promise<void> {
    while (this.attached !== count) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  repeats(): readonly Delivery[] {
    this.open = this.open.map(announceAgain);
    return this.open;
  }
}

export interface FakeCall {
  readonly method: keyof GatewayApi;
  readonly request: unknown;
}

export function fakePeer(more: Partial<PeerView> = {}): PeerView {
  return {
    name: 'dc2',
    state: 'up',
    reason: null,
    since: AT,
    lastHeartbeatAt: AT,
    lastHeartbeatCnt: 12,
    incarnation: 1_700_000_000_000,
    missed: 0,
    rttMs: 0.75,
    clockSkewSeconds: -0.25,
    hearsUs: true,
    application: { status: 'passing' },
    machines: [{ address: '127.0.0.1:25091', ok: true, lastError: null }],
    held: { origins: 1, bytes: 5, newestTakenAt: AT },
    replication: { pending: 0, oldestPendingSince: null },
    sync: { inSync: true, behindVersions: 0, behindSeconds: 0, lastReplicatedAt: AT },
    transitions: 0,
    incarnations: 1,
    blockedBy: null,
    ...more,
  };
}

export function fakeDelivery(id: string, snapshots: readonly FakeSnapshot[], more: Partial<Delivery> = {}): Delivery {
  return {
    id,
    reason: 'takeover',
    dataCenter: 'dc2',
    heartbeatMsgType: 2,
    workload: 'dc2',
    epoch: 0,
    watermarks: {},
    createdAt: AT,
    state: 'open',
    attempt: 1,
    snapshots: snapshots.map(({ stored }) => ({
      workload: stored.key.workload,
      origin: stored.key.origin,
      version: stored.version,
      bytes: stored.bytes,
      sha256: stored.sha256,
      takenAt: stored.takenAt,
      position: stored.position,
      labels: stored.labels,
      href: `/v1/deliveries/${id}/snapshots/${encodeURIComponent(stored.key.origin)}`,
      state: 'pending',
    })),
    ...more,
  };
}

export function fakeRestore(more: Partial<RestoreView> = {}): RestoreView {
  const copy = { version: 7, takenAt: AT, position: null, labels: {}, bytes: 3, sha256: 'ab'.repeat(32) };
  return {
    workload: 'dc1',
    owner: 'dc1',
    epoch: 1,
    superseded: false,
    origins: [
      {
        origin: 'orders',
        candidates: [
          { source: 'own', dataCenter: 'dc1', href: '/v1/snapshots/orders?version=7&workload=dc1', ...copy },
          {
            ...copy,
            source: 'returned',
            dataCenter: 'dc2',
            href: '/v1/returned/orders?version=6&workload=dc1&dataCenter=dc2',
            version: 6,
            position: 'offset 5',
            labels: { shift: 'night' },
          },
        ],
      },
    ],
    watermarks: { published: { seq: 12, position: 'p' } },
    ...more,
  };
}

export function fakeVerified(more: Partial<VerifyRow> = {}): VerifyRow {
  return { workload: 'dc1', origin: 'orders', state: 'same', version: 7, peerVersion: 7, repair: null, ...more };
}

/**
 * A gateway in memory, for tests of whatever asks the local API: own and held snapshots, deliveries, an event log.
 * `calls` has what was asked; `refuse` makes every call of one method fail, until `forgive`.
 */
export class FakeGatewayApi implements GatewayApi {
  readonly events = new FakeFeed();
  readonly dataCenter = 'dc1';
  isShuttingDown = false;
  readonly ownership = new FakeOwnership();
  readonly watermarks = new FakeWatermarks();
  readonly calls: FakeCall[] = [];
  readonly readers: FakeReader[] = [];
  readonly own = new Map<string, FakeSnapshot>();
  readonly heldFrom = new Map<string, FakeSnapshot[]>();
  readonly openDeliveries = new Map<string, Delivery>();
  ownVersionList: OwnVersionView[] = [];
  restoreView: RestoreView = fakeRestore();
  verifyRows: VerifyRow[] = [fakeVerified()];
  damagedList: DamagedView[] = [];
  /** How every request for snapshots that is waited for ends. */
  requestEnd: Awaited<ReturnType<GatewayApi['awaitRequest']>> = { isComplete: true, rows: [] };
  syncView: SyncView = {
    syncId: 's-1',
    dataCenter: 'dc2',
    origins: [{ workload: 'dc2', origin: 'orders', after: 7, state: 'waiting', version: null }],
  };
  peersList: PeerView[] = [fakePeer()];
  health: ChecksView = { status: 'ok', checks: { loop: { ok: true, detail: 'runs' } } };
  readiness: ChecksView = { status: 'ok', checks: { store: { ok: true, detail: 'works' } } };
  /** What awaitReplicated, awaitRequest and awaitSync wait for. */
  replicated: Promise<void> = Promise.resolve();
  /** The signal of the last call that had one. */
  lastSignal: AbortSignal | null = null;
  pieceBytes = 64 * 1024;
  /** Thrown by putSnapshot after the first chunk, as a store does whose disk is full. */
  refusalInTheMiddle: GatewayError | null = null;
  /** Thrown by every reader after its first piece. */
  readerFailure: Error | null = null;
  readonly #refusals = new Map<keyof GatewayApi, unknown>();
  readonly #watchers = new Set<() => void>();
  #version = 0;

  refuse(method: keyof GatewayApi, error: unknown): void {
    this.#refusals.set(method, error);
  }

  forgive(method: keyof GatewayApi): void {
    this.#refusals.delete(method);
  }

  /** Resolves when the method has been called. */
  async called(method: keyof GatewayApi): Promise<void> {
    while (!this.calls.some((call) => call.method === method)) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
  }

  requestsOf(method: keyof GatewayApi): unknown[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.request);
  }

  status(): StatusView {
    this.#note('status', null);
    return {
      dataCenter: 'dc1',
      application: { name: 'default', status: 'unknown' },
      mode: 'active',
      version: '0.1.0',
      startedAt: AT,
      incarnation: 1_700_000_000_000,
      peers: this.peersList,
      outgoing: { origins: this.own.size, bytes: 0, pending: 0, newestTakenAt: null },
      ownership: this.ownership.list,
      deliveries: { open: this.openDeliveries.size },
      store: { kind: 'memory', ok: true },
      scrub: { state: 'idle', startedAt: AT, completedAt: null, verified: 3, bytes: 4096, damaged: 0 },
      ownPauses: { count: 0, longestSeconds: 0, lastAt: null },
      failoverCommand: { state: 'none' },
      shuttingDown: false,
    };
  }

  healthz(): ChecksView {
    this.#note('healthz', null);
    return this.health;
  }

  readyz(): ChecksView {
    this.#note('readyz', null);
    return this.readiness;
  }

  peers(): readonly PeerView[] {
    this.#note('peers', null);
    return this.peersList;
  }

  peer(name: string): PeerView {
    this.#note('peer', name);
    const peer = this.peersList.find((known) => known.name === name);
    if (peer === undefined) throw new GatewayError('not-found', `There is no peer ${name}.`);
    return peer;
  }

  async putSnapshot(request: NewSnapshot, signal: AbortSignal): Promise<OutgoingView> {
    this.lastSignal = signal;
    const { content, ...rest } = request;
    this.#note('putSnapshot', rest);
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) {
      chunks.push(chunk);
      if (this.refusalInTheMiddle !== null) throw this.refusalInTheMiddle;
    }
    const bytes = Buffer.concat(chunks);
    this.#version += 1;
    const fake = fakeSnapshot(request.origin, bytes, {
      key: { dataCenter: 'dc1', workload: request.workload ?? 'dc1', origin: request.origin },
      version: this.#version,
      position: request.position,
      labels: request.labels,
    });
    if (request.sha256 !== null && request.sha256 !== fake.stored.sha256) {
      throw new GatewayError('digest-mismatch', 'The bytes have another digest.', { field: 'repr-digest' });
    }
    this.own.set(request.origin, fake);
    return outgoingView(fake, 'pending');
  }

  async awaitReplicated(snapshot: OutgoingView, timeoutMs: number, signal: AbortSignal): Promise<OutgoingView> {
    this.lastSignal = signal;
    this.#note('awaitReplicated', { origin: snapshot.origin, version: snapshot.version, timeoutMs });
    await this.#replicatedOrGone(signal);
    return { ...snapshot, replication: snapshot.replication.map(({ peer }) => ({ peer, state: 'stored' })) };
  }

  outgoing(workload?: string): readonly OutgoingView[] {
    this.#note('outgoing', workload);
    return [...this.own.values()].map((fake) => outgoingView(fake, 'stored'));
  }

  ownVersions(workload?: string): readonly OwnVersionView[] {
    this.#note('ownVersions', workload);
    return this.ownVersionList;
  }

  damaged(): Promise<readonly DamagedView[]> {
    return this.#promise('damaged', null, () => this.damagedList);
  }

  openOutgoing(origin: string, workload?: string, version?: number): Promise<SnapshotReader> {
    return this.#promise('openOutgoing', { origin, workload, version }, () => this.#open(this.own.get(origin)));
  }

  openReturned(which: {
    origin: string;
    workload: string | undefined;
    dataCenter: string;
    version: number;
  }): Promise<SnapshotReader> {
    return this.#promise('openReturned', which, () => this.#open(this.own.get(which.origin)));
  }

  restore(workload?: string): RestoreView {
    this.#note('restore', workload);
    return { ...this.restoreView, workload: workload ?? this.restoreView.workload };
  }

  async verify(peer: string, repair: boolean, signal: AbortSignal): Promise<readonly VerifyRow[]> {
    this.lastSignal = signal;
    return this.#promise('verify', { peer, repair }, () => this.verifyRows);
  }

  requestSnapshots(request: {
    workload?: string | undefined;
    origins: readonly string[] | null;
    timeoutMs: number | null;
  }): Promise<{ requestId: string }> {
    return this.#promise('requestSnapshots', request, () => ({ requestId: 'r-1' }));
  }

  async awaitRequest(
    requestId: string,
    until: 'accepted' | 'replicated',
    timeoutMs: number | null,
    signal: AbortSignal,
  ): ReturnType<GatewayApi['awaitRequest']> {
    this.lastSignal = signal;
    this.#note('awaitRequest', { requestId, until, timeoutMs });
    await this.#replicatedOrGone(signal);
    return this.requestEnd;
  }

  sync(peer: string, timeoutMs: number | null): Promise<SyncView> {
    return this.#promise('sync', { peer, timeoutMs }, () => this.syncView);
  }

  async awaitSync(sync: SyncView, timeoutMs: number | null, signal: AbortSignal): Promise<SyncView> {
    this.lastSignal = signal;
    this.#note('awaitSync', { syncId: sync.syncId, timeoutMs });
    await this.#replicatedOrGone(signal);
    return { ...sync, origins: sync.origins.map((row) => ({ ...row, state: 'held', version: row.after + 1 })) };
  }

  async #replicatedOrGone(signal: AbortSignal): Promise<void> {
    const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.replicated, gone]);
  }

  held(peer: string, options: { history: boolean; workload: string | undefined }): readonly HeldView[] {
    this.#note('held', { peer, ...options });
    const rows = this.heldFrom.get(peer);
    if (rows === undefined) throw new GatewayError('not-found', `There is no peer ${peer}.`);
    return rows.map(heldView);
  }

  openHeld(
    peer: string,
    which: { origin: string; workload: string | undefined; version: number | undefined },
  ): Promise<SnapshotReader> {
    return this.#promise('openHeld', { peer, ...which }, () =>
      this.#open(this.heldFrom.get(peer)?.find(({ stored }) => stored.key.origin === which.origin)),
    );
  }

  deliveries(state?: Delivery['state']): readonly Delivery[] {
    this.#note('deliveries', state);
    return [...this.openDeliveries.values()].filter((delivery) => state === undefined || delivery.state === state);
  }

  delivery(id: string): Delivery {
    this.#note('delivery', id);
    return this.#delivery(id);
  }

  openDelivered(id: string, which: { origin: string; workload: string | undefined }): Promise<SnapshotReader> {
    return this.#promise('openDelivered', { id, ...which }, () => {
      const { dataCenter } = this.#delivery(id);
      return this.#open(this.heldFrom.get(dataCenter)?.find(({ stored }) => stored.key.origin === which.origin));
    });
  }

  acknowledge(
    id: string,
    which: { origin: string; workload: string | undefined; version: number | undefined },
  ): Promise<void> {
    return this.#promise('acknowledge', { id, ...which }, () => this.#settle(id, { ...which, state: 'acknowledged' }));
  }

  reject(
    id: string,
    which: { origin: string; workload: string | undefined; version: number | undefined; reason: string },
  ): Promise<void> {
    return this.#promise('reject', { id, ...which }, () => this.#settle(id, { ...which, state: 'rejected' }));
  }

  deliver(request: { dataCenter: string; origins: readonly string[] | null }): Promise<Delivery> {
    return this.#promise('deliver', request, () => {
      const rows = this.heldFrom.get(request.dataCenter) ?? [];
      if (rows.length === 0) throw new GatewayError('nothing-held', `Nothing is held from ${request.dataCenter}.`);
      const delivery = fakeDelivery(`d-${String(this.openDeliveries.size + 1)}`, rows, { reason: 'manual' });
      this.openDeliveries.set(delivery.id, delivery);
      return delivery;
    });
  }

  returnTo(peer: string): ReturnType<GatewayApi['returnTo']> {
    return this.#promise('returnTo', peer, () => {
      const rows = this.heldFrom.get(peer) ?? [];
      if (rows.length === 0) throw new GatewayError('nothing-held', `Nothing is held from ${peer}.`);
      const snapshots = rows.map(({ stored }) => ({
        workload: stored.key.workload,
        origin: stored.key.origin,
        version: stored.version,
      }));
      return { returnId: 'b-1', snapshots };
    });
  }

  specialMessage(message: 'OrderlyShutdown' | 'SendMeDataFromSnapshotFiles'): Promise<void> {
    return this.#promise('specialMessage', message, () => undefined);
  }

  setApplicationHealth(health: { status: 'passing' | 'critical'; note: string | null }): Promise<void> {
    return this.#promise('setApplicationHealth', health, () => undefined);
  }

  #settle(id: string, verdict: Parameters<typeof settle>[1]): void {
    const settled = settle(this.#delivery(id), verdict);
    if (settled.kind === 'no-such-snapshot') throw new GatewayError('not-found', 'The delivery has no such snapshot.');
    if (settled.kind === 'settled') this.openDeliveries.set(id, settled.delivery);
    else if (settled.kind !== 'repeated')
      throw new GatewayError('delivery-conflict', 'The delivery does not take this answer.');
  }

  #delivery(id: string): Delivery {
    const delivery = this.openDeliveries.get(id);
    if (delivery === undefined) throw new GatewayError('not-found', `There is no delivery ${id}.`);
    return delivery;
  }

  #open(fake: FakeSnapshot | undefined): FakeReader {
    if (fake === undefined) throw new GatewayError('not-found', 'There is no such snapshot.');
    const reader = new FakeReader(fake, this.pieceBytes);
    reader.failure = this.readerFailure;
    this.readers.push(reader);
    return reader;
  }

  async #promise<T>(method: keyof GatewayApi, request: unknown, act: () => T): Promise<T> {
    await Promise.resolve();
    this.#note(method, request);
    return act();
  }

  #note(method: keyof GatewayApi, request: unknown): void {
    this.calls.push({ method, request });
    for (const wake of this.#watchers) wake();
    this.#refuseMaybe(method);
  }

  #refuseMaybe(method: keyof GatewayApi): void {
    if (this.#refusals.has(method)) throw this.#refusals.get(method);
  }
}

function outgoingView({ stored }: FakeSnapshot, state: 'pending' | 'stored'): OutgoingView {
  const { key, version, bytes, sha256, takenAt, position, labels, withdrawn } = stored;
  const replication = [{ peer: 'dc2', state }];
  return {
    workload: key.workload,
    origin: key.origin,
    version,
    bytes,
    sha256,
    takenAt,
    position,
    labels,
    withdrawn,
    replication,
  };
}

function heldView({ stored }: FakeSnapshot): HeldView {
  const { key, version, bytes, sha256, takenAt, position, labels, storedAt, placedAt, reason } = stored;
  const href = `/v1/peers/${key.dataCenter}/snapshots/${encodeURIComponent(key.origin)}?version=${String(version)}`;
  return {
    workload: key.workload,
    origin: key.origin,
    version,
    bytes,
    sha256,
    takenAt,
    position,
    labels,
    state: 'held',
    storedAt,
    placedAt,
    reason,
    href,
  };
}
