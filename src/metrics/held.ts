import type { Telemetry } from '../ports/telemetry.ts';
import { amount, bounded, knownCounter, OTHER, peerCounter, peerGauge, type FamilyContext } from './family.ts';

/** The stores of snapshots. */
export const STORES = ['outgoing', 'held', 'returned'];

type Held = Pick<Telemetry, 'snapshotReceived' | 'snapshotRejected' | 'verificationFailed'>;

/** What is held from each peer, and what was wrong with it. */
export function heldMetrics(context: FamilyContext): Held {
  peerGauge(
    context,
    { name: 'crossdc_held_snapshots', help: 'Origins of the peer of which a snapshot is held.' },
    (peer) => peer.heldSnapshots,
  );
  peerGauge(
    context,
    { name: 'crossdc_held_snapshot_bytes', help: 'Bytes of the snapshots held from the peer.' },
    (peer) => peer.heldBytes,
  );
  peerGauge(
    context,
    {
      name: 'crossdc_held_snapshot_newest_timestamp_seconds',
      help: 'When the newest snapshot held from the peer was taken; absent when nothing is held.',
    },
    (peer) => (peer.heldNewestMs === null ? null : peer.heldNewestMs / 1000),
  );
  const receivedBytes = peerCounter(context, {
    name: 'crossdc_snapshot_received_bytes_total',
    help: 'Bytes of the snapshots taken from the peer and stored here.',
  });
  const rejected = peerCounter(context, {
    name: 'crossdc_snapshots_rejected_total',
    help: 'Snapshots of the peer that the application rejected.',
  });
  const damaged = knownCounter(
    context.registry,
    {
      name: 'crossdc_snapshot_verification_failures_total',
      help: 'Stored snapshots that were found damaged or missing, by store.',
    },
    'store',
    [...STORES, OTHER],
  );
  return {
    snapshotReceived: (peer, bytes) => receivedBytes.inc({ peer }, amount(bytes)),
    snapshotRejected: (peer) => rejected.inc({ peer }),
    verificationFailed: (store) => damaged.inc({ store: bounded(STORES, store) }),
  };
}
