import { relative } from 'node:path';
import { isLoopback, overlaps } from './addresses.ts';
import { PEER_HOST_DEFAULT } from './config.ts';
import type { OptionKey } from './options.ts';
import { placeText, quoted, remark, type Place, type Remark } from './problem.ts';
import type { Machine } from './addresses.ts';
import type { Setting, Settings } from './settings.ts';

const TWO_LINES =
  'beyond loopback the peers must prove who they are, with the two lines peerAuth=key and peerSharedKeyFile=PATH, ' +
  'which are not built yet in this version: it is for loopback only';

/** What cannot be, though each value alone is right: an error only where the gateway could not do its job at all. */
export function contradictions(settings: Settings, fallback: Place): Remark[] {
  return [
    ...authProblems(settings, fallback),
    ...listenerProblems(settings, fallback),
    ...metricsProblems(settings, fallback),
    ...tokenProblems(settings, fallback),
    ...healthProblems(settings, fallback),
    ...folderProblems(settings, fallback),
  ];
}

function authProblems(settings: Settings, fallback: Place): Remark[] {
  const auth = settings.get('peerAuth');
  if (auth === undefined) return [];
  if (auth !== 'none') {
    return [
      settings.remark(
        'peerAuth',
        fallback,
        `${auth} is not built yet in this version; right is none, for loopback only`,
      ),
    ];
  }
  const problems: Remark[] = [];
  const peerHost = settings.get('crossDCHttpHost');
  if (peerHost !== undefined && !isLoopback(peerHost)) {
    problems.push(
      settings.remark('crossDCHttpHost', fallback, `${quoted(peerHost)} is no loopback address; ${TWO_LINES}`),
    );
  }
  const lists: Setting[] = [settings.setting('remoteDataCenterApplicationMachineNames'), ...settings.peers.values()];
  for (const { given, value } of lists) {
    const outside = ((value ?? []) as readonly Machine[])
      .filter(({ host }) => !isLoopback(host))
      .map(({ host }) => host);
    if (given === null || outside.length === 0) continue;
    const subject = outside.length === 1 ? 'is no loopback address' : 'are no loopback addresses';
    problems.push(
      remark(given, `${outside.slice(0, 5).join(', ')}${outside.length > 5 ? ', …' : ''} ${subject}; ${TWO_LINES}`),
    );
  }
  return problems;
}

interface Listener {
  readonly key: OptionKey;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/** Two listeners cannot have one port. The one that is given is complained of; of two, the later in this list. */
function listenerProblems(settings: Settings, fallback: Place): Remark[] {
  const listeners: readonly Listener[] = [
    {
      key: 'crossDCHttpPort',
      host: settings.get('crossDCHttpHost') ?? PEER_HOST_DEFAULT,
      port: settings.get('crossDCHttpPort'),
    },
    { key: 'localApiPort', host: settings.get('localApiHost'), port: settings.get('localApiPort') },
    { key: 'metricsPort', host: settings.get('metricsHost'), port: settings.get('metricsPort') },
  ];
  const problems: Remark[] = [];
  for (const [index, one] of listeners.entries()) {
    for (const other of listeners.slice(index + 1)) {
      if (one.port === undefined || one.port === 0 || one.port !== other.port) continue;
      if (one.host === undefined || other.host === undefined || !overlaps(one.host, other.host)) continue;
      const [at, against] = settings.isGiven(other.key) ? [other, one] : [one, other];
      problems.push(
        settings.remark(
          at.key,
          fallback,
          `${one.port} is also ${against.key}${placeOf(settings, against.key)}; give each listener a port of its own`,
        ),
      );
    }
  }
  return problems;
}

/** Where the other of two keys is given, as the end of a sentence's subject. */
function placeOf(settings: Settings, key: OptionKey): string {
  const { given } = settings.setting(key);
  return given === null ? ' by default' : ` (${placeText(given.place)})`;
}

function metricsProblems(settings: Settings, fallback: Place): Remark[] {
  const hasHost = settings.isGiven('metricsHost');
  if (hasHost === settings.isGiven('metricsPort')) return [];
  const [given, missing] = hasHost
    ? (['metricsHost', 'metricsPort=25092'] as const)
    : (['metricsPort', 'metricsHost=127.0.0.1'] as const);
  return [settings.remark(given, fallback, `needs the other half of the address as well, for example ${missing}`)];
}

function tokenProblems(settings: Settings, fallback: Place): Remark[] {
  const host = settings.get('localApiHost');
  if (host === undefined || isLoopback(host) || settings.isGiven('localApiToken')) return [];
  const message = `${quoted(host)} is no loopback address, so localApiToken (or localApiTokenFile=PATH) is required: anybody could move the data`;
  return [settings.remark('localApiHost', fallback, message)];
}

function healthProblems(settings: Settings, fallback: Place): Remark[] {
  if (!settings.isGiven('appHealthUrl') || !settings.isGiven('appHealthTtl')) return [];
  const message = `contradicts appHealthUrl${placeOf(settings, 'appHealthUrl')}: either the gateway polls the application or the application reports; keep one of the two`;
  return [settings.remark('appHealthTtl', fallback, message)];
}

/** The held store and the rest of the state must not take each other's files for their own. */
function folderProblems(settings: Settings, fallback: Place): Remark[] {
  const state = settings.get('stateDirectory');
  const held = settings.get('dataSnapshotStorageDirectory');
  // With a database nothing is held in that folder.
  if (state === undefined || held === undefined || settings.isGiven('dataSnapshotJdbcUrl')) return [];
  // Empty when they are one folder; a way down when the state folder lies in the other.
  const way = relative(held, state);
  const isAround = way !== '..' && !way.startsWith('../');
  if (!isAround) return [];
  const message = `must be a folder of its own, neither stateDirectory${placeOf(settings, 'stateDirectory')} nor one around it`;
  return [settings.remark('dataSnapshotStorageDirectory', fallback, message)];
}
