import { Counter, Histogram } from 'prom-client';
import type { FailureReason, RefusalReason } from '../ports/peer-transport.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { amount, bounded, OTHER, peerCounter, peerCounterBy, peerGauge, type FamilyContext } from './family.ts';

/** From a counter of words on one machine to a gibibyte over a slow line. */
const TRANSFER_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Content encodings that may be agreed with a peer. */
const ENCODINGS = ['identity', 'gzip', 'br', 'zstd'];

/** Why a transfer may fail, as keys so that the compiler holds the list complete. */
const TRANSFER_FAILURES = Object.keys({
  unreachable: true,
  timeout: true,
  'server-error': true,
  'store-full': true,
  'store-unavailable': true,
  'too-large': true,
  'digest-mismatch': true,
  interrupted: true,
  'bad-request': true,
  unauthorized: true,
  'wrong-data-center': true,
  'wrong-application': true,
  'wrong-protocol': true,
  tls: true,
  'not-a-gateway': true,
} satisfies Record<FailureReason | RefusalReason, true>);

type Snapshots = Pick<Telemetry, 'snapshotAccepted' | 'snapshotSent' | 'transferFailed' | 'snapshotSuperseded'>;

/** Our own snapshots on their way to the peers. */
export function snapshotMetrics(context: FamilyContext): Snapshots {
  pendingGauges(context);
  const registers = [context.registry];
  const accepted = new Counter({
    name: 'crossdc_snapshots_accepted_total',
    help: 'Snapshots accepted from the application.',
    registers,
  });
  const acceptedBytes = new Counter({
    name: 'crossdc_snapshot_accepted_bytes_total',
    help: 'Bytes of the snapshots accepted from the application.',
    registers,
  });
  const rawBytes = peerCounter(context, {
    name: 'crossdc_snapshot_raw_bytes_total',
    help: 'Bytes of the snapshots that the peer stored, before any encoding.',
  });
  const sentBytes = peerCounterBy(
    context,
    {
      name: 'crossdc_snapshot_sent_bytes_total',
      help: 'Bytes of the snapshots that the peer stored, as they travelled, by encoding.',
    },
    'encoding',
    ['identity'],
  );
  const seconds = new Histogram({
    name: 'crossdc_snapshot_transfer_seconds',
    help: 'Time from the first byte of a snapshot to the word of the peer that it is durable there.',
    labelNames: ['peer'] as const,
    buckets: TRANSFER_BUCKETS_SECONDS,
    registers,
  });
  const failures = peerCounterBy(
    context,
    { name: 'crossdc_snapshot_transfer_failures_total', help: 'Transfers to the peer that failed, by reason.' },
    'reason',
    [...TRANSFER_FAILURES, OTHER],
  );
  const superseded = peerCounter(context, {
    name: 'crossdc_snapshots_superseded_total',
    help: 'Snapshots that were never sent to the peer because a newer version took their place.',
  });
  return {
    snapshotAccepted: (bytes) => {
      accepted.inc();
      acceptedBytes.inc(amount(bytes));
    },
    snapshotSent: (peer, transfer) => {
      rawBytes.inc({ peer }, amount(transfer.rawBytes));
      sentBytes.inc({ peer, encoding: bounded(ENCODINGS, transfer.encoding) }, amount(transfer.sentBytes));
      seconds.observe({ peer }, amount(transfer.seconds));
    },
    transferFailed: (peer, reason) => failures.inc({ peer, reason: bounded(TRANSFER_FAILURES, reason) }),
    snapshotSuperseded: (peer) => superseded.inc({ peer }),
  };
}

function pendingGauges(context: FamilyContext): void {
  peerGauge(
    context,
    { name: 'crossdc_snapshots_pending', help: 'Origins whose newest snapshot the peer has not stored yet.' },
    (peer) => peer.pending,
  );
  peerGauge(
    context,
    {
      name: 'crossdc_snapshot_replication_lag_seconds',
      help: 'Age of the oldest snapshot that the peer has not stored yet; 0 when it has all.',
    },
    (peer) => peer.lagSeconds,
  );
}
