import { byName, type StoredSnapshot } from '../core/snapshot.ts';
import { effectiveIntervalMs } from '../core/silence.ts';
import type { CertificateFacts } from '../ports/certificates.ts';
import { isoTime } from '../ports/clock.ts';
import type { PeerView, StatusView } from '../ports/gateway-api.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { TelemetrySource } from '../ports/telemetry.ts';
import { SECOND_MS } from '../units.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { FailoverCommand } from './failover-command.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { Identity } from './identity.ts';
import type { Ownership } from './ownership.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import { healthConfig, type Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { Scrub } from './scrub.ts';
import type { StoreWatch } from './store-watch.ts';
import type { Takeovers } from './takeovers.ts';

/** Two snapshot intervals: a newest replicated snapshot older than that is stale (interface §4, `inSync`). */
const STALE_INTERVALS = 2;

interface Parts {
  readonly peers: PeerDirectory;
  readonly identity: Identity;
  readonly monitor: HealthMonitor;
  readonly own: OwnSnapshots;
  readonly held: HeldSnapshots;
  readonly deliveries: Deliveries;
  readonly health: ApplicationHealth;
  readonly command: FailoverCommand;
  readonly watch: StoreWatch;
  readonly scrub: Scrub;
  readonly housekeeping: Housekeeping;
  readonly ownership: Ownership;
  readonly table: OwnershipTable;
  readonly takeovers: Takeovers;
  readonly certificates: () => readonly CertificateFacts[];
}

