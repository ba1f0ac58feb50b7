import type { Delivery } from '../core/delivery.ts';
import { GatewayError } from '../errors.ts';
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
} from '../ports/gateway-api.ts';
import type { RestoreView, VerifyRow } from '../ports/ownership-api.ts';
import type { OwnershipApi, WatermarksApi } from '../ports/ownership-api.ts';
import type { SnapshotReader, SnapshotStore } from '../ports/snapshot-store.ts';
import { liveness, readiness } from './checks.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { DeliverByHand, WantedByHand } from './deliver-by-hand.ts';
import type { Deliveries } from './deliveries.ts';
import type { EventHub } from './event-hub.ts';
import type { FailoverCommand } from './failover-command.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { Ownership } from './ownership.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { Restore } from './restore.ts';
import type { ReturnSender } from './return-sender.ts';
import type { Shutdown } from './shutdown.ts';
import type { SnapshotRequests, SnapshotWish } from './snapshot-requests.ts';
import type { StoreWatch } from './store-watch.ts';
import { damagedContents, ownVersions } from './stored-views.ts';
import type { Sync } from './sync.ts';
import type { Verify } from './verify.ts';
import type { Views } from './views.ts';
import type { Watermarks } from './watermarks.ts';
import { bounded } from './wake.ts';

interface Parts {
  readonly peers: PeerDirectory;
  readonly own: OwnSnapshots;
  readonly held: HeldSnapshots;
  readonly deliveries: Deliveries;
  readonly byHand: DeliverByHand;
  readonly requests: SnapshotRequests;
  readonly sync: Sync;
  readonly returns: ReadonlyMap<Peer, ReturnSender>;
  readonly health: ApplicationHealth;
  readonly command: FailoverCommand;
  readonly watch: StoreWatch;
  readonly views: Views;
  readonly restore: Restore;
  readonly verify: Verify;
  readonly ownership: Ownership;
  readonly watermarks: Watermarks;
  readonly events: EventHub;
  readonly shutdown: Shutdown;
  readonly stores: readonly { readonly name: string; readonly store: SnapshotStore }[];
}

