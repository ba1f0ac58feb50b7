import { expect } from 'chai';
import { sampledPeer, telemetryOver } from '../../support/telemetry-sample.ts';
import { familiesOf } from './metrics-text.ts';

/** Interface §7 and issue 5, and what this project adds. */
const PROMISED = [
  'heartbeats_sent_total',
  'heartbeats_received_total',
  'heartbeat_misses_total',
  'heartbeat_rtt_seconds',
  'peer_up',
  'peer_state',
  'peer_last_heartbeat_timestamp_seconds',
  'peer_transitions_total',
  'snapshots_accepted_total',
  'snapshot_sent_bytes_total',
  'snapshot_raw_bytes_total',
  'snapshot_transfer_seconds',
  'snapshot_transfer_failures_total',
  'snapshots_pending',
  'snapshot_replication_lag_seconds',
  'held_snapshots',
  'held_snapshot_bytes',
  'held_snapshot_newest_timestamp_seconds',
  'snapshot_verification_failures_total',
  'deliveries_total',
  'deliveries_open',
  'failover_command_runs_total',
  'peer_requests_rejected_total',
  'event_loop_pause_seconds',
  'build_info',
  'ownership_epoch',
  'ownership_owner',
];
const ADDED = [
  'snapshot_accepted_bytes_total',
  'snapshots_superseded_total',
  'snapshot_received_bytes_total',
  'snapshots_rejected_total',
  'peer_hears_this_gateway',
  'peer_incarnations',
  'webhook_posts_total',
  'scrub_verified_bytes_total',
  'scrub_damaged_total',
  'scrub_last_completed_timestamp_seconds',
  'archive_removed_total',
  'archive_bytes',
  'peer_clock_skew_seconds',
  'peer_certificate_expiry_timestamp_seconds',
  'events_total',
  'primary',
  'takeovers_total',
  'ownership_moves_total',
  'ownership_conflicts_total',
];

describe('names of the metrics', () => {
  it('are those of the interface and those that the documentation adds, and no others', async () => {
    const families = familiesOf(await telemetryOver(null).metricsText());
    const own = families.filter(({ name }) => name.startsWith('crossdc_')).map(({ name }) => name.slice(8));
    expect(own).to.have.members([...PROMISED, ...ADDED]);
  });

  it('say in one sentence what they count', async () => {
    for (const { name, help } of familiesOf(await telemetryOver(null).metricsText())) {
      if (name.startsWith('crossdc_')) expect(help, name).to.match(/^\S.{10,}\.$/);
    }
  });

  it('end in _total exactly when they are counters', async () => {
    for (const { name, type } of familiesOf(await telemetryOver({ peers: [sampledPeer()], open: 0 }).metricsText())) {
      expect(name.endsWith('_total'), `${name} is a ${type}`).to.equal(type === 'counter');
    }
  });

  it('never abbreviate a unit nor use one that is no base unit', async () => {
    for (const { name } of familiesOf(await telemetryOver(null).metricsText())) {
      const words = name.split('_');
      for (const unit of ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'milliseconds', 'minutes', 'kilobytes']) {
        expect(words, name).not.to.include(unit);
      }
    }
  });

  it('of histograms name their unit last', async () => {
    for (const { name, type } of familiesOf(await telemetryOver(null).metricsText())) {
      if (type === 'histogram' || type === 'summary') expect(name).to.match(/_(seconds|bytes)$/);
    }
  });

  it('include the process metrics that are usual for Node.js', async () => {
    const names = familiesOf(await telemetryOver(null).metricsText()).map(({ name }) => name);
    expect(names).to.include.members([
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_start_time_seconds',
      'nodejs_eventloop_lag_seconds',
      'nodejs_heap_size_used_bytes',
      'nodejs_version_info',
    ]);
  });
});
