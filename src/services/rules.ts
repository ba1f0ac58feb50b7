import { admit } from '../core/admission.ts';
import { settle } from '../core/delivery.ts';
import { stepPeerHealth } from '../core/peer-health.ts';
import { hearsUs, nextDeadline } from '../core/silence.ts';
import { changeOwner, hearConflict, hearRow, notPrimaryBecause, reserveEpoch } from '../core/ownership.ts';
import { ReplicationPlan } from '../core/replication-plan.ts';
import { expendable } from '../core/retention.ts';
import { nextNumber, nextVersion } from '../core/ordering.ts';
import { newestOffered } from '../core/snapshot.ts';
import { takeoverBlock } from '../core/takeover.ts';

/**
 * The decisions of the core, as the services call them. They are handed over in one object so that the simulator can
 * plant a broken one and show that its invariants find it.
 */
export interface Rules {
  readonly admit: typeof admit;
  readonly settle: typeof settle;
  readonly stepPeerHealth: typeof stepPeerHealth;
  readonly nextDeadline: typeof nextDeadline;
  readonly hearsUs: typeof hearsUs;
  readonly expendable: typeof expendable;
  readonly nextNumber: typeof nextNumber;
  readonly nextVersion: typeof nextVersion;
  readonly newestOffered: typeof newestOffered;
  readonly hearRow: typeof hearRow;
  readonly hearConflict: typeof hearConflict;
  readonly reserveEpoch: typeof reserveEpoch;
  readonly changeOwner: typeof changeOwner;
  readonly notPrimaryBecause: typeof notPrimaryBecause;
  readonly takeoverBlock: typeof takeoverBlock;
  readonly createPlan: () => ReplicationPlan;
}

export const RULES: Rules = {
  admit,
  settle,
  stepPeerHealth,
  nextDeadline,
  hearsUs,
  expendable,
  nextNumber,
  nextVersion,
  newestOffered,
  hearRow,
  hearConflict,
  reserveEpoch,
  changeOwner,
  notPrimaryBecause,
  takeoverBlock,
  createPlan: () => new ReplicationPlan(),
};