/** What is shown of the gateway: everything is computed when it is read, nothing is kept twice. */
export class Views implements TelemetrySource {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #startedAtMs: number;
  #heldKept = new Map<string, { generation: number; held: HeldSum }>();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#startedAtMs = context.clock.wallMs();
  }

  peer(peer: Peer): PeerView {
    const { clock, rules } = this.#context;
    const now = clock.now();
    const { health, choice, plan } = peer;
    const oldest = plan.oldestPendingSince();
    return {
      name: peer.label,
      state: health.state,
      reason: health.state === 'up' ? null : health.reason,
      since: isoTime(peer.sinceMs),
      lastHeartbeatAt: peer.lastHeartbeatMs === null ? null : isoTime(peer.lastHeartbeatMs),
      lastHeartbeatCnt: health.order?.heartbeatCnt ?? null,
      incarnation: health.order?.incarnation ?? null,
      missed: health.missed,
      rttMs: peer.rttMs,
      clockSkewSeconds: peer.clockSkewMs === null ? null : peer.clockSkewMs / SECOND_MS,
      hearsUs: rules.hearsUs(health, healthConfig(this.#context, peer), now),
      application: { status: health.application },
      machines: choice.machines.map(({ address, ok, lastError }) => ({ address, ok, lastError })),
      held: this.#heldSum(peer).view,
      replication: { pending: plan.pending(), oldestPendingSince: oldest === null ? null : this.#wallOf(oldest) },
      sync: this.#sync(peer),
      transitions: peer.transitions,
      incarnations: this.#liveIncarnations(peer),
      blockedBy: this.#parts.takeovers.blockedByOf(peer),
    };
  }

  #wallOf(monotonic: number): string {
    const { clock } = this.#context;
    return isoTime(clock.wallMs() - (clock.now() - monotonic));
  }

  #sync(peer: Peer): PeerView['sync'] {
    const { clock, settings } = this.#context;
    const pending = peer.plan.pending();
    const oldest = peer.plan.oldestPendingSince();
    const ageMs = this.newestReplicatedAgeMs(peer);
    // Whoever owns nothing posts nothing, and has nothing to be late with.
    const isFresh =
      ageMs === null ? this.#parts.table.owned().length === 0 : ageMs < STALE_INTERVALS * settings.snapshotIntervalMs;
    return {
      inSync: peer.health.state === 'up' && pending === 0 && isFresh,
      behindVersions: pending,
      behindSeconds: oldest === null ? 0 : (clock.now() - oldest) / SECOND_MS,
      lastReplicatedAt: peer.lastReplicatedMs === null ? null : isoTime(peer.lastReplicatedMs),
    };
  }

  /**
   * How old the newest snapshot is that the peer has of a workload that we own, of the workload that is furthest behind;
   * null when it has none. What we posted for a workload that another one owns by now cannot become any newer.
   */
  newestReplicatedAgeMs(peer: Peer): number | null {
    const { own, table } = this.#parts;
    const ages = new Map<string, number>();
    for (const row of own.newest()) {
      const { workload } = row.key;
      if (!table.owns(workload) || !peer.plan.has(row.key, row.version)) continue;
      // What is older than our ownership is from a former one: nothing could be posted in between.
      const ageMs = Math.min(own.ageMs(row), table.ownedForMs(workload));
      ages.set(workload, Math.min(ageMs, ages.get(workload) ?? Infinity));
    }
    return ages.size === 0 ? null : Math.max(...ages.values());
  }

  /** The same of what the peer lacks: since when the oldest of it waits, by the monotonic clock; null when it lacks nothing. */
  oldestOwnedPendingSince(peer: Peer): number | null {
    const since = this.#parts.table.owned().flatMap((workload) => peer.plan.oldestPendingSince(workload) ?? []);
    return since.length === 0 ? null : Math.min(...since);
  }

  #liveIncarnations(peer: Peer): number {
    const { clock, settings } = this.#context;
    const windowMs = settings.missesAllowed * effectiveIntervalMs(peer.health, healthConfig(this.#context, peer));
    return peer.liveIncarnations(clock.now() - windowMs);
  }

  #heldSum(peer: Peer): HeldSum {
    if (peer.name === null) return EMPTY_SUM;
    const { store } = this.#parts.held;
    const kept = this.#heldKept.get(peer.name);
    if (kept?.generation === store.generation) return kept.held;
    const held = sumOf(this.#parts.held.offered(peer.name));
    this.#heldKept.set(peer.name, { generation: store.generation, held });
    return held;
  }

  status(
    stores: readonly { readonly name: string; readonly store: SnapshotStore }[],
    isShuttingDown: boolean,
  ): StatusView {
    const { settings } = this.#context;
    const { identity, monitor, own, deliveries, health, command, watch, peers } = this.#parts;
    const rows = own.newest().filter((row) => !row.withdrawn);
    const { view } = sumOf([...rows].sort(byName));
    const pending = Math.max(0, ...peers.all.map((peer) => peer.plan.pending()));
    const heldStore = stores.find((entry) => entry.name === 'held');
    const { count, longestMs, lastAtMs } = monitor.pauses;
    return {
      dataCenter: settings.dataCenter,
      application: { name: settings.applicationName, status: health.status() },
      mode: settings.mode,
      version: settings.version,
      startedAt: isoTime(this.#startedAtMs),
      incarnation: identity.incarnation,
      peers: peers.all.map((peer) => this.peer(peer)),
      outgoing: { origins: view.origins, bytes: view.bytes, pending, newestTakenAt: view.newestTakenAt },
      ownership: this.#parts.ownership.rows(),
      deliveries: { open: deliveries.list('open').length },
      store: { kind: heldStore?.store.kind ?? 'file', ok: watch.failures().length === 0 },
      scrub: this.#parts.scrub.view(),
      ownPauses: { count, longestSeconds: longestMs / SECOND_MS, lastAt: lastAtMs === null ? null : isoTime(lastAtMs) },
      failoverCommand: { state: command.state },
      shuttingDown: isShuttingDown,
    };
  }

  /** For the gauges: read when they are scraped. */
  peers(): ReturnType<TelemetrySource['peers']> {
    const { clock, rules } = this.#context;
    return this.#parts.peers.all.map((peer) => {
      const { view, newestMs } = this.#heldSum(peer);
      const oldest = peer.plan.oldestPendingSince();
      return {
        peer: peer.label,
        state: peer.health.state,
        lastHeartbeatMs: peer.lastHeartbeatMs,
        hearsUs: rules.hearsUs(peer.health, healthConfig(this.#context, peer), clock.now()),
        pending: peer.plan.pending(),
        lagSeconds: oldest === null ? 0 : (clock.now() - oldest) / SECOND_MS,
        heldSnapshots: view.origins,
        heldBytes: view.bytes,
        heldNewestMs: newestMs,
        incarnations: this.#liveIncarnations(peer),
        clockSkewSeconds: peer.clockSkewMs === null ? null : peer.clockSkewMs / SECOND_MS,
      };
    });
  }

  ownership(): ReturnType<TelemetrySource['ownership']> {
    return this.#parts.ownership.rows();
  }

  deliveriesOpen(): number {
    return this.#parts.deliveries.list('open').length;
  }

  scrubCompletedMs(): number | null {
    return this.#parts.scrub.completedMs;
  }

  archives(): ReturnType<TelemetrySource['archives']> {
    return this.#parts.housekeeping.archiveBytes();
  }

  certificates(): readonly CertificateFacts[] {
    return this.#parts.certificates();
  }
}

interface HeldSum {
  readonly view: PeerView['held'];
  readonly newestMs: number | null;
}

const EMPTY_SUM: HeldSum = { view: { origins: 0, bytes: 0, newestTakenAt: null }, newestMs: null };

function sumOf(rows: readonly StoredSnapshot[]): HeldSum {
  let bytes = 0;
  let newestMs = -Infinity;
  for (const row of rows) {
    bytes += row.bytes;
    newestMs = Math.max(newestMs, Date.parse(row.takenAt));
  }
  if (newestMs === -Infinity) return EMPTY_SUM;
  return { view: { origins: rows.length, bytes, newestTakenAt: isoTime(newestMs) }, newestMs };
}
