import type { OptionKey } from './options.ts';
import { ownershipWarnings } from './ownership-rules.ts';
import { remark, type Place, type Remark } from './problem.ts';
import type { Settings } from './settings.ts';

/** A shorter token can be guessed by trying. */
const TOKEN_MIN_CHARACTERS = 16;

/** What can be but is hardly meant. Each says why; none keeps the gateway from starting. */
export function warningsOf(settings: Settings, fallback: Place): Remark[] {
  return [
    ...timingWarnings(settings, fallback),
    ...effectWarnings(settings, fallback),
    ...choiceWarnings(settings, fallback),
    ...ownershipWarnings(settings, fallback),
  ];
}

/** One notice, however many of the keys there are that this program has no use for. */
export function noticesOf(settings: Settings): Remark[] {
  const ignored = (['dataSnapshotJdbcDriverLib', 'dataSnapshotJdbcClassName'] as const).flatMap(
    (key) => settings.setting(key).given ?? [],
  );
  const [first] = ignored;
  if (first === undefined) return [];
  const others = ignored
    .slice(1)
    .map(({ written }) => written)
    .join(', ');
  return [remark(first, `${others === '' ? 'is' : `and ${others} are`} ignored: this program needs no JDBC driver`)];
}

function timingWarnings(settings: Settings, fallback: Place): Remark[] {
  const warnings: Remark[] = [];
  const beat = settings.get('heartbeatExchangeInterval') ?? Infinity;
  const snapshots = settings.get('dataSnapshotExchangeInterval') ?? Infinity;
  const downMs = beat * (settings.get('consecutiveHeartbeatMissesAllowed') ?? Infinity);
  const toDown = `the ${downMs / 1000} s after which a silent peer is down`;
  const warn = (key: OptionKey, message: string): unknown => warnings.push(settings.remark(key, fallback, message));
  const longer = (key: 'httpReadTimeout' | 'httpConnectionTimeout' | 'crossDCInitDelay'): boolean =>
    downMs < Infinity && (settings.get(key) ?? 0) > downMs;

  if (snapshots < beat && beat < Infinity && !settings.isGiven('dataSnapshotSchedule')) {
    warn(
      'dataSnapshotExchangeInterval',
      'is shorter than heartbeatExchangeInterval: snapshots are taken faster than the gateway can notice that nobody is there to get them',
    );
  }
  if (longer('httpReadTimeout'))
    warn('httpReadTimeout', `is longer than ${toDown}: a transfer to a machine that hangs is given up only after that`);
  if (longer('httpConnectionTimeout'))
    warn('httpConnectionTimeout', `is longer than ${toDown}: an unreachable machine is given up only after that`);
  if (longer('crossDCInitDelay'))
    warn(
      'crossDCInitDelay',
      `is longer than ${toDown}: after a restart the peers may take this data centre for dead before its first heartbeat`,
    );
  if ((settings.get('snapshotRequestTimeout') ?? 0) > snapshots && !settings.isGiven('dataSnapshotSchedule')) {
    warn(
      'snapshotRequestTimeout',
      'is longer than dataSnapshotExchangeInterval: a snapshot is asked for again before the one before is overdue',
    );
  }
  if (settings.get('appHealthUrl') !== undefined && (settings.get('appHealthInterval') ?? 0) >= downMs) {
    warn(
      'appHealthInterval',
      `is not shorter than ${toDown}: one failed poll alone travels in so many heartbeats that the peers take this data centre for down`,
    );
  }
  return warnings;
}

/** Keys that were given and do nothing, because another one is missing or decides in their place. */
function effectWarnings(settings: Settings, fallback: Place): Remark[] {
  const warnings: Remark[] = [];
  const needs: readonly (readonly [OptionKey, OptionKey])[] = [
    ['failoverCommandTimeout', 'failoverCommand'],
    ['failoverCommandRetries', 'failoverCommand'],
    ['failoverCommandRetryInterval', 'failoverCommand'],
    ['appHealthInterval', 'appHealthUrl'],
  ];
  for (const [key, other] of needs) {
    if (settings.isGiven(key) && !settings.isGiven(other))
      warnings.push(settings.remark(key, fallback, `has no effect without ${other}`));
  }
  if (settings.isGiven('dataSnapshotSchedule') && settings.isGiven('dataSnapshotExchangeInterval')) {
    const message =
      'decides when snapshots are asked for; dataSnapshotExchangeInterval only says how old one may be that counts as in sync';
    warnings.push(settings.remark('dataSnapshotSchedule', fallback, message));
  }
  if (settings.get('crossDCOperationMode') === 'passive' && settings.isGiven('dataSnapshotSchedule')) {
    warnings.push(
      settings.remark('dataSnapshotSchedule', fallback, 'has no effect: a passive gateway asks for no snapshots'),
    );
  }
  return warnings;
}

function choiceWarnings(settings: Settings, fallback: Place): Remark[] {
  const warnings: Remark[] = [];
  const warn = (key: OptionKey, message: string): unknown => warnings.push(settings.remark(key, fallback, message));
  if (settings.get('heartbeatExchangeInterval') === Infinity) {
    warn(
      'heartbeatExchangeInterval',
      'switches heartbeats off: no peer is ever found to be up or down, and nothing is delivered by itself',
    );
  } else if (settings.get('consecutiveHeartbeatMissesAllowed') === 1) {
    warn('consecutiveHeartbeatMissesAllowed', 'is 1: a single lost heartbeat is taken for the death of the peer');
  }
  if (settings.get('crossDCOperationMode') === 'passive' && !settings.isGiven('failoverCommand')) {
    warn(
      'crossDCOperationMode',
      'is passive and there is no failoverCommand: nothing happens by itself when a peer goes down',
    );
  }
  if (
    settings.get('sendDataSnapshotsToOriginDCAtStartup') === true &&
    settings.get('retainOlderDataSnapshotsAtStartup') === false
  ) {
    warn(
      'sendDataSnapshotsToOriginDCAtStartup',
      'returns what is held, but retainOlderDataSnapshotsAtStartup=false sets it aside at the start: hardly anything is left to return',
    );
  }
  for (const key of ['localApiToken', 'localApiReadToken'] as const) {
    const token = settings.get(key);
    if (token !== undefined && token.reveal().length < TOKEN_MIN_CHARACTERS)
      warn(key, `has fewer than ${TOKEN_MIN_CHARACTERS} characters and could be guessed`);
  }
  return warnings;
}
