import { expect } from 'chai';
import { EVENT_TYPES, type GatewayEvent } from '../../../src/core/events.ts';
import type { PrometheusTelemetry } from '../../../src/metrics/telemetry.ts';
import { sampledPeer, telemetryOver } from '../../support/telemetry-sample.ts';
import { seriesOf } from './metrics-text.ts';

async function after(work: (telemetry: PrometheusTelemetry) => void): Promise<ReadonlyMap<string, number>> {
  const telemetry = telemetryOver({ peers: [sampledPeer()], open: 0 });
  work(telemetry);
  return seriesOf(await telemetry.metricsText());
}

describe('counters', () => {
  it('stand at 0 for every configured peer before anything happens, so that the first rate is right', async () => {
    const series = await after(() => undefined);
    for (const name of [
      'crossdc_heartbeats_sent_total{peer="dc2"}',
      'crossdc_heartbeats_received_total{peer="dc2"}',
      'crossdc_heartbeat_misses_total{peer="dc2"}',
      'crossdc_peer_transitions_total{peer="dc2",to="down"}',
      'crossdc_snapshot_sent_bytes_total{peer="dc2",encoding="identity"}',
      'crossdc_snapshot_raw_bytes_total{peer="dc2"}',
      'crossdc_snapshot_transfer_failures_total{peer="dc2",reason="timeout"}',
      'crossdc_snapshots_superseded_total{peer="dc2"}',
      'crossdc_snapshot_received_bytes_total{peer="dc2"}',
      'crossdc_snapshots_rejected_total{peer="dc2"}',
      'crossdc_deliveries_total{reason="takeover"}',
      'crossdc_failover_command_runs_total{outcome="timed-out"}',
      'crossdc_peer_requests_rejected_total{reason="wrong-data-center"}',
      'crossdc_snapshot_verification_failures_total{store="held"}',
      'crossdc_webhook_posts_total{outcome="failed"}',
      ...Object.keys(EVENT_TYPES).map((type) => `crossdc_events_total{type="${type}"}`),
    ]) {
      expect(series.get(name), name).to.equal(0);
    }
  });

  it('keep what was counted across scrapes', async () => {
    const telemetry = telemetryOver({ peers: [sampledPeer()], open: 0 });
    telemetry.heartbeatSent('dc2');
    await telemetry.metricsText();
    telemetry.heartbeatSent('dc2');
    expect(seriesOf(await telemetry.metricsText()).get('crossdc_heartbeats_sent_total{peer="dc2"}')).to.equal(2);
  });

  it('count heartbeats and changes of state by peer', async () => {
    const series = await after((telemetry) => {
      telemetry.heartbeatReceived('dc2');
      telemetry.heartbeatMissed('dc2');
      telemetry.heartbeatMissed('dc3');
      telemetry.heartbeatRtt('dc2', 0.004);
      telemetry.peerTransition('dc2', 'down');
    });
    expect(series.get('crossdc_heartbeats_received_total{peer="dc2"}')).to.equal(1);
    expect(series.get('crossdc_heartbeat_misses_total{peer="dc2"}')).to.equal(1);
    expect(series.get('crossdc_heartbeat_misses_total{peer="dc3"}')).to.equal(1);
    expect(series.get('crossdc_heartbeat_rtt_seconds_bucket{le="0.005",peer="dc2"}')).to.equal(1);
    expect(series.get('crossdc_heartbeat_rtt_seconds_bucket{le="0.0025",peer="dc2"}')).to.equal(0);
    expect(series.get('crossdc_peer_transitions_total{peer="dc2",to="down"}')).to.equal(1);
  });

  it('count bytes of snapshots on each leg of their way', async () => {
    const series = await after((telemetry) => {
      telemetry.snapshotAccepted(100);
      telemetry.snapshotSent('dc2', { encoding: 'gzip', sentBytes: 40, rawBytes: 100, seconds: 0.2 });
      telemetry.snapshotReceived('dc2', 70);
      telemetry.snapshotSuperseded('dc2');
      telemetry.snapshotRejected('dc2');
    });
    expect(series.get('crossdc_snapshots_accepted_total')).to.equal(1);
    expect(series.get('crossdc_snapshot_accepted_bytes_total')).to.equal(100);
    expect(series.get('crossdc_snapshot_sent_bytes_total{peer="dc2",encoding="gzip"}')).to.equal(40);
    expect(series.get('crossdc_snapshot_raw_bytes_total{peer="dc2"}')).to.equal(100);
    expect(series.get('crossdc_snapshot_transfer_seconds_sum{peer="dc2"}')).to.equal(0.2);
    expect(series.get('crossdc_snapshot_received_bytes_total{peer="dc2"}')).to.equal(70);
    expect(series.get('crossdc_snapshots_superseded_total{peer="dc2"}')).to.equal(1);
    expect(series.get('crossdc_snapshots_rejected_total{peer="dc2"}')).to.equal(1);
  });

  it('count what follows a death, and the events', async () => {
    const event: GatewayEvent = { type: 'shutdown', orderly: true, id: 1, at: '2026-01-01T00:00:00.000Z' };
    const series = await after((telemetry) => {
      telemetry.deliveryCreated('takeover');
      telemetry.commandRun('failed');
      telemetry.webhookPosted('delivered');
      telemetry.eventPublished(event);
      telemetry.verificationFailed('outgoing');
      telemetry.ownPause(1.7);
    });
    expect(series.get('crossdc_deliveries_total{reason="takeover"}')).to.equal(1);
    expect(series.get('crossdc_failover_command_runs_total{outcome="failed"}')).to.equal(1);
    expect(series.get('crossdc_webhook_posts_total{outcome="delivered"}')).to.equal(1);
    expect(series.get('crossdc_events_total{type="shutdown"}')).to.equal(1);
    expect(series.get('crossdc_snapshot_verification_failures_total{store="outgoing"}')).to.equal(1);
    expect(series.get('crossdc_event_loop_pause_seconds_bucket{le="2.5"}')).to.equal(1);
    expect(series.get('crossdc_event_loop_pause_seconds_bucket{le="1"}')).to.equal(0);
  });

  it('put a label value that nobody foresaw under "other", so that no caller can grow the series', async () => {
    const series = await after((telemetry) => {
      for (let i = 0; i < 50; i += 1) {
        telemetry.requestRejected(`made up ${String(i)}`);
        telemetry.transferFailed('dc2', `made up ${String(i)}`);
        telemetry.deliveryCreated(`made up ${String(i)}`);
        telemetry.commandRun(`made up ${String(i)}`);
        telemetry.verificationFailed(`made up ${String(i)}`);
        telemetry.snapshotSent('dc2', { encoding: `e${String(i)}`, sentBytes: 1, rawBytes: 1, seconds: 1 });
      }
    });
    expect([...series.keys()].filter((name) => /made up|e49/.test(name))).to.deep.equal([]);
    expect(series.get('crossdc_peer_requests_rejected_total{reason="other"}')).to.equal(50);
    expect(series.get('crossdc_snapshot_transfer_failures_total{peer="dc2",reason="other"}')).to.equal(50);
    expect(series.get('crossdc_snapshot_sent_bytes_total{peer="dc2",encoding="other"}')).to.equal(50);
  });

  it('never throw for a number that cannot be counted: a metric must not stop what it counts', async () => {
    const series = await after((telemetry) => {
      for (const wrong of [NaN, Infinity, -1]) {
        telemetry.snapshotAccepted(wrong);
        telemetry.snapshotReceived('dc2', wrong);
        telemetry.heartbeatRtt('dc2', wrong);
        telemetry.ownPause(wrong);
      }
    });
    expect(series.get('crossdc_snapshots_accepted_total')).to.equal(3);
    expect(series.get('crossdc_snapshot_accepted_bytes_total')).to.equal(0);
    expect(series.get('crossdc_heartbeat_rtt_seconds_sum{peer="dc2"}')).to.equal(0);
  });

  it('count what is verified in the background, and what is removed to keep a store within its bounds', async () => {
    const before = await after(() => undefined);
    for (const name of [
      'crossdc_scrub_verified_bytes_total',
      'crossdc_scrub_damaged_total',
      'crossdc_archive_removed_total{store="held"}',
    ])
      expect(before.get(name), name).to.equal(0);
    const series = await after((telemetry) => {
      telemetry.scrubVerified(1000);
      telemetry.scrubVerified(24);
      telemetry.scrubDamaged();
      telemetry.archiveRemoved('held');
      telemetry.archiveRemoved('no store');
    });
    expect(series.get('crossdc_scrub_verified_bytes_total')).to.equal(1024);
    expect(series.get('crossdc_scrub_damaged_total')).to.equal(1);
    expect(series.get('crossdc_archive_removed_total{store="held"}')).to.equal(1);
    expect(series.get('crossdc_archive_removed_total{store="other"}')).to.equal(1);
  });
});
