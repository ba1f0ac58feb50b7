import { descriptionOf, type StoredSnapshot } from '../core/snapshot.ts';
import type { SnapshotEnvelope } from '../wire/snapshot-headers.ts';
import type { Context } from './context.ts';
import type { Identity } from './identity.ts';

/** What goes with a snapshot's bytes to a peer: replicated (2), or returned to where it came from (4) as one of a batch. */
export function envelopeOf(
  context: Context,
  identity: Identity,
  snapshot: StoredSnapshot,
  batch: SnapshotEnvelope['batch'],
): SnapshotEnvelope {
  const { dataCenter, applicationName } = context.settings;
  return {
    heartbeatMsgType: batch === null ? 2 : 4,
    heartbeatCnt: identity.nextCount(),
    dataCenterOrigin: dataCenter,
    applicationName,
    incarnation: identity.incarnation,
    workload: snapshot.key.workload,
    origin: snapshot.key.origin,
    description: descriptionOf(snapshot),
    batch,
  };
}
