import type { PeerRow } from '../core/replication-plan.ts';
import type { PeerAnswer, PeerMessage } from '../wire/messages.ts';
import type { SnapshotEnvelope } from '../wire/snapshot-headers.ts';

/** Why a machine that accepted our connection refuses us: a matter of configuration, never a death. */
export type RefusalReason =
  'unauthorized' | 'wrong-data-center' | 'wrong-application' | 'wrong-protocol' | 'tls' | 'not-a-gateway';

export type FailureReason =
  | 'unreachable'
  | 'timeout'
  | 'server-error'
  | 'store-full'
  | 'store-unavailable'
  | 'too-large'
  | 'digest-mismatch'
  | 'interrupted'
  | 'bad-request';

export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** One line for people. */
  readonly detail: string;
}

export interface Failed {
  readonly kind: 'failed';
  readonly reason: FailureReason;
  readonly detail: string;
}

export type MessageOutcome =
  | { readonly kind: 'answered'; readonly answer: PeerAnswer; readonly rttMs: number }
  /** 409: the peer has heard a newer incarnation of us than the message's. */
  | { readonly kind: 'stale'; readonly has: number }
  | Refused
  | Failed;

export type TransferOutcome =
  | { readonly kind: 'stored' }
  /** 409: it has an equal or newer version (`has`), or the same with other bytes. */
  | { readonly kind: 'not-newer'; readonly has: number; readonly isConflict: boolean }
  | Refused
  | Failed;

export type InventoryOutcome = { readonly kind: 'rows'; readonly rows: readonly PeerRow[] } | Refused | Failed;

/** A machine, and whose gateway runs there. */
export interface Destination {
  readonly machine: string;
  /** The peer's name; null while it is not known. Somebody else's gateway at the machine gets nothing that is meant for it. */
  readonly dataCenter: string | null;
}

/**
 * The way to one peer's machines. Nothing here throws for what a network or a peer can do: every end is an outcome.
 * Only an aborted signal and a defect reject.
 */
export interface PeerTransport {
  /**
   * Sends one message of type 1 or 3 on an idle connection or a new one, never behind another message and never on a
   * connection that carries a snapshot. At most 64 are under way per machine: the oldest gives way.
   */
  sendMessage(destination: Destination, message: PeerMessage, signal: AbortSignal): Promise<MessageOutcome>;
  /** Sends one snapshot of type 2 or 4. `content` is read once. */
  sendSnapshot(
    destination: Destination,
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<TransferOutcome>;
  /** What the peer has of ours. @param dataCenter our own name */
  inventory(destination: Destination, dataCenter: string, signal: AbortSignal): Promise<InventoryOutcome>;
  close(): Promise<void>;
}
