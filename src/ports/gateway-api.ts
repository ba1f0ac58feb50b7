import type { Delivery } from '../core/delivery.ts';
import type { GatewayEvent } from '../core/events.ts';
import type { ApplicationStatus, PeerState } from '../core/peer-state.ts';
import type { ListedSnapshot, StoredSnapshot } from '../core/snapshot.ts';
import type {
  OwnershipApi,
  OwnershipView,
  RequestRow,
  RestoreView,
  VerifyRow,
  WatermarksApi,
} from './ownership-api.ts';
import type { DamagedContent, SnapshotReader } from './snapshot-store.ts';

/** Times are RFC 3339 UTC, durations seconds unless the name says otherwise: these objects are the JSON of interface §3 and §4. */
export interface PeerView {
  /** The peer's name, or its machines joined by commas until the name is known. */
  readonly name: string;
  readonly state: PeerState;
  /** Why it is suspect or down: silence, one-way, application-critical, refused; null otherwise. */
  readonly reason: string | null;
  readonly since: string;
  readonly lastHeartbeatAt: string | null;
  readonly lastHeartbeatCnt: number | null;
  readonly incarnation: number | null;
  readonly missed: number;
  readonly rttMs: number | null;
  /** How far its wall clock is ahead of ours, and the way here; null before its first heartbeat. */
  readonly clockSkewSeconds: number | null;
  readonly hearsUs: boolean | null;
  readonly application: { readonly status: ApplicationStatus };
  readonly machines: readonly {
    readonly address: string;
    readonly ok: boolean | null;
    readonly lastError: string | null;
  }[];
  readonly held: { readonly origins: number; readonly bytes: number; readonly newestTakenAt: string | null };
  readonly replication: { readonly pending: number; readonly oldestPendingSince: string | null };
  readonly sync: {
    readonly inSync: boolean;
    readonly behindVersions: number;
    readonly behindSeconds: number;
    readonly lastReplicatedAt: string | null;
  };
  /** How often it has gone down, or up again after that, since this gateway's state began. */
  readonly transitions: number;
  /** Live incarnations heard within the last N intervals; 2 means that two gateways run under one name. */
  readonly incarnations: number;
  /** Why nothing happens by itself though something could: refused, passive, nothing-held, app-critical, store-unavailable; null otherwise. */
  readonly blockedBy: string | null;
}

export interface ReplicationView {
  readonly peer: string;
  readonly state: 'pending' | 'sending' | 'stored';
}

export interface OutgoingView extends ListedSnapshot {
  readonly withdrawn: boolean;
  readonly replication: readonly ReplicationView[];
}

export interface HeldView extends ListedSnapshot {
  /** live, set-aside, quarantined or lost; and for a live one whether it is withdrawn or was delivered. */
  readonly state: 'held' | 'delivered' | 'withdrawn' | 'set-aside' | 'quarantined' | 'lost';
  readonly storedAt: string;
  /** Since when it is where it is, and why; null for one that never was elsewhere. */
  readonly placedAt: string;
  readonly reason: string | null;
  /** Path and query on the local API. */
  readonly href: string;
}

/** One version of our own snapshots: among those that our application posted, or those that a peer gave back. */
export interface OwnVersionView extends ListedSnapshot {
  readonly store: 'outgoing' | 'returned';
  /** Who gave it to us: our own name, or the peer's that returned it. */
  readonly dataCenter: string;
  readonly state: 'live' | 'delivered' | 'withdrawn' | 'set-aside' | 'quarantined' | 'lost';
  readonly storedAt: string;
  readonly placedAt: string;
  readonly reason: string | null;
}

/** Damaged content that a store keeps for a person to look at. */
export interface DamagedView extends DamagedContent {
  readonly store: string;
}

/** The verification of everything that is stored: the round under way, else the last one. */
export interface ScrubView {
  /** off: `snapshotScrubInterval` says so; waiting: a store is away. */
  readonly state: 'off' | 'idle' | 'running' | 'waiting';
  readonly startedAt: string | null;
  /** When the last round ended that went through everything. */
  readonly completedAt: string | null;
  readonly verified: number;
  readonly bytes: number;
  readonly damaged: number;
}

