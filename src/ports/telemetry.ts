import type { GatewayEvent } from '../core/events.ts';
import type { PeerState } from '../core/peer-state.ts';
import type { CertificateFacts } from './certificates.ts';

/** What the services count. One implementation feeds Prometheus; a test's records. Label values come from configuration, never from a caller. */
export interface Telemetry {
  heartbeatSent(peer: string): void;
  heartbeatReceived(peer: string): void;
  heartbeatMissed(peer: string): void;
  heartbeatRtt(peer: string, seconds: number): void;
  peerTransition(peer: string, to: PeerState): void;
  snapshotAccepted(bytes: number): void;
  snapshotSent(
    peer: string,
    transfer: { encoding: string; sentBytes: number; rawBytes: number; seconds: number },
  ): void;
  transferFailed(peer: string, reason: string): void;
  snapshotSuperseded(peer: string): void;
  snapshotReceived(peer: string, bytes: number): void;
  verificationFailed(store: string): void;
  snapshotRejected(peer: string): void;
  /** A stored version was read whole by the verification in the background, and is good. */
  scrubVerified(bytes: number): void;
  scrubDamaged(): void;
  /** Something that was set aside, quarantined, lost or damaged was deleted to keep a store within its bounds. */
  archiveRemoved(store: string): void;
  deliveryCreated(reason: string): void;
  commandRun(outcome: string): void;
  requestRejected(reason: string): void;
  ownPause(seconds: number): void;
  webhookPosted(outcome: 'delivered' | 'failed'): void;
  eventPublished(event: GatewayEvent): void;
}

/** What the gauges read when they are scraped; the gateway is asked, nothing is kept twice. */
export interface TelemetrySource {
  peers(): readonly {
    readonly peer: string;
    readonly state: PeerState;
    readonly lastHeartbeatMs: number | null;
    readonly hearsUs: boolean | null;
    readonly pending: number;
    /** Seconds; 0 when nothing is pending. */
    readonly lagSeconds: number;
    readonly heldSnapshots: number;
    readonly heldBytes: number;
    readonly heldNewestMs: number | null;
    readonly incarnations: number;
    /** How far its wall clock is ahead of ours; null before its first heartbeat. */
    readonly clockSkewSeconds: number | null;
  }[];
  deliveriesOpen(): number;
  /** The row of each workload; `primary` as `/primary` says it. */
  ownership(): readonly {
    readonly workload: string;
    readonly owner: string;
    readonly epoch: number;
    readonly primary: boolean;
  }[];
  /** When the last verification of everything that is stored was completed; null before the first. */
  scrubCompletedMs(): number | null;
  /** What each store keeps and offers to nobody. */
  archives(): readonly { readonly store: string; readonly bytes: number }[];
  /** Those on which the peers' trust rests; empty without TLS between them. */
  certificates(): readonly CertificateFacts[];
}
