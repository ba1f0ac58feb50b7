import { mkdir } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { FileEventLog } from '../adapters/file/event-log.ts';
import { FileRecords } from '../adapters/file/records.ts';
import { FileSnapshotStore } from '../adapters/file/snapshot-store.ts';
import type { Damage } from '../adapters/file/snapshot-repair.ts';
import { StateLock } from '../adapters/file/state-lock.ts';
import { HttpPeerTransport } from '../adapters/peer-http/transport.ts';
import { CronSchedule } from '../adapters/system/cron-schedule.ts';
import { HttpEventSink } from '../adapters/system/http-event-sink.ts';
import { HttpHealthProbe } from '../adapters/system/http-health-probe.ts';
import { ShellCommandRunner } from '../adapters/system/shell-command-runner.ts';
import type { Config } from '../config/config.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { World } from '../services/assemble.ts';
import { FoundDamage } from '../services/found-damage.ts';
import type { Closing } from './closing.ts';

/**
 * Opens the real world: the lock on the state folder first, so that nothing of it is touched while another process has it.
 *
 * @throws GatewayError `state-locked`, `store-full`, `store-unavailable`; Error when the state folder cannot be made
 */
export async function openWorld(
  config: Config,
  parts: { readonly clock: Clock; readonly log: Log; readonly telemetry: Telemetry; readonly closing: Closing },
): Promise<World> {
  const { clock, log, telemetry, closing } = parts;
  await mkdir(config.stateDirectory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new Error(`stateDirectory: the folder cannot be made: ${messageOf(error)}`, { cause: error });
  });
  const lock = await StateLock.acquire(config.stateDirectory);
  closing.add('state lock', () => lock.release());
  if (isOutside(config.heldDirectory, config.stateDirectory)) {
    const heldLock = await lockHeld(config.heldDirectory);
    closing.add('held lock', () => heldLock.release());
  }

  const foundDamage = new FoundDamage();
  const openStore = async (name: string, root: string): Promise<SnapshotStore> => {
    let isOpening = true;
    const onDamage = ({ snapshot, reason }: Damage): void => {
      // Later damage is found by a reader, who says it.
      if (isOpening && snapshot !== null) {
        foundDamage.add({ store: name, key: snapshot.key, version: snapshot.version, reason });
      }
    };
    const store = await FileSnapshotStore.open({ root, name, log, wallMs: () => clock.wallMs(), onDamage });
    isOpening = false;
    closing.add(`store ${name}`, () => store.close());
    const foreign = store.foreign();
    if (foreign.length > 0)
      log.warn({ store: name, names: foreign.slice(0, 20) }, 'the store has what is not ours; it is left alone');
    return store;
  };
  const stores = {
    outgoing: await openStore('outgoing', join(config.stateDirectory, 'outgoing')),
    held: await openStore('held', config.heldDirectory),
    returned: await openStore('returned', join(config.stateDirectory, 'returned')),
  };
  const records = await FileRecords.open({ root: join(config.stateDirectory, 'records'), log });
  const eventLog = await FileEventLog.open({ root: config.stateDirectory, log });
  closing.add('event log', () => eventLog.close());

  const { connectionTimeoutMs, readTimeoutMs, snapshotSchedule, appWebhookUrl, appHealthUrl } = config;
  const transport = new HttpPeerTransport({ clock, connectionTimeoutMs, readTimeoutMs });
  closing.add('peer transport', () => transport.close());
  const webhook = appWebhookUrl === null ? null : new HttpEventSink({ url: appWebhookUrl });
  if (webhook !== null) closing.add('webhook', () => webhook.close());
  const healthProbe = appHealthUrl === null ? null : new HttpHealthProbe({ url: appHealthUrl });
  if (healthProbe !== null) closing.add('health probe', () => healthProbe.close());
  return {
    clock,
    random: () => Math.random(),
    log,
    telemetry,
    records,
    eventLog,
    stores,
    foundDamage,
    transport,
    commandRunner: new ShellCommandRunner({ clock }),
    webhook,
    healthProbe,
    schedule: snapshotSchedule === null ? null : new CronSchedule(clock, snapshotSchedule),
  };
}

function isOutside(folder: string, other: string): boolean {
  const way = relative(resolve(other), resolve(folder));
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
}

/** Two gateways in one store would tidy up after each other; configuration files that were copied often share the folder. */
async function lockHeld(folder: string): Promise<StateLock> {
  try {
    return await StateLock.acquire(join(folder, '.lock'));
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'state-locked') throw error;
    const { facts } = error;
    throw new GatewayError(
      'state-locked',
      `dataSnapshotStorageDirectory: ${folder} is in use by another gateway (process ${typeof facts['pid'] === 'number' ? facts['pid'] : 'unknown'}); give each its own.`,
      { facts, cause: error },
    );
  }
}
