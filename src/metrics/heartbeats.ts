import { Histogram } from 'prom-client';
import type { Telemetry } from '../ports/telemetry.ts';
import { amount, peerCounter, type FamilyContext } from './family.ts';

/** From a line within one building to one that is about to time out. */
const RTT_BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

type Heartbeats = Pick<Telemetry, 'heartbeatSent' | 'heartbeatReceived' | 'heartbeatMissed' | 'heartbeatRtt'>;

export function heartbeatMetrics(context: FamilyContext): Heartbeats {
  const sent = peerCounter(context, {
    name: 'crossdc_heartbeats_sent_total',
    help: 'Heartbeats sent to the peer, answered or not.',
  });
  const received = peerCounter(context, {
    name: 'crossdc_heartbeats_received_total',
    help: 'Heartbeats taken from the peer; stale and refused ones are not counted.',
  });
  const missed = peerCounter(context, {
    name: 'crossdc_heartbeat_misses_total',
    help: 'Heartbeats of the peer that were due and did not come.',
  });
  const rtt = new Histogram({
    name: 'crossdc_heartbeat_rtt_seconds',
    help: 'Time from sending a heartbeat to its answer.',
    labelNames: ['peer'] as const,
    buckets: RTT_BUCKETS_SECONDS,
    registers: [context.registry],
  });
  return {
    heartbeatSent: (peer) => sent.inc({ peer }),
    heartbeatReceived: (peer) => received.inc({ peer }),
    heartbeatMissed: (peer) => missed.inc({ peer }),
    heartbeatRtt: (peer, seconds) => rtt.observe({ peer }, amount(seconds)),
  };
}
