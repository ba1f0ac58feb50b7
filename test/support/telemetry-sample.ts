import { Registry } from 'prom-client';
import { createTelemetry, type PrometheusTelemetry } from '../../src/metrics/telemetry.ts';
import type { TelemetrySource } from '../../src/ports/telemetry.ts';

export type SampledPeer = ReturnType<TelemetrySource['peers']>[number];

/** A peer that is up, has everything and was heard lately; a test changes what it is about. */
export function sampledPeer(changes: Partial<SampledPeer> = {}): SampledPeer {
  return {
    peer: 'dc2',
    state: 'up',
    lastHeartbeatMs: 1_700_000_000_500,
    hearsUs: true,
    pending: 0,
    lagSeconds: 0,
    heldSnapshots: 2,
    heldBytes: 4096,
    heldNewestMs: 1_700_000_000_000,
    incarnations: 1,
    clockSkewSeconds: 0.25,
    ...changes,
  };
}

/** dc1 owns its own work and serves it; dc2 does its own. */
const SAMPLED_ROWS: ReturnType<TelemetrySource['ownership']> = [
  { workload: 'dc1', owner: 'dc1', epoch: 1, primary: true },
  { workload: 'dc2', owner: 'dc2', epoch: 1, primary: false },
];

/** Telemetry over a source that a test can change between two scrapes. */
export function telemetryOver(
  state: {
    peers: readonly SampledPeer[];
    open: number;
    ownership?: ReturnType<TelemetrySource['ownership']>;
    scrubCompletedMs?: number | null;
    archives?: ReturnType<TelemetrySource['archives']>;
    certificates?: ReturnType<TelemetrySource['certificates']>;
  } | null,
): PrometheusTelemetry {
  return createTelemetry({
    registry: new Registry(),
    version: '1.2.3',
    source: () =>
      state === null
        ? null
        : {
            peers: () => state.peers,
            deliveriesOpen: () => state.open,
            ownership: () => state.ownership ?? SAMPLED_ROWS,
            scrubCompletedMs: () => state.scrubCompletedMs ?? null,
            archives: () => state.archives ?? [],
            certificates: () => state.certificates ?? [],
          },
  });
}
