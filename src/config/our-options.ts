import * as kinds from './kinds.ts';
import type { Option } from './option.ts';

const ours = { group: 'ours', unit: null } as const;

/** 28 years, as with the exchange of snapshots: what is written to switch something off that has an interval. */
const SCRUB_OFF_FROM_SECONDS = 888_888_888;

/** Our own keys (interface §2.2), but for those of ownership, of hooks and of trust between peers. */
export const OUR_OPTIONS = {
  applicationName: {
    ...ours,
    kind: kinds.shortText,
    default: 'default',
    doc: {
      meaning:
        'The name of the application, the same in every data centre: a peer with another one is refused. In messages, in metrics, and it selects the prefix in an app-config file.',
    },
  },
  stateDirectory: {
    ...ours,
    kind: kinds.path,
    default: './state',
    doc: {
      meaning:
        'The folder of the outgoing snapshots, the event log and the counters. Must be on a local disk; one process at a time uses it.',
    },
  },
  crossDCHttpHost: {
    ...ours,
    kind: kinds.host,
    default: null,
    defaultSays: '127.0.0.1 with peerAuth=none, else 0.0.0.0',
    example: '127.0.0.1',
    doc: { meaning: 'The address of the peer listener. With peerAuth=none it must be a loopback address.' },
  },
  localApiHost: {
    ...ours,
    kind: kinds.host,
    default: '127.0.0.1',
    doc: {
      meaning:
        'The address of the local API, which the application, the operator and the metrics use. Beyond loopback localApiToken is required.',
    },
  },
  localApiPort: {
    ...ours,
    kind: kinds.port,
    default: '25090',
    doc: { meaning: 'The port of the local API. 0: the system chooses one.' },
  },
  localApiToken: {
    ...ours,
    kind: kinds.token,
    default: null,
    isSecret: true,
    example: 'a-long-random-text',
    doc: { meaning: 'The bearer token of the local API. Required when localApiHost is not a loopback address.' },
  },
  localApiReadToken: {
    ...ours,
    kind: kinds.token,
    default: null,
    isSecret: true,
    example: 'another-long-random-text',
    doc: {
      meaning:
        'A second bearer token of the local API, for dashboards: its bearer may read what GET and HEAD show, but neither the bytes of a snapshot nor change anything. Needs localApiToken.',
    },
  },
  localApiSocket: {
    ...ours,
    kind: kinds.socketPath,
    default: null,
    example: '/run/crossdc/api.sock',
    doc: {
      meaning:
        'The path of a Unix socket on which the local API listens instead of localApiHost and localApiPort. Its mode is 0660: this user and its group may use the API, and whoever has localApiToken where one is set. Its folder must be there.',
    },
  },
  metricsHost: {
    ...ours,
    kind: kinds.host,
    default: null,
    example: '127.0.0.1',
    doc: { meaning: 'The address of a second listener with nothing but /metrics and /healthz; needs metricsPort.' },
  },
  metricsPort: {
    ...ours,
    kind: kinds.port,
    default: null,
    example: '25092',
    doc: { meaning: 'The port of that second listener; needs metricsHost. 0: the system chooses one.' },
  },
  remoteDataCenterName: {
    ...ours,
    kind: kinds.dataCenterName,
    default: null,
    defaultSays: 'learned from the first heartbeat',
    example: 'dc2',
    doc: {
      meaning:
        "The peer's name where its machines are given without a suffix. Without this key the name in its first heartbeat is taken and kept, and another name is refused from then on.",
    },
  },
  consecutiveHeartbeatsToRecover: {
    ...ours,
    kind: kinds.integer(1, 1000),
    default: '1',
    doc: {
      meaning: 'Heartbeats in a row before a peer that was down is up again.',
      raising: 'A line that comes and goes makes fewer changes of state; a peer that is back counts later.',
      lowering: 'A peer that is back counts sooner.',
    },
  },
  dataSnapshotMaxBytes: {
    ...ours,
    kind: kinds.integer(1, 2 ** 40),
    default: '1073741824',
    unit: 'bytes',
    doc: {
      meaning:
        'A larger snapshot is refused with 413, by the local API and by the peer listener; set it alike on both sides.',
      raising: 'Larger snapshots get through; they take more room on both sides.',
      lowering: 'A runaway snapshot is stopped sooner.',
    },
  },
  dataSnapshotHistory: {
    ...ours,
    kind: kinds.integer(0, 1000),
    default: '3',
    doc: {
      meaning: 'How many older versions are kept of each origin, beside the newest.',
      raising: 'More to fall back on when a snapshot is damaged or bad; more room on the disk.',
      lowering: 'Less room on the disk; with 0 there is nothing to fall back on.',
    },
  },
  snapshotScrubInterval: {
    ...ours,
    kind: kinds.interval(1, SCRUB_OFF_FROM_SECONDS),
    default: '86400',
    unit: 'seconds',
    doc: {
      meaning:
        'How long from the beginning of one round to the next, in which everything that is stored is read and compared with its digests, at no more than 32 MiB a second. What is damaged is set aside and reported, and the peer is asked for a good copy. 888888888 or more switches it off.',
      raising: 'Less reading; a version that rots on the disk is found later, perhaps only when it is needed.',
      lowering: 'Damage is found while the peer still has a good copy; more reading.',
    },
  },
  snapshotArchiveMaxAge: {
    ...ours,
    kind: kinds.interval(0, SCRUB_OFF_FROM_SECONDS),
    default: '2592000',
    unit: 'seconds',
    doc: {
      meaning:
        'How long versions that were set aside, quarantined or found damaged are kept for a person to look at, in each store. The last good version of an origin is never deleted for its age. 888888888 or more: as long as snapshotArchiveMaxBytes lets them.',
      raising: 'More time to look into an accident, or to bring back what was set aside; more room on the disk.',
      lowering: 'Less room on the disk; with 0 they go at once.',
    },
  },
  snapshotArchiveMaxBytes: {
    ...ours,
    kind: kinds.integer(0, 2 ** 50),
    default: '10737418240',
    unit: 'bytes',
    doc: {
      meaning:
        'How many bytes of such versions each store keeps; the oldest go first. The last good version of an origin is never deleted for this.',
      raising: 'More to look into and to bring back; more room on the disk.',
      lowering: 'Less room on the disk.',
    },
  },
  dataSnapshotSchedule: {
    ...ours,
    kind: kinds.cron,
    default: null,
    example: '*/10 * * * *',
    doc: {
      meaning: 'A cron expression that says when the application is asked for snapshots, instead of the interval.',
    },
  },
  snapshotRequestTimeout: {
    ...ours,
    kind: kinds.seconds(0.01, kinds.WEEK_SECONDS),
    default: '60',
    unit: 'seconds',
    doc: {
      meaning: 'An origin that was asked for and is not posted by then is overdue: an event snapshot-overdue.',
      raising: 'A slow application raises fewer alarms; one that hangs is noticed later.',
      lowering: 'An application that hangs is noticed sooner.',
    },
  },
  orderlyShutdownSnapshots: {
    ...ours,
    kind: kinds.oneOf('keep', 'delete'),
    default: 'keep',
    doc: {
      meaning:
        'keep: what is held from a peer that left by an orderly shutdown stays, for deliver and return. delete: it is deleted, as the toolkit does.',
    },
  },
  logLevel: {
    ...ours,
    kind: kinds.oneOf('debug', 'info', 'warn', 'error'),
    default: 'info',
    doc: { meaning: 'The least important messages that are logged: debug, info, warn or error.' },
  },
  logFormat: {
    ...ours,
    kind: kinds.oneOf('json', 'pretty'),
    default: 'json',
    doc: { meaning: 'json: one JSON object a line, on stderr. pretty: for people.' },
  },
} as const satisfies Record<string, Option>;
