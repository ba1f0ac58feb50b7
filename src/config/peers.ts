import { DATA_CENTERS_MOST } from '../core/ownership.ts';
import { addressText, isLoopback, overlaps, type Machine } from './addresses.ts';
import { dataCenterName } from './kinds.ts';
import { quoted, remark, type Place, type Remark } from './problem.ts';
import type { Setting, Settings } from './settings.ts';
import * as v from 'valibot';

const MACHINES = 'remoteDataCenterApplicationMachineNames';

/** One peer as it is configured. */
export interface ConfiguredPeer {
  /** null: learned from the first heartbeat of one of its machines. */
  readonly name: string | null;
  /** `host:port`, an IPv6 address in brackets; at least one, none twice. */
  readonly machines: readonly string[];
}

export interface Peers {
  readonly peers: readonly ConfiguredPeer[];
  readonly problems: readonly Remark[];
  readonly warnings: readonly Remark[];
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly text: string;
}

/** The peers and their machines, and whatever about them cannot be. */
export function configurePeers(settings: Settings, fallback: Place): Peers {
  const problems: Remark[] = [];
  const warnings: Remark[] = [];
  const seen = new Map<string, string>();
  const peers: ConfiguredPeer[] = [];
  const unsuffixed = settings.setting(MACHINES);
  const sources: [string | null, Setting][] = [
    ...(unsuffixed.given === null
      ? []
      : [[settings.get('remoteDataCenterName') ?? null, unsuffixed] as [string | null, Setting]]),
    ...settings.peers,
  ];
  for (const [name, setting] of sources) {
    const { given } = setting;
    const parsed = setting.value as readonly Machine[] | undefined;
    if (given === null || parsed === undefined) continue;
    const machines: string[] = [];
    for (const address of addressesOf(parsed, settings.get('crossDCHttpPort'), (message) =>
      problems.push(remark(given, message)),
    )) {
      const before = seen.get(address.text);
      if (before === undefined) machines.push(address.text);
      else
        problems.push(
          remark(
            given,
            `names ${address.text} twice${before === given.written ? '' : `, also in ${before}`}; a machine belongs to one peer, once`,
          ),
        );
      seen.set(address.text, given.written);
      if (isOurselves(address, settings))
        warnings.push(
          remark(given, `${address.text} is this gateway's own peer listener, which refuses its own heartbeats`),
        );
    }
    peers.push({ name, machines });
  }
  problems.push(...numberProblems(sources), ...nameProblems(settings, fallback));
  return { peers, problems, warnings };
}

/** Every message tells who owns the work of each data centre, and one that tells of too many is refused by every peer. */
function numberProblems(sources: readonly (readonly [string | null, Setting])[]): Remark[] {
  const given = sources.flatMap(([, setting]) => (setting.given === null ? [] : [setting.given]));
  const most = DATA_CENTERS_MOST - 1;
  const tooMany = given[most];
  if (tooMany === undefined) return [];
  const message = `is one of ${given.length} peer data centres, and there may be at most ${most}: every message tells of all of them and has room for no more; keep at most ${most} lines of ${MACHINES}`;
  return [remark(tooMany, message)];
}

function addressesOf(
  machines: readonly Machine[],
  defaultPort: number | undefined,
  complain: (message: string) => void,
): Address[] {
  const addresses: Address[] = [];
  for (const { host, port: own } of machines) {
    const port = own ?? defaultPort;
    if (port === 0)
      complain(`${host} needs a port of its own (${addressText(host, 25_091)}), since crossDCHttpPort is 0`);
    // Without a port the default was wrong, which has been complained of where it stands.
    else if (port !== undefined) addresses.push({ host, port, text: addressText(host, port) });
  }
  return addresses;
}

function isOurselves({ host, port }: Address, settings: Settings): boolean {
  const own = settings.get('crossDCHttpHost') ?? '127.0.0.1';
  return port === settings.get('crossDCHttpPort') && overlaps(host, own) && isLoopback(host);
}

function nameProblems(settings: Settings, fallback: Place): Remark[] {
  const problems: Remark[] = [];
  const local = settings.get('localDataCenterName');
  const remote = settings.get('remoteDataCenterName');
  const hasUnsuffixed = settings.isGiven(MACHINES);
  const say = (message: string): unknown => problems.push(settings.remark('remoteDataCenterName', fallback, message));
  if (remote !== undefined && remote === local)
    say(`${quoted(remote)} is localDataCenterName; a peer has another name`);
  if (remote !== undefined && hasUnsuffixed && settings.peers.has(remote)) {
    say(`${quoted(remote)} is also the peer of ${MACHINES}.${remote}; give the machines of a peer in one line`);
  }
  if (remote !== undefined && !hasUnsuffixed && settings.peers.size > 0 && !settings.peers.has(remote)) {
    say(`names the peer of ${MACHINES} without a suffix, and there is no such line`);
  }
  for (const [name, { given }] of settings.peers) {
    if (given === null) continue;
    if (!v.is(dataCenterName.schema, name))
      problems.push(remark(given, `the suffix ${quoted(name)} must be ${dataCenterName.name}`));
    else if (name === local)
      problems.push(remark(given, `the suffix ${quoted(name)} is localDataCenterName; a peer has another name`));
  }
  return problems;
}
