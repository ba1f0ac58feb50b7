import { relative } from 'node:path';
import { isLoopback, overlaps } from './addresses.ts';
import { peerAuthOf, peerHostDefault } from './config.ts';
import type { OptionKey } from './options.ts';
import { takeoverOrderProblems } from './ownership-rules.ts';
import { placeText, quoted, remark, type Place, type Remark } from './problem.ts';
import type { Machine } from './addresses.ts';
import type { Setting, Settings } from './settings.ts';

const TWO_LINES =
  'beyond loopback the peers must prove who they are: add the two lines peerAuth=key and peerSharedKeyFile=PATH, ' +
  'where crossdc keys generate makes the file, the same for both';

/** What cannot be, though each value alone is right: an error only where the gateway could not do its job at all. */
export function contradictions(settings: Settings, fallback: Place): Remark[] {
  return [
    ...authProblems(settings, fallback),
    ...listenerProblems(settings, fallback),
    ...metricsProblems(settings, fallback),
    ...tokenProblems(settings, fallback),
    ...healthProblems(settings, fallback),
    ...folderProblems(settings, fallback),
    ...takeoverOrderProblems(settings, fallback),
  ];
}

function authProblems(settings: Settings, fallback: Place): Remark[] {
  const problems = materialProblems(settings, fallback);
  if (peerAuthOf(settings) !== 'none') return problems;
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

const TLS_KEYS = ['peerTlsCertFile', 'peerTlsKeyFile', 'peerTlsCaFile'] as const;

/** What the kind of authentication needs and is not there, or is there and would be of no use. */
function materialProblems(settings: Settings, fallback: Place): Remark[] {
  const auth = settings.get('peerAuth');
  const given = TLS_KEYS.filter((key) => settings.isGiven(key));
  const missing = TLS_KEYS.filter((key) => !settings.isGiven(key));
  const [first] = given;
  const problems: Remark[] = [];
  if (first !== undefined && missing.length > 0)
    problems.push(settings.remark(first, fallback, `needs ${missing.join(' and ')} as well`));
  if (auth === 'tls' && first === undefined)
    problems.push(
      settings.remark('peerAuth', fallback, `tls needs ${TLS_KEYS.join(', ')}; crossdc keys ca makes them`),
    );
  const hasKeys = settings.isGiven('peerSharedKey');
  if (auth === 'key' && !hasKeys) {
    const message = 'key needs peerSharedKeyFile=PATH (or peerSharedKey); crossdc keys generate makes the file';
    problems.push(settings.remark('peerAuth', fallback, message));
  }
  const unused = hasKeys ? 'peerSharedKey' : first;
  if (auth === 'none' && unused !== undefined) {
    const message = `none contradicts ${unused}${placeOf(settings, unused)}; remove one of the two`;
    problems.push(settings.remark('peerAuth', fallback, message));
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
      host: settings.get('crossDCHttpHost') ?? peerHostDefault(peerAuthOf(settings)),
      port: settings.get('crossDCHttpPort'),
    },
    // Of an API on a socket the port is taken by nobody.
    ...(settings.isGiven('localApiSocket')
      ? []
      : [{ key: 'localApiPort' as const, host: settings.get('localApiHost'), port: settings.get('localApiPort') }]),
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
  return [...readTokenProblems(settings, fallback), ...socketProblems(settings), ...reachProblems(settings, fallback)];
}

/** A token that may only read is of use where there is another one that may do more. */
function readTokenProblems(settings: Settings, fallback: Place): Remark[] {
  if (!settings.isGiven('localApiReadToken')) return [];
  if (!settings.isGiven('localApiToken')) {
    const message =
      'needs localApiToken (or localApiTokenFile=PATH) as well: without it everybody who reaches the local API may do everything';
    return [settings.remark('localApiReadToken', fallback, message)];
  }
  const [read, all] = [settings.get('localApiReadToken'), settings.get('localApiToken')];
  if (read === undefined || all === undefined || read.reveal() !== all.reveal()) return [];
  const message = `must be another one than localApiToken${placeOf(settings, 'localApiToken')}: its bearer could change everything`;
  return [settings.remark('localApiReadToken', fallback, message)];
}

/** The local API is in one place. */
function socketProblems(settings: Settings): Remark[] {
  const { given } = settings.setting('localApiSocket');
  if (given === null) return [];
  return (['localApiHost', 'localApiPort'] as const)
    .filter((key) => settings.isGiven(key))
    .map((key) => {
      const where = placeOf(settings, key);
      return remark(
        given,
        `contradicts ${key}${where}: the local API listens on the socket or there; keep one of the two`,
      );
    });
}

function reachProblems(settings: Settings, fallback: Place): Remark[] {
  if (settings.isGiven('localApiSocket')) return [];
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
