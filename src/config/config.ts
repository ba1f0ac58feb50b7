import { join } from 'node:path';
import type { EncryptionKey } from '../core/encryption-keys.ts';
import type { DatabaseConfig } from './database.ts';
import type { ConfiguredPeer } from './peers.ts';
import type { Settings } from './settings.ts';
import type { Secret } from '../secret.ts';

/** The whole configuration of one gateway, checked, in the program's own units. */
export interface Config {
  readonly dataCenter: string;
  readonly applicationName: string;
  readonly mode: 'active' | 'passive';
  readonly peers: readonly ConfiguredPeer[];
  readonly sendToAllMachines: boolean;
  readonly initDelayMs: number;
  /** Infinity: switched off. */
  readonly heartbeatIntervalMs: number;
  readonly missesAllowed: number;
  readonly beatsToRecover: number;
  /**
   * Infinity: switched off. With a schedule it says only how old a snapshot may be that counts as in sync, and is
   * Infinity unless it is given: the default would call every snapshot of an hourly schedule stale.
   */
  readonly snapshotIntervalMs: number;
  /** A cron expression; null: the interval decides. */
  readonly snapshotSchedule: string | null;
  readonly requestTimeoutMs: number;
  readonly connectionTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly alwaysLogHttpErrors: boolean;
  readonly retainHeldAtStartup: boolean;
  readonly returnAtStartup: boolean;
  readonly parallelTransfers: number;
  readonly snapshotMaxBytes: number;
  readonly snapshotHistory: number;
  /** Infinity: switched off. */
  readonly scrubIntervalMs: number;
  /** Infinity: for ever. */
  readonly archiveMaxAgeMs: number;
  readonly archiveMaxBytes: number;
  readonly deleteHeldWhenLeft: boolean;

  readonly syncAtStartup: boolean;
  /** null: there is no second round. */
  readonly syncGracePeriodMs: number | null;
  readonly syncRetryIntervalMs: number;
  readonly takeoverPolicy: 'automatic' | 'manual';
  /** Those that are not named follow by name. */
  readonly takeoverOrder: readonly string[];
  /** Infinity: of any age. */
  readonly takeoverMaxHeldAgeMs: number;
  readonly takeoverBlockPeriodMs: number;
  readonly failback: 'manual' | 'automatic';
  readonly failbackDelayMs: number;
  readonly releaseTimeoutMs: number;

  readonly failoverCommand: string | null;
  readonly failoverCommandTimeoutMs: number;
  readonly failoverCommandRetries: number;
  readonly failoverCommandRetryIntervalMs: number;
  readonly appWebhookUrl: string | null;
  readonly appHealthUrl: string | null;
  readonly healthIntervalMs: number;
  /** null: the application need not report. */
  readonly healthTtlMs: number | null;

  /** Both as they were written: relative to the current directory. */
  readonly stateDirectory: string;
  readonly heldDirectory: string;
  /** Where the held snapshots are instead of heldDirectory; null: they are files. */
  readonly database: DatabaseConfig | null;

  readonly peerAuth: 'none' | 'key' | 'tls';
  /** null: the peers speak plain HTTP. */
  readonly peerTls: PeerTlsFiles | null;
  /** null: requests are not signed. */
  readonly peerKeys: PeerKeySource | null;
  /** The first encrypts what is stored, all of them decrypt; none: it is stored as it came. */
  readonly snapshotEncryptionKeys: readonly EncryptionKey[];
  readonly peerHost: string;
  /** Of the three ports 0 means that the system chooses one. */
  readonly peerPort: number;
  readonly localApiHost: string;
  readonly localApiPort: number;
  readonly localApiToken: Secret | null;
  readonly localApiReadToken: Secret | null;
  /** The path of a Unix socket instead of host and port; null: there is none. */
  readonly localApiSocket: string | null;
  /** null: no second listener; then metricsPort is null too. */
  readonly metricsHost: string | null;
  readonly metricsPort: number | null;

  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'json' | 'pretty';
}

/** Mutual TLS between the peers: PEM files, read again when they change. */
export interface PeerTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export interface PeerKeySource {
  /** As written: `parsePeerKeys` takes it apart. */
  readonly text: Secret;
  /** The file that it was read from and is read from again when it changes; null: it stands in the configuration. */
  readonly file: string | null;
}

/** Where the peer listener is when nothing is said: without authentication nobody outside may reach it. */
export function peerHostDefault(auth: Config['peerAuth']): string {
  return auth === 'none' ? '127.0.0.1' : '0.0.0.0';
}

/** The effective kind of authentication: what is said, else what there is material for. */
export function peerAuthOf(settings: Settings): Config['peerAuth'] {
  const said = settings.get('peerAuth');
  if (said !== undefined) return said;
  if (settings.isGiven('peerTlsCertFile')) return 'tls';
  return settings.isGiven('peerSharedKey') ? 'key' : 'none';
}

export function heldDirectoryOf(stateDirectory: string): string {
  return join(stateDirectory, 'held');
}

/**
 * Makes the configuration of settings in which no problem was found.
 *
 * @throws Error when a value is missing: a defect of this program, since the table gives each a default or requires it
 */