export interface StatusView {
  readonly dataCenter: string;
  readonly application: { readonly name: string; readonly status: ApplicationStatus };
  readonly mode: 'active' | 'passive';
  readonly version: string;
  readonly startedAt: string;
  readonly incarnation: number;
  readonly peers: readonly PeerView[];
  readonly outgoing: {
    readonly origins: number;
    readonly bytes: number;
    readonly pending: number;
    readonly newestTakenAt: string | null;
  };
  readonly ownership: readonly OwnershipView[];
  readonly deliveries: { readonly open: number };
  readonly store: { readonly kind: string; readonly ok: boolean };
  readonly scrub: ScrubView;
  /** Pauses of this gateway itself (a stopped process, a blocked loop), which no peer is blamed for. */
  readonly ownPauses: { readonly count: number; readonly longestSeconds: number; readonly lastAt: string | null };
  readonly failoverCommand: { readonly state: 'none' | 'idle' | 'running' | 'retrying' | 'gave-up' };
  readonly shuttingDown: boolean;
}

/** What was asked of a peer's application, and what is held here since. */
export interface SyncView {
  readonly syncId: string;
  readonly dataCenter: string;
  readonly origins: readonly {
    readonly workload: string;
    readonly origin: string;
    /** A version above this one is what is waited for. */
    readonly after: number;
    readonly state: 'waiting' | 'held';
    /** What is held of those; null while none is. */
    readonly version: number | null;
  }[];
}

export interface ChecksView {
  readonly status: 'ok' | 'failing';
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

export interface NewSnapshot {
  readonly origin: string;
  /** undefined: this DC's own. */
  readonly workload: string | undefined;
  readonly position: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly content: AsyncIterable<Uint8Array>;
  /** From Content-Length; null when it was not given. */
  readonly bytes: number | null;
  /** From Repr-Digest, hexadecimal; null when it was not given. */
  readonly sha256: string | null;
}

/** Reading of events for one subscriber: its own place in the log, so that a slow one slows nobody. */
export interface EventFeed {
  readonly newestId: number;
  readonly oldestId: number;
  /** Up to `limit` events with an id above `after`. */
  read(after: number, limit: number): Promise<readonly GatewayEvent[]>;
  /** Resolves when there may be an event above `after`, or the signal is aborted. */
  changed(after: number, signal: AbortSignal): Promise<void>;
  /** Open deliveries, each announced once more: `attempt` is raised. For a new subscriber, and every 60 s. */
  repeats(): readonly Delivery[];
  /** An application has begun to follow: it counts as attached until the function that is returned is called. */
  attach(): () => void;
}

/**
 * Everything that the local API can ask of the gateway. Every refusal is a GatewayError of the catalogue; arguments
 * are already of the right type and bounded, names are checked here.
 */
export interface GatewayApi {
  readonly events: EventFeed;
  /** Our own name, which our own workload bears too. */
  readonly dataCenter: string;
  /** On the way out. */
  readonly isShuttingDown: boolean;

  status(): StatusView;
  healthz(): ChecksView;
  readyz(): ChecksView;

  peers(): readonly PeerView[];
  /** @throws not-found */
  peer(name: string): PeerView;

  /** Durable here when it resolves. @throws as SnapshotStore.put, and `shutting-down`, `not-found` for a foreign workload */
  putSnapshot(request: NewSnapshot, signal: AbortSignal): Promise<OutgoingView>;
  /** Resolves when every peer that is up, and at least one, has this version or a newer one. @throws not-in-time */
  awaitReplicated(snapshot: OutgoingView, timeoutMs: number, signal: AbortSignal): Promise<OutgoingView>;
  outgoing(workload?: string): readonly OutgoingView[];
  /** Every version of our own that is stored, wherever it is; newest first within each origin. */
  ownVersions(workload?: string): readonly OwnVersionView[];
  /** What every store keeps of damaged content, the oldest first. @throws store-unavailable */
  damaged(): Promise<readonly DamagedView[]>;
  /**
   * The newest own version that can be offered; a damaged one is set aside and the one before is tried. With a version
   * that very one, wherever it is, also of a workload that another data centre owns by now.
   * @throws not-found, snapshot-damaged
   */
  openOutgoing(origin: string, workload?: string, version?: number): Promise<SnapshotReader>;
  /** A version that a peer gave back to us. @throws not-found, snapshot-damaged */
  openReturned(which: {
    origin: string;
    workload: string | undefined;
    dataCenter: string;
    version: number;
  }): Promise<SnapshotReader>;

