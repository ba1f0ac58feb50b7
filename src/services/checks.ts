import type { ChecksView } from '../ports/gateway-api.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { FailoverCommand } from './failover-command.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { StoreWatch } from './store-watch.ts';
import type { Views } from './views.ts';

interface Parts {
  readonly peers: PeerDirectory;
  readonly own: OwnSnapshots;
  readonly command: FailoverCommand;
  readonly watch: StoreWatch;
  readonly views: Views;
}

/** Whether the gateway may be relied on now. Never failing because a peer is down: that is what we are for. */
export function readiness(context: Context, parts: Parts, isShuttingDown: boolean): ChecksView {
  const failures = parts.watch.failures();
  const stale = staleness(context, parts);
  const gaveUp = parts.command.state === 'gave-up';
  return checksView({
    store: {
      ok: failures.length === 0,
      detail: failures.map(({ store, reason }) => `${store}: ${reason}`).join('; ') || 'works',
    },
    replication: { ok: stale === null, detail: stale ?? 'fresh' },
    failoverCommand: { ok: !gaveUp, detail: gaveUp ? 'every attempt failed; see the log' : parts.command.state },
    shutdown: { ok: !isShuttingDown, detail: isShuttingDown ? 'shutting down' : 'no' },
  });
}

/** Fails only when a restart would help; what it waits for is the event loop, and that answers. */
export function liveness(): ChecksView {
  return checksView({ process: { ok: true, detail: 'answers' } });
}

/**
 * Why replication is stale, or null: a peer that is up lacks something for longer than it should take, or the newest
 * that it has of a workload that we own is older than two snapshot intervals although the application has posted before.
 */
function staleness(context: Context, parts: Parts): string | null {
  const { clock, settings } = context;
  const limitMs = 2 * settings.snapshotIntervalMs;
  if (limitMs === Infinity || settings.mode === 'passive' || parts.own.newest().length === 0) return null;
  for (const peer of parts.peers.all) {
    if (peer.health.state !== 'up') continue;
    const oldest = parts.views.oldestOwnedPendingSince(peer);
    if (oldest !== null && clock.now() - oldest > limitMs) {
      return `"${peer.label}" lacks a snapshot for ${Math.round((clock.now() - oldest) / SECOND_MS)} s`;
    }
    const ageMs = parts.views.newestReplicatedAgeMs(peer) ?? 0;
    if (ageMs > limitMs) return `the newest snapshot at "${peer.label}" is ${Math.round(ageMs / SECOND_MS)} s old`;
  }
  return null;
}

function checksView(checks: ChecksView['checks']): ChecksView {
  return { status: Object.values(checks).every((check) => check.ok) ? 'ok' : 'failing', checks };
}