export function buildConfig(
  settings: Settings,
  peers: readonly ConfiguredPeer[],
  stores: { readonly database: DatabaseConfig | null; readonly encryptionKeys: readonly EncryptionKey[] },
): Config {
  const stateDirectory = must(settings.get('stateDirectory'));
  return {
    dataCenter: must(settings.get('localDataCenterName')),
    applicationName: must(settings.get('applicationName')),
    mode: must(settings.get('crossDCOperationMode')),
    peers,
    sendToAllMachines: must(settings.get('sendToAllRemoteMachines')),
    initDelayMs: must(settings.get('crossDCInitDelay')),
    heartbeatIntervalMs: must(settings.get('heartbeatExchangeInterval')),
    missesAllowed: must(settings.get('consecutiveHeartbeatMissesAllowed')),
    beatsToRecover: must(settings.get('consecutiveHeartbeatsToRecover')),
    snapshotIntervalMs: snapshotIntervalOf(settings),
    snapshotSchedule: settings.get('dataSnapshotSchedule') ?? null,
    requestTimeoutMs: must(settings.get('snapshotRequestTimeout')),
    connectionTimeoutMs: must(settings.get('httpConnectionTimeout')),
    readTimeoutMs: must(settings.get('httpReadTimeout')),
    alwaysLogHttpErrors: must(settings.get('alwaysLogHttpErrors')),
    retainHeldAtStartup: must(settings.get('retainOlderDataSnapshotsAtStartup')),
    returnAtStartup: must(settings.get('sendDataSnapshotsToOriginDCAtStartup')),
    parallelTransfers: must(settings.get('numberOfHttpSenderReceiverPairs')),
    snapshotMaxBytes: must(settings.get('dataSnapshotMaxBytes')),
    snapshotHistory: must(settings.get('dataSnapshotHistory')),
    scrubIntervalMs: must(settings.get('snapshotScrubInterval')),
    archiveMaxAgeMs: must(settings.get('snapshotArchiveMaxAge')),
    archiveMaxBytes: must(settings.get('snapshotArchiveMaxBytes')),
    deleteHeldWhenLeft: settings.get('orderlyShutdownSnapshots') === 'delete',
    syncAtStartup: must(settings.get('syncAtStartup')),
    syncGracePeriodMs: settings.get('syncGracePeriod') ?? null,
    syncRetryIntervalMs: must(settings.get('syncRetryInterval')),
    takeoverPolicy: must(settings.get('takeoverPolicy')),
    takeoverOrder: settings.get('takeoverOrder') ?? [],
    takeoverMaxHeldAgeMs: settings.get('takeoverMaxHeldAge') ?? Infinity,
    takeoverBlockPeriodMs: must(settings.get('takeoverBlockPeriod')),
    failback: must(settings.get('failback')),
    failbackDelayMs: must(settings.get('failbackDelay')),
    releaseTimeoutMs: must(settings.get('releaseTimeout')),
    failoverCommand: settings.get('failoverCommand') ?? null,
    failoverCommandTimeoutMs: must(settings.get('failoverCommandTimeout')),
    failoverCommandRetries: must(settings.get('failoverCommandRetries')),
    failoverCommandRetryIntervalMs: must(settings.get('failoverCommandRetryInterval')),
    appWebhookUrl: settings.get('appWebhookUrl') ?? null,
    appHealthUrl: settings.get('appHealthUrl') ?? null,
    healthIntervalMs: must(settings.get('appHealthInterval')),
    healthTtlMs: settings.get('appHealthTtl') ?? null,
    stateDirectory,
    heldDirectory: settings.get('dataSnapshotStorageDirectory') ?? heldDirectoryOf(stateDirectory),
    database: stores.database,
    peerAuth: peerAuthOf(settings),
    peerTls: peerTlsOf(settings),
    peerKeys: peerKeysOf(settings),
    snapshotEncryptionKeys: stores.encryptionKeys,
    peerHost: settings.get('crossDCHttpHost') ?? peerHostDefault(peerAuthOf(settings)),
    peerPort: must(settings.get('crossDCHttpPort')),
    localApiHost: must(settings.get('localApiHost')),
    localApiPort: must(settings.get('localApiPort')),
    localApiToken: settings.get('localApiToken') ?? null,
    localApiReadToken: settings.get('localApiReadToken') ?? null,
    localApiSocket: settings.get('localApiSocket') ?? null,
    metricsHost: settings.get('metricsHost') ?? null,
    metricsPort: settings.get('metricsPort') ?? null,
    logLevel: must(settings.get('logLevel')),
    logFormat: must(settings.get('logFormat')),
  };
}

function peerTlsOf(settings: Settings): PeerTlsFiles | null {
  const certFile = settings.get('peerTlsCertFile');
  const keyFile = settings.get('peerTlsKeyFile');
  const caFile = settings.get('peerTlsCaFile');
  if (certFile === undefined || keyFile === undefined || caFile === undefined) return null;
  return { certFile, keyFile, caFile };
}

function peerKeysOf(settings: Settings): PeerKeySource | null {
  const text = settings.get('peerSharedKey');
  if (text === undefined) return null;
  const { given } = settings.setting('peerSharedKey');
  return { text, file: given?.key === 'peerSharedKeyFile' ? given.value : null };
}

function snapshotIntervalOf(settings: Settings): number {
  const isMeant = settings.isGiven('dataSnapshotExchangeInterval') || !settings.isGiven('dataSnapshotSchedule');
  return isMeant ? must(settings.get('dataSnapshotExchangeInterval')) : Infinity;
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a setting without a value passed all checks');
  return value;
}
