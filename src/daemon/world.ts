import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Disk } from '../adapters/file/disk.ts';
import { FileEventLog } from '../adapters/file/event-log.ts';
import { FolderLock } from '../adapters/file/folder-lock.ts';
import { FileHistoryLog } from '../adapters/file/history-log.ts';
import { FileRecords } from '../adapters/file/records.ts';
import { FileSnapshotStore } from '../adapters/file/snapshot-store.ts';
import type { Damage } from '../adapters/file/snapshot-repair.ts';
import { Keyring } from '../adapters/storage/keyring.ts';
import { HttpPeerTransport } from '../adapters/peer-http/transport.ts';
import type { CronSchedule } from '../adapters/system/cron-schedule.ts';
import type { HttpEventSink } from '../adapters/system/http-event-sink.ts';
import type { HttpHealthProbe } from '../adapters/system/http-health-probe.ts';
import { ShellCommandRunner } from '../adapters/system/shell-command-runner.ts';
import type { PeerTrust } from '../adapters/peer-auth/peer-trust.ts';
import type { Config } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { World } from '../services/assemble.ts';
import { FoundDamage } from '../services/found-damage.ts';
import type { Closing } from './closing.ts';
import { openDatabaseStore } from './held-store.ts';

interface WorldParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly closing: Closing;
  readonly trust: PeerTrust;
  /** A disk that took no lock had hidden that another gateway has one of our folders: this one must end. */
  readonly onHeldByOther: (error: GatewayError) => void;
}

/**
 * Opens the real world: the lock on the state folder first, so that nothing of it is touched while another process has it.
 *
 * A disk that is full or may only be read is no reason to refuse: heartbeats need none, and the stores say what they
 * lack. The start ends where going on could do harm or a person has to mend something.
 *
 * @throws GatewayError `state-locked`, `store-full`, `store-unavailable`, `store-foreign`; the message names the key
 */
export async function openWorld(config: Config, parts: WorldParts): Promise<World> {
  const { clock, log, telemetry, closing } = parts;
  const state: Place = { key: 'stateDirectory', folder: config.stateDirectory };
  const { disk } = await lockFolder(state, state.folder, parts);
  const foundDamage = new FoundDamage();
  const keyring = new Keyring(config.snapshotEncryptionKeys);
  if (keyring.current !== null) log.info({ keyId: keyring.current.id }, 'what is stored from now on is encrypted');
  const openFolder = async (name: string, place: Place, on: Disk): Promise<SnapshotStore> => {
    const store = await openFileStore(name, place, { clock, log, foundDamage, keyring, disk: on });
    closing.add(`store ${name}`, () => store.close());
    return store;
  };
  const below = (name: string): Place => ({ ...state, folder: join(state.folder, name) });
  const openHeld = async (): Promise<SnapshotStore> => {
    if (config.database !== null) {
      const { dataCenter, database } = config;
      const store = await openDatabaseStore(database, { clock, log, foundDamage, keyring, dataCenter });
      closing.add('store held', () => store.close());
      return store;
    }
    const place: Place = { key: 'dataSnapshotStorageDirectory', folder: config.heldDirectory };
    if (!isOutside(place.folder, state.folder)) return openFolder('held', place, disk);
    const lock = await lockFolder(place, join(place.folder, '.lock'), parts);
    return openFolder('held', place, lock.disk);
  };
  const stores = {
    outgoing: await openFolder('outgoing', below('outgoing'), disk),
    held: await openHeld(),
    returned: await openFolder('returned', below('returned'), disk),
  };
  const records = await at(state, () => FileRecords.open({ root: join(state.folder, 'records'), log, disk }));
  const eventLog = await at(state, () => FileEventLog.open({ root: state.folder, log, disk }));
  closing.add('event log', () => eventLog.close());
  const history = await at(state, () => FileHistoryLog.open({ root: state.folder, log, disk }));
  closing.add('history', () => history.close());

  const { connectionTimeoutMs, readTimeoutMs, snapshotSchedule, appWebhookUrl, appHealthUrl } = config;
  const transport = new HttpPeerTransport({ clock, trust: parts.trust, connectionTimeoutMs, readTimeoutMs });
  closing.add('peer transport', () => transport.close());
  const webhook = appWebhookUrl === null ? null : await openWebhook(appWebhookUrl);
  if (webhook !== null) closing.add('webhook', () => webhook.close());
  const healthProbe = appHealthUrl === null ? null : await openHealthProbe(appHealthUrl);
  if (healthProbe !== null) closing.add('health probe', () => healthProbe.close());
  return {
    clock,
    random: () => Math.random(),
    log,
    telemetry,
    records,
    eventLog,
    history,
    stores,
    foundDamage,
    transport,
    commandRunner: new ShellCommandRunner({ clock }),
    webhook,
    healthProbe,
    certificates: () => parts.trust.tls?.certificates ?? [],
    schedule: snapshotSchedule === null ? null : await openSchedule(clock, snapshotSchedule),
  };
}

