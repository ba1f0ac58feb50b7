import { admit } from '../core/admission.ts';
import { settle } from '../core/delivery.ts';
import { stepPeerHealth } from '../core/peer-health.ts';
import { hearsUs, nextDeadline } from '../core/silence.ts';
import { ReplicationPlan } from '../core/replication-plan.ts';
import { expendable } from '../core/retention.ts';
import { nextNumber } from '../core/ordering.ts';
import { newestOffered } from '../core/snapshot.ts';

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
  readonly newestOffered: typeof newestOffered;
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
  newestOffered,
  createPlan: () => new ReplicationPlan(),
};
