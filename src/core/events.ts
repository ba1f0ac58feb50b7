import type { Delivery } from './delivery.ts';
import type { Conflict, OwnershipReason, OwnershipRow } from './ownership.ts';
import type { TakeoverBlock } from './takeover.ts';

/** Why a peer is where it is (interface §4); `silence` is the ordinary death. */
export type DownReason = 'silence' | 'application-critical' | 'refused';
export type RequestReason = 'interval' | 'schedule' | 'manual' | 'peer-joined' | 'sync' | 'switchover' | 'shutdown';

/** Everything that a gateway tells: the same object feeds the log, the metrics, the event stream and the webhook. */
export type EventBody =
  | { readonly type: 'peer-up'; readonly dataCenter: string; readonly incarnation: number; readonly from: string }
  | {
      readonly type: 'peer-suspect';
      readonly dataCenter: string;
      readonly missed: number;
      readonly lastHeartbeatAt: string | null;
      readonly reason: 'silence' | 'one-way' | 'application-critical';
    }
  | {
      readonly type: 'peer-down';
      readonly dataCenter: string;
      readonly missed: number;
      readonly lastHeartbeatAt: string | null;
      readonly reason: DownReason;
    }
  | { readonly type: 'peer-left'; readonly dataCenter: string; readonly incarnation: number }
  | {
      readonly type: 'snapshot-request';
      readonly requestId: string;
      readonly reason: RequestReason;
      /** null: all that the application has of the workload. */
      readonly origins: readonly string[] | null;
      /** Only where it is not our own. */
      readonly workload?: string;
    }
  | {
      readonly type: 'snapshot-overdue';
      readonly requestId: string;
      readonly origins: readonly string[];
      /** Only where it is not our own. */
      readonly workload?: string;
    }
  | {
      readonly type: 'snapshot-replicated';
      readonly workload: string;
      readonly origin: string;
      readonly version: number;
      readonly peer: string;
    }
  | {
      readonly type: 'snapshot-returned';
      readonly workload: string;
      readonly origin: string;
      readonly version: number;
      readonly peer: string;
      readonly outcome: 'stored' | 'refused' | 'unreadable';
    }
  | {
      readonly type: 'snapshot-rejected';
      readonly delivery: string;
      readonly dataCenter: string;
      readonly workload: string;
      readonly origin: string;
      readonly version: number;
      readonly reason: string;
    }
  | {
      readonly type: 'snapshot-damaged';
      readonly dataCenter: string;
      readonly workload: string;
      readonly origin: string;
      readonly version: number;
      readonly reason: string;
    }
  /** `attempt` is the delivery's own: every announcement after the first is a repeat. */
  | { readonly type: 'delivery'; readonly attempt: number; readonly delivery: Delivery }
  /** `seconds`: since it was made. */
  | { readonly type: 'delivery-done'; readonly delivery: Delivery; readonly seconds: number }
  /** `seconds`, here and below, where nothing else is said: since the step before. */
  | (TakeoverBody & { readonly type: 'takeover-started'; readonly actor: string })
  /** Nothing spoke against it, and its epoch is reserved. */
  | (TakeoverBody & { readonly type: 'takeover-checked'; readonly seconds: number })
  | (TakeoverBody & { readonly type: 'takeover-blocked'; readonly reason: TakeoverBlock })
  | (TakeoverBody & {
      readonly type: 'takeover-cancelled';
      /** null: nothing had been delivered. */
      readonly delivery: string | null;
      readonly reason: string;
      /** Only where a planned move to us was rolled back: what it was. A takeover has none. */
      readonly move?: 'switchover' | 'failback';
    })
  /** The application starts the work now. `seconds`: since the takeover or the move was begun. */
  | (TakeoverBody & { readonly type: 'takeover-completed'; readonly reason: OwnershipReason; readonly seconds: number })
  | {
      readonly type: 'owner-releasing';
      readonly workload: string;
      readonly to: string;
      /** RFC 3339: then the work is taken away all the same. */
      readonly deadline: string;
    }
  | {
      readonly type: 'owner-changed';
      readonly workload: string;
      readonly from: string;
      readonly to: string;
      readonly epoch: number;
      readonly reason: OwnershipReason;
      /** Only where it was changed: whoever hears of it took no step. */
      readonly seconds?: number;
    }
  | { readonly type: 'superseded'; readonly workload: string; readonly row: OwnershipRow; readonly was: OwnershipRow }
  | { readonly type: 'ownership-conflict'; readonly workload: string; readonly conflict: Conflict }
  | {
      readonly type: 'move-started';
      readonly workload: string;
      readonly from: string;
      readonly to: string;
      readonly epoch: number;
      readonly actor: string;
    }
  | {
      readonly type: 'move-rolled-back';
      readonly workload: string;
      readonly from: string;
      readonly to: string;
      readonly epoch: number;
      readonly reason: string;
      readonly seconds: number;
    }
  | {
      readonly type: 'failover-command';
      readonly dataCenter: string;
      readonly attempt: number;
      readonly exitStatus: number | null;
      readonly outcome: CommandOutcome;
    }
  | { readonly type: 'failover-command-gave-up'; readonly dataCenter: string; readonly attempts: number }
  | { readonly type: 'store-error'; readonly store: string; readonly reason: string }
  | { readonly type: 'store-recovered'; readonly store: string; readonly afterSeconds: number }
  | {
      readonly type: 'certificate-expiring';
      /** Ours, or an authority of `peerTlsCaFile`. */
      readonly certificate: 'own' | 'authority';
      readonly subject: string;
      readonly expiresAt: string;
      /** Negative when it has expired. */
      readonly daysLeft: number;
    }
  | { readonly type: 'log-truncated'; readonly oldestId: number }
  | { readonly type: 'shutdown'; readonly orderly: boolean };

/** `dataCenter` is the owner from whom the work is taken. */
interface TakeoverBody {
  readonly workload: string;
  readonly dataCenter: string;
  /** 0 before it is reserved. */
  readonly epoch: number;
}

export type CommandOutcome = 'succeeded' | 'failed' | 'timed-out' | 'not-started';
export type EventType = EventBody['type'];

/** Body plus what the log adds. Ids increase and are never reused, also across restarts. */
export type GatewayEvent = EventBody & { readonly id: number; readonly at: string };

/** Every type of event, for documentation and tests that hold lists complete. */
export const EVENT_TYPES = {
  'peer-up': true,
  'peer-suspect': true,
  'peer-down': true,
  'peer-left': true,
  'snapshot-request': true,
  'snapshot-overdue': true,
  'snapshot-replicated': true,
  'snapshot-returned': true,
  'snapshot-rejected': true,
  'snapshot-damaged': true,
  delivery: true,
  'delivery-done': true,
  'takeover-started': true,
  'takeover-checked': true,
  'takeover-blocked': true,
  'takeover-cancelled': true,
  'takeover-completed': true,
  'owner-releasing': true,
  'owner-changed': true,
  superseded: true,
  'ownership-conflict': true,
  'move-started': true,
  'move-rolled-back': true,
  'failover-command': true,
  'failover-command-gave-up': true,
  'store-error': true,
  'store-recovered': true,
  'certificate-expiring': true,
  'log-truncated': true,
  shutdown: true,
} as const satisfies Record<EventType, true>;
