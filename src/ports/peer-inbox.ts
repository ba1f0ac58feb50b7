import type { PeerRow } from '../core/replication-plan.ts';
import type { PeerAnswer, PeerMessage } from '../wire/messages.ts';
import type { SnapshotEnvelope } from '../wire/snapshot-headers.ts';

/** What the peer listener does with what it has decoded. Every refusal is a GatewayError of the catalogue. */
export interface PeerInbox {
  /**
   * @param from the sender's address, for status and log
   * @throws GatewayError `wrong-data-center`, `wrong-application`, `stale-incarnation` (facts.has), `shutting-down`
   */
  receiveMessage(message: PeerMessage, from: string): Promise<PeerAnswer>;
  /**
   * Refuses before the content is touched where it can; resolves when the content is durable or was there before.
   * @throws GatewayError as above, and `version-older`, `version-conflict`, `origin-has-newer` (facts.has),
   *   `snapshot-too-large`, `digest-mismatch`, `interrupted`, `store-full`, `store-unavailable`
   */
  receiveSnapshot(envelope: SnapshotEnvelope, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** @throws GatewayError `wrong-data-center` */
  inventory(dataCenter: string, from?: string): readonly PeerRow[];
  /** Counts what the listener refused by itself (undecodable, too large, wrong protocol). */
  rejected(reason: string, detail: string, from: string): void;
}
