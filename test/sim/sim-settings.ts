import type { GatewaySettings } from '../../src/ports/settings.ts';

export const PORT = 25091;
/** The HTTP timeouts of the virtual transport. */
export const TIMEOUTS = { connectionTimeoutMs: 3000, readTimeoutMs: 5000 };

/** What an operator with a heartbeat interval of a second would have; everything else at its default. */
export function simSettings(
  dataCenter: string,
  peers: readonly string[],
  changes: Partial<GatewaySettings> = {},
): GatewaySettings {
  return {
    dataCenter,
    applicationName: 'default',
    mode: 'active',
    version: '0.0.0',
    peers: peers.map((name) => ({ name, machines: [`${name}:${PORT}`] })),
    sendToAllMachines: false,
    initDelayMs: 0,
    heartbeatIntervalMs: 1000,
    missesAllowed: 4,
    beatsToRecover: 1,
    snapshotIntervalMs: Infinity,
    alwaysLogHttpErrors: false,
    retainHeldAtStartup: true,
    returnAtStartup: false,
    parallelTransfers: 2,
    snapshotMaxBytes: 1 << 20,
    snapshotHistory: 1,
    scrubIntervalMs: Infinity,
    archiveMaxAgeMs: Infinity,
    archiveMaxBytes: Infinity,
    requestTimeoutMs: 60_000,
    localApiUrl: null,
    failoverCommand: null,
    failoverCommandTimeoutMs: 300_000,
    failoverCommandRetries: 2,
    failoverCommandRetryIntervalMs: 60_000,
    healthIntervalMs: 10_000,
    healthTtlMs: null,
    deleteHeldWhenLeft: false,
    takeoverPolicy: 'automatic',
    takeoverOrder: [],
    takeoverMaxHeldAgeMs: Infinity,
    // What a second takeover has to wait for is the matter of the tests that set it.
    takeoverBlockPeriodMs: 0,
    failback: 'manual',
    failbackDelayMs: 60_000,
    releaseTimeoutMs: 5000,
    syncAtStartup: false,
    syncGracePeriodMs: null,
    syncRetryIntervalMs: 60_000,
    ...changes,
  };
}
