import { SECOND_MS } from '../units.ts';
import type { OptionKey } from './options.ts';
import { quoted, type Place, type Remark } from './problem.ts';
import type { Settings } from './settings.ts';

const MACHINES = 'remoteDataCenterApplicationMachineNames';

/**
 * A name in takeoverOrder that nobody has is a slip of the keyboard, by which the wrong survivor would take over. A peer
 * whose name is learned may have any one name that no other peer has.
 */
export function takeoverOrderProblems(settings: Settings, fallback: Place): Remark[] {
  const local = settings.get('localDataCenterName');
  const remote = settings.get('remoteDataCenterName');
  const order = settings.get('takeoverOrder') ?? [];
  // Which names there are is not known where one of them is wrong, which has been complained of where it stands.
  if (local === undefined || (remote === undefined && settings.isGiven('remoteDataCenterName'))) return [];
  const known = [local, ...(remote === undefined ? [] : [remote]), ...settings.peers.keys()];
  const isOneLearned = settings.isGiven(MACHINES) && remote === undefined;
  const unknown = order.filter((name) => !known.includes(name));
  if (unknown.length <= (isOneLearned ? 1 : 0)) return [];
  const names = unknown.map(quoted).join(', ');
  const message = isOneLearned
    ? `names ${names}, of which only one can be the peer whose name is learned; give remoteDataCenterName, or take away what is no data centre of this configuration`
    : `names ${names}, and the data centres of this configuration are ${known.map(quoted).join(', ')}`;
  return [settings.remark('takeoverOrder', fallback, message)];
}

/** What was given of ownership and does nothing, or would do what hardly anybody means. */
export function ownershipWarnings(settings: Settings, fallback: Place): Remark[] {
  const ineffective = (keys: readonly OptionKey[], why: string): Remark[] =>
    keys.filter((key) => settings.isGiven(key)).map((key) => settings.remark(key, fallback, `has no effect${why}`));
  const isPassive = settings.get('crossDCOperationMode') === 'passive';
  const isManual = settings.get('takeoverPolicy') === 'manual';
  const byItself = ['takeoverOrder', 'takeoverBlockPeriod'] as const;
  return [
    ...(settings.get('syncAtStartup') === false
      ? ineffective(['syncGracePeriod', 'syncRetryInterval'], ' without syncAtStartup=true')
      : []),
    ...(settings.get('failback') === 'manual' ? ineffective(['failbackDelay'], ' without failback=automatic') : []),
    ...(isPassive
      ? ineffective(
          [...(isManual ? [] : ['takeoverPolicy' as const]), ...byItself],
          ': a passive gateway takes over nothing by itself',
        )
      : isManual
        ? ineffective(byItself, ' with takeoverPolicy=manual: nothing is taken over by itself')
        : []),
    ...heldAgeWarnings(settings, fallback),
  ];
}

/** When a peer is found down, what is held from it may be as old as this without anything amiss. */
function heldAgeWarnings(settings: Settings, fallback: Place): Remark[] {
  const maxAge = settings.get('takeoverMaxHeldAge') ?? Infinity;
  const snapshots = settings.isGiven('dataSnapshotSchedule') ? 0 : (settings.get('dataSnapshotExchangeInterval') ?? 0);
  const beat = settings.get('heartbeatExchangeInterval') ?? 0;
  const downMs = beat * (settings.get('consecutiveHeartbeatMissesAllowed') ?? 0);
  const usual = (snapshots === Infinity ? 0 : snapshots) + (downMs === Infinity ? 0 : downMs);
  if (maxAge >= usual) return [];
  const message = `is shorter than dataSnapshotExchangeInterval and the time to find a peer down together, ${usual / SECOND_MS} s: what is held may be as old as that without anything amiss, and its takeover would be blocked`;
  return [settings.remark('takeoverMaxHeldAge', fallback, message)];
}
