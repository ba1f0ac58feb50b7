import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { GatewaySettings } from '../ports/settings.ts';

/** What the services need of the configuration. */
export function settingsOf(config: Config, version: string): GatewaySettings {
  return {
    version,
    dataCenter: config.dataCenter,
    applicationName: config.applicationName,
    mode: config.mode,
    peers: config.peers,
    sendToAllMachines: config.sendToAllMachines,
    initDelayMs: config.initDelayMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    missesAllowed: config.missesAllowed,
    beatsToRecover: config.beatsToRecover,
    snapshotIntervalMs: config.snapshotIntervalMs,
    alwaysLogHttpErrors: config.alwaysLogHttpErrors,
    retainHeldAtStartup: config.retainHeldAtStartup,
    returnAtStartup: config.returnAtStartup,
    parallelTransfers: config.parallelTransfers,
    snapshotMaxBytes: config.snapshotMaxBytes,
    snapshotHistory: config.snapshotHistory,
    scrubIntervalMs: config.scrubIntervalMs,
    archiveMaxAgeMs: config.archiveMaxAgeMs,
    archiveMaxBytes: config.archiveMaxBytes,
    requestTimeoutMs: config.requestTimeoutMs,
    localApiUrl: localApiUrl(config),
    failoverCommand: config.failoverCommand,
    failoverCommandTimeoutMs: config.failoverCommandTimeoutMs,
    failoverCommandRetries: config.failoverCommandRetries,
    failoverCommandRetryIntervalMs: config.failoverCommandRetryIntervalMs,
    healthIntervalMs: config.healthIntervalMs,
    healthTtlMs: config.healthTtlMs,
    deleteHeldWhenLeft: config.deleteHeldWhenLeft,
    takeoverPolicy: config.takeoverPolicy,
    takeoverOrder: config.takeoverOrder,
    takeoverMaxHeldAgeMs: config.takeoverMaxHeldAgeMs,
    takeoverBlockPeriodMs: config.takeoverBlockPeriodMs,
    failback: config.failback,
    failbackDelayMs: config.failbackDelayMs,
    releaseTimeoutMs: config.releaseTimeoutMs,
    syncAtStartup: config.syncAtStartup,
    syncGracePeriodMs: config.syncGracePeriodMs,
    syncRetryIntervalMs: config.syncRetryIntervalMs,
  };
}

/** An address that stands for every interface is reached by loopback from this machine; a socket from any folder. */
function localApiUrl({ localApiHost, localApiPort, localApiSocket }: Config): string | null {
  if (localApiSocket !== null) return `unix:${resolve(localApiSocket)}`;
  if (localApiPort === 0) return null;
  const host = localApiHost === '0.0.0.0' ? '127.0.0.1' : localApiHost === '::' ? '::1' : localApiHost;
  return `http://${host.includes(':') ? `[${host}]` : host}:${localApiPort}`;
}
