/** What the services need of the configuration, in their own units. The daemon makes it from the option table. */
export interface PeerSettings {
  /** null: learned from the first heartbeat of one of its machines. */
  readonly name: string | null;
  /** `host:port`, at least one. */
  readonly machines: readonly string[];
}

export interface GatewaySettings {
  readonly dataCenter: string;
  readonly applicationName: string;
  readonly mode: 'active' | 'passive';
  readonly version: string;
  readonly peers: readonly PeerSettings[];
  readonly sendToAllMachines: boolean;
  readonly initDelayMs: number;
  /** Infinity: switched off. */
  readonly heartbeatIntervalMs: number;
  readonly missesAllowed: number;
  readonly beatsToRecover: number;
  /** Infinity: switched off. With a schedule it says only how old a snapshot may be that is not stale. */
  readonly snapshotIntervalMs: number;
  readonly alwaysLogHttpErrors: boolean;
  readonly retainHeldAtStartup: boolean;
  readonly returnAtStartup: boolean;
  readonly parallelTransfers: number;
  readonly snapshotMaxBytes: number;
  readonly snapshotHistory: number;
  /** From the beginning of one verification of everything that is stored to that of the next. Infinity: switched off. */
  readonly scrubIntervalMs: number;
  /** How long set-aside, quarantined and damaged versions are kept. Infinity: for ever, as far as the bytes allow. */
  readonly archiveMaxAgeMs: number;
  /** How many bytes of them each store keeps; the oldest go first. */
  readonly archiveMaxBytes: number;
  readonly requestTimeoutMs: number;
  /** Where a command on this machine finds the local API; null when the system chooses its port. */
  readonly localApiUrl: string | null;
  readonly failoverCommand: string | null;
  readonly failoverCommandTimeoutMs: number;
  readonly failoverCommandRetries: number;
  readonly failoverCommandRetryIntervalMs: number;
  readonly healthIntervalMs: number;
  /** null: the application need not report. */
  readonly healthTtlMs: number | null;
  readonly deleteHeldWhenLeft: boolean;
  readonly takeoverPolicy: 'automatic' | 'manual';
  /** Names that take over before all others, in this order; the others follow by name. */
  readonly takeoverOrder: readonly string[];
  /** Infinity: held state of any age may be taken over. */
  readonly takeoverMaxHeldAgeMs: number;
  /** After a takeover no second automatic one of the workload for so long, unless it is acknowledged. */
  readonly takeoverBlockPeriodMs: number;
  readonly failback: 'manual' | 'automatic';
  /** How long the home DC has been up and in sync before it gets its workload back by itself. */
  readonly failbackDelayMs: number;
  /** How long an application has to release the work that it is to give away. */
  readonly releaseTimeoutMs: number;
  /** Whether peers' snapshots are pulled at first contact, when again (null: not), and how often until it worked. */
  readonly syncAtStartup: boolean;
  readonly syncGracePeriodMs: number | null;
  readonly syncRetryIntervalMs: number;
}