/** The local API's way into the services: it looks names up, asks one service, and shapes what comes back. */
export class Api implements GatewayApi {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly events: EventFeed;
  readonly ownership: OwnershipApi;
  readonly watermarks: WatermarksApi;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    const { events, deliveries } = parts;
    this.ownership = parts.ownership;
    this.watermarks = parts.watermarks;
    this.events = {
      get newestId() {
        return events.newestId;
      },
      get oldestId() {
        return events.oldestId;
      },
      read: (after, limit) => events.read(after, limit),
      changed: (after, signal) => events.changed(after, signal),
      repeats: () => deliveries.repeats(),
      attach: () => events.follow(),
    };
  }

  get dataCenter(): string {
    return this.#context.settings.dataCenter;
  }

  get isShuttingDown(): boolean {
    return this.#parts.shutdown.isUnderWay;
  }

  status(): StatusView {
    return this.#parts.views.status(this.#parts.stores, this.#parts.shutdown.isUnderWay);
  }

  healthz(): ChecksView {
    return liveness();
  }

  readyz(): ChecksView {
    return readiness(this.#context, this.#parts, this.#parts.shutdown.isUnderWay);
  }

  peers(): readonly PeerView[] {
    return this.#parts.peers.all.map((peer) => this.#parts.views.peer(peer));
  }

  peer(name: string): PeerView {
    return this.#parts.views.peer(this.#parts.peers.get(name));
  }

  async putSnapshot(request: NewSnapshot, signal: AbortSignal): Promise<OutgoingView> {
    this.#parts.shutdown.refuseIfUnderWay();
    return this.#parts.own.view(await this.#parts.own.put(request, signal));
  }

  async awaitReplicated(snapshot: OutgoingView, timeoutMs: number, signal: AbortSignal): Promise<OutgoingView> {
    const { own } = this.#parts;
    const key = own.key(snapshot.origin, snapshot.workload);
    const bound = bounded(signal, this.#context.tasks.signal);
    const timer = this.#context.clock.sleep(timeoutMs, bound.signal).then(bound.end);
    const isReplicated = await own.awaitReplicated(key, snapshot.version, bound.signal);
    bound.end();
    await timer;
    const { peers } = this.#parts;
    const view = {
      ...snapshot,
      replication: peers.all.map((peer) => ({
        peer: peer.label,
        state: peer.plan.has(key, snapshot.version) ? ('stored' as const) : peer.plan.stateOf(key),
      })),
    };
    if (isReplicated) return view;
    const states = view.replication.map(({ peer, state }) => `${peer}: ${state}`).join(', ');
    throw new GatewayError(
      'not-in-time',
      `Version ${snapshot.version} of "${snapshot.origin}" is accepted and goes on, but was not stored in time (${states}).`,
    );
  }

  outgoing(workload?: string): readonly OutgoingView[] {
    const { own } = this.#parts;
    return own
      .newest()
      .filter((row) => workload === undefined || row.key.workload === workload)
      .map((row) => own.view(row));
  }

  ownVersions(workload?: string): readonly OwnVersionView[] {
    return ownVersions(this.#parts.stores, workload);
  }

  damaged(): Promise<readonly DamagedView[]> {
    return damagedContents(this.#parts.stores);
  }

  async openOutgoing(origin: string, workload?: string, version?: number): Promise<SnapshotReader> {
    if (version !== undefined) return this.#parts.restore.openOwn({ origin, workload, version });
    return this.#parts.own.open(this.#parts.own.key(origin, workload));
  }

  async openReturned(which: {
    origin: string;
    workload: string | undefined;
    dataCenter: string;
    version: number;
  }): Promise<SnapshotReader> {
    return this.#parts.restore.openReturned(which);
  }

  restore(workload?: string): RestoreView {
    return this.#parts.restore.view(workload);
  }

  async verify(peer: string, repair: boolean, signal: AbortSignal): Promise<readonly VerifyRow[]> {
    if (repair) this.#parts.shutdown.refuseIfUnderWay();
    return this.#parts.verify.compare(this.#parts.peers.get(peer), repair, signal);
  }

  async requestSnapshots(wish: SnapshotWish): Promise<{ requestId: string }> {
    this.#parts.shutdown.refuseIfUnderWay();
    return { requestId: await this.#parts.requests.ask('manual', wish) };
  }

  awaitRequest(
    requestId: string,
    until: 'accepted' | 'replicated',
    timeoutMs: number | null,
    signal: AbortSignal,
  ): ReturnType<GatewayApi['awaitRequest']> {
    return this.#parts.requests.awaitRequest(requestId, until, timeoutMs, signal);
  }

  async sync(peer: string, timeoutMs: number | null): Promise<SyncView> {
    this.#parts.shutdown.refuseIfUnderWay();
    return this.#parts.sync.sync(this.#parts.peers.get(peer), timeoutMs);
  }

  awaitSync(sync: SyncView, timeoutMs: number | null, signal: AbortSignal): Promise<SyncView> {
    return this.#parts.sync.awaitSync(sync, timeoutMs, signal);
  }

  held(peer: string, options: { history: boolean; workload: string | undefined }): readonly HeldView[] {
    this.#parts.peers.get(peer);
    return this.#parts.held.views(peer, options);
  }

  async openHeld(
    peer: string,
    which: { origin: string; workload: string | undefined; version: number | undefined },
  ): Promise<SnapshotReader> {
    this.#parts.peers.get(peer);
    return this.#parts.held.open(peer, which);
  }

  deliveries(state?: Delivery['state']): readonly Delivery[] {
    return this.#parts.deliveries.list(state);
  }

  delivery(id: string): Delivery {
    return this.#parts.deliveries.get(id);
  }

  async openDelivered(id: string, which: { origin: string; workload: string | undefined }): Promise<SnapshotReader> {
    return this.#parts.deliveries.open(id, which);
  }

  async acknowledge(
    id: string,
    which: { origin: string; workload: string | undefined; version: number | undefined },
  ): Promise<void> {
    await this.#parts.deliveries.acknowledge(id, which);
  }

  async reject(
    id: string,
    which: { origin: string; workload: string | undefined; version: number | undefined; reason: string },
  ): Promise<void> {
    await this.#parts.deliveries.reject(id, which);
  }

  async deliver(request: WantedByHand): Promise<Delivery> {
    this.#parts.shutdown.refuseIfUnderWay();
    return this.#parts.byHand.create(request);
  }

  async returnTo(
    peer: string,
  ): Promise<{ returnId: string; snapshots: readonly { workload: string; origin: string; version: number }[] }> {
    this.#parts.shutdown.refuseIfUnderWay();
    const sender = this.#parts.returns.get(this.#parts.peers.get(peer));
    if (sender === undefined) throw new GatewayError('not-found', `No peer is called "${peer}".`);
    const { returnId, snapshots } = await sender.plan();
    return { returnId, snapshots: snapshots.map(({ workload, origin, version }) => ({ workload, origin, version })) };
  }

  async specialMessage(message: 'OrderlyShutdown' | 'SendMeDataFromSnapshotFiles'): Promise<void> {
    if (message === 'OrderlyShutdown') {
      this.#parts.shutdown.begin('orderly');
      return;
    }
    this.#parts.shutdown.refuseIfUnderWay();
    await this.#parts.byHand.createAll();
  }

  setApplicationHealth(health: { status: 'passing' | 'critical'; note: string | null }): Promise<void> {
    this.#parts.health.tell(health.status, health.note ?? '');
    return Promise.resolve();
  }
}