  /**
   * Asks the application. Without a workload for all that this data centre owns; null means all origins of it, and
   * `snapshotRequestTimeout`. @throws not-owner
   */
  requestSnapshots(request: {
    workload?: string | undefined;
    origins: readonly string[] | null;
    timeoutMs: number | null;
  }): Promise<{ requestId: string }>;
  /** A row per origin, when all are as asked or the time is over (`isComplete` false). @throws not-found */
  awaitRequest(
    requestId: string,
    until: 'accepted' | 'replicated',
    timeoutMs: number | null,
    signal: AbortSignal,
  ): Promise<{ readonly isComplete: boolean; readonly rows: readonly RequestRow[] }>;

  /** Asks the peer's application for fresh snapshots. @throws not-found, peer-unavailable */
  sync(peer: string, timeoutMs: number | null): Promise<SyncView>;
  /** Resolves when they are held here. @throws not-in-time */
  awaitSync(sync: SyncView, timeoutMs: number | null, signal: AbortSignal): Promise<SyncView>;
  /** Compares what went out with what the peer holds; with `repair` what differs is sent again. @throws not-found, peer-unavailable */
  verify(peer: string, repair: boolean, signal: AbortSignal): Promise<readonly VerifyRow[]>;
  /** What the application should start from. @throws not-found, store-unavailable */
  restore(workload?: string): RestoreView;

  readonly ownership: OwnershipApi;
  readonly watermarks: WatermarksApi;

  /** Newest offered version per origin, or every row. @throws not-found for a peer that is not one */
  held(peer: string, options: { history: boolean; workload: string | undefined }): readonly HeldView[];
  openHeld(
    peer: string,
    which: { origin: string; workload: string | undefined; version: number | undefined },
  ): Promise<SnapshotReader>;

  deliveries(state?: Delivery['state']): readonly Delivery[];
  delivery(id: string): Delivery;
  /** The pinned version. @throws not-found, snapshot-replaced, delivery-conflict (cancelled) */
  openDelivered(id: string, which: { origin: string; workload: string | undefined }): Promise<SnapshotReader>;
  acknowledge(
    id: string,
    which: { origin: string; workload: string | undefined; version: number | undefined },
  ): Promise<void>;
  reject(
    id: string,
    which: { origin: string; workload: string | undefined; version: number | undefined; reason: string },
  ): Promise<void>;
  /** Of one workload: the data centre's own when none is named. @throws nothing-held, not-found */
  deliver(request: {
    dataCenter: string;
    workload?: string | undefined;
    origins: readonly string[] | null;
  }): Promise<Delivery>;

  /** What will be sent. @throws nothing-held, not-found */
  returnTo(
    peer: string,
  ): Promise<{ returnId: string; snapshots: readonly { workload: string; origin: string; version: number }[] }>;
  /** The two special messages of the IBM toolkit. Resolves when it is accepted; the shutdown follows by itself. */
  specialMessage(message: 'OrderlyShutdown' | 'SendMeDataFromSnapshotFiles'): Promise<void>;

  setApplicationHealth(health: { status: 'passing' | 'critical'; note: string | null }): Promise<void>;
}

/** What a stored snapshot is to a reader: shown as ONE state. */
export function heldState(row: StoredSnapshot): HeldView['state'] {
  if (row.place !== 'live') return row.place;
  if (row.withdrawn) return 'withdrawn';
  return row.deliveredBy === null ? 'held' : 'delivered';
}

/** The same of one of our own, which nobody holds for anybody. */
export function ownState(row: StoredSnapshot): OwnVersionView['state'] {
  const state = heldState(row);
  return state === 'held' ? 'live' : state;
}