/** What most gateways do not have is loaded only where it is configured, for it makes a start longer. */
async function openWebhook(url: string): Promise<HttpEventSink> {
  const { HttpEventSink: Sink } = await import('../adapters/system/http-event-sink.ts');
  return new Sink({ url });
}

async function openHealthProbe(url: string): Promise<HttpHealthProbe> {
  const { HttpHealthProbe: Probe } = await import('../adapters/system/http-health-probe.ts');
  return new Probe({ url });
}

async function openSchedule(clock: Clock, expression: string): Promise<CronSchedule> {
  const { CronSchedule: Cron } = await import('../adapters/system/cron-schedule.ts');
  return new Cron(clock, expression);
}

function isOutside(folder: string, other: string): boolean {
  const way = relative(resolve(other), resolve(folder));
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
}

/** A folder, and the key that says where it is. */
interface Place {
  readonly key: 'stateDirectory' | 'dataSnapshotStorageDirectory';
  readonly folder: string;
}

/** Two gateways in one store would tidy up after each other; configuration files that were copied often share the folder. */
async function lockFolder(
  place: Place,
  folder: string,
  { log, closing, onHeldByOther }: WorldParts,
): Promise<FolderLock> {
  const lock = await at(place, () => FolderLock.take(folder));
  lock.onHeldByOther = onHeldByOther;
  closing.add(`lock of ${place.key}`, () => lock.release());
  if (lock.problem !== null) {
    log.error(
      { key: place.key, folder: place.folder, problem: lock.problem.message },
      'the folder cannot be locked now; it is only read until it can be',
    );
  }
  return lock;
}

async function openFileStore(
  name: string,
  place: Place,
  parts: {
    readonly clock: Clock;
    readonly log: Log;
    readonly foundDamage: FoundDamage;
    readonly keyring: Keyring;
    readonly disk: Disk;
  },
): Promise<SnapshotStore> {
  const { clock, log, foundDamage, keyring, disk } = parts;
  let isOpening = true;
  const onDamage = ({ version, reason }: Damage): void => {
    // Later damage is found by a reader, who says it.
    if (isOpening && version !== null) foundDamage.add({ store: name, ...version, reason });
  };
  const store = await at(place, () =>
    FileSnapshotStore.open({ root: place.folder, name, log, wallMs: () => clock.wallMs(), onDamage, keyring, disk }),
  );
  isOpening = false;
  return store;
}

/** What cannot be opened is said with the key and the folder, and why. */
async function at<T>({ key, folder }: Place, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { problem } = error.facts;
    const reason = typeof problem === 'string' ? `${error.message} ${problem}` : error.message;
    throw new GatewayError(error.code, `${key}: ${folder}: ${reason}`, { facts: error.facts, cause: error });
  }
}
