import * as kinds from './kinds.ts';
import type { Option } from './option.ts';

/** 14 and 28 years: what the toolkit's own manual says to write in order to switch an exchange off. */
const HEARTBEATS_OFF_FROM_SECONDS = 444_444_444;
const SNAPSHOTS_OFF_FROM_SECONDS = 888_888_888;
const SHORTEST_INTERVAL_SECONDS = 0.05;

const toolkit = { group: 'toolkit', unit: null } as const;

/** The keys of the IBM Streams crossdc-failover toolkit (interface §2.1), in the order of its own sample file. */
export const TOOLKIT_OPTIONS = {
  localDataCenterName: {
    ...toolkit,
    kind: kinds.dataCenterName,
    default: null,
    isRequired: true,
    example: 'dc1',
    doc: { meaning: 'The name of this data centre. The peers know it by this name, so it stays as it is for good.' },
  },
  crossDCOperationMode: {
    ...toolkit,
    kind: kinds.operationMode,
    default: '1',
    doc: {
      meaning:
        '1 active, 0 passive. A passive gateway asks its application for no snapshots and delivers nothing by itself; when a peer goes down it runs failoverCommand.',
    },
  },
  crossDCHttpPort: {
    ...toolkit,
    kind: kinds.port,
    default: '25091',
    doc: { meaning: 'The port of the peer listener, to which the other data centres send. 0: the system chooses one.' },
  },
  remoteDataCenterApplicationMachineNames: {
    ...toolkit,
    kind: kinds.machines,
    default: null,
    isRequired: true,
    takesPeer: true,
    example: '127.0.0.1:25191',
    doc: {
      meaning:
        "The places where the peer's one gateway may run, host or host:port, separated by commas; only one of them runs at a time. The port defaults to crossDCHttpPort. For more than one peer the key takes the peer's name as a suffix: remoteDataCenterApplicationMachineNames.dc3=…",
    },
  },
  sendToAllRemoteMachines: {
    ...toolkit,
    kind: kinds.boolean,
    default: 'false',
    doc: {
      meaning:
        'false: the first machine that accepts is used until it fails. true: everything goes to every machine of a peer; the peer counts as reached, and a snapshot as stored, when one of them accepted.',
    },
  },
  dataSnapshotStorageDirectory: {
    ...toolkit,
    kind: kinds.path,
    default: null,
    defaultSays: '<stateDirectory>/held',
    example: './state/held',
    doc: { meaning: 'The folder in which the file store keeps what the peers replicated to this gateway.' },
  },
  dataSnapshotJdbcUrl: {
    ...toolkit,
    kind: kinds.databaseUrl,
    default: null,
    example: 'jdbc:postgresql://127.0.0.1:5432/crossdc?user=crossdc',
    doc: {
      meaning:
        'Selects the PostgreSQL store for what the peers replicated to this gateway: jdbc:postgresql://…, postgresql://… or postgres://…; any other database is refused by its name. Several hosts, separated by commas, are tried in their order. User and password may stand in it, sslmode and sslrootcert say how the server is made sure of, and a Unix socket is host=/folder. It is shown with *** for its password.',
    },
  },
  dataSnapshotJdbcUser: {
    ...toolkit,
    kind: kinds.databaseUser,
    default: null,
    example: 'crossdc',
    doc: { meaning: 'The user for the PostgreSQL store, unless the URL has it.' },
  },
  dataSnapshotJdbcPassword: {
    ...toolkit,
    kind: kinds.password,
    default: null,
    isSecret: true,
    example: 'secret',
    doc: { meaning: 'The password for the PostgreSQL store, unless the URL has it.' },
  },
  dataSnapshotJdbcDriverLib: {
    ...toolkit,
    kind: kinds.anyText,
    default: null,
    isIgnored: true,
    example: 'opt/db2jcc4.jar',
    doc: { meaning: 'Accepted and ignored, with one notice at start: this program needs no JDBC driver.' },
  },
  dataSnapshotJdbcClassName: {
    ...toolkit,
    kind: kinds.anyText,
    default: null,
    isIgnored: true,
    example: 'com.ibm.db2.jcc.DB2Driver',
    doc: { meaning: 'Accepted and ignored, with one notice at start: this program needs no JDBC driver.' },
  },
  dataSnapshotTableName: {
    ...toolkit,
    kind: kinds.tableName,
    default: 'crossdc_snapshot',
    doc: {
      meaning:
        "The table of the PostgreSQL store, taken exactly as it is written, capitals too; may be schema.table. It and the tables beside it, whose names begin with its own, are made at the start. A table of the toolkit's own is refused.",
    },
  },
  dataSnapshotPrimaryKeyColumnName: {
    ...toolkit,
    kind: kinds.keyColumn,
    default: 'id',
    doc: { meaning: "The primary key's column in the table of the PostgreSQL store, taken exactly as it is written." },
  },
  crossDCInitDelay: {
    ...toolkit,
    kind: kinds.seconds(0, kinds.DAY_SECONDS),
    default: '0',
    unit: 'seconds',
    doc: {
      meaning: "How long to wait after the start before the first heartbeat. The toolkit's own default was 40.0.",
      raising: 'The application gets more time to start; the peers see this data centre later.',
      lowering: 'The peers see this data centre sooner.',
    },
  },
  heartbeatExchangeInterval: {
    ...toolkit,
    kind: kinds.interval(SHORTEST_INTERVAL_SECONDS, HEARTBEATS_OFF_FROM_SECONDS),
    default: '30.0',
    unit: 'seconds',
    doc: {
      meaning:
        'How often a heartbeat goes to each peer. A peer is declared down after consecutiveHeartbeatMissesAllowed times this; the longer interval of the two sides counts. 444444444 or more switches heartbeats off.',
      raising: 'A dead peer is noticed later; short disturbances of the line pass unnoticed.',
      lowering: 'A dead peer is noticed sooner; a short disturbance is more easily taken for a death.',
    },
  },
  consecutiveHeartbeatMissesAllowed: {
    ...toolkit,
    kind: kinds.integer(1, 1000),
    default: '4',
    doc: {
      meaning: 'N: the peer is declared down at the N-th consecutive miss, N intervals after its last heartbeat.',
      raising: 'Fewer false alarms on a bad line; a dead peer is noticed later.',
      lowering: 'A dead peer is noticed sooner; with 1 a single lost heartbeat is a death.',
    },
  },
  dataSnapshotExchangeInterval: {
    ...toolkit,
    kind: kinds.interval(SHORTEST_INTERVAL_SECONDS, SNAPSHOTS_OFF_FROM_SECONDS),
    default: '180.0',
    unit: 'seconds',
    doc: {
      meaning: 'How often the application is asked for snapshots. 888888888 or more switches the asking off.',
      raising: 'Less work for the application and the line; the state that a survivor gets is older.',
      lowering: 'The state that a survivor gets is fresher; more work for the application and the line.',
    },
  },
  httpConnectionTimeout: {
    ...toolkit,
    kind: kinds.seconds(0.01, kinds.DAY_SECONDS),
    default: '25',
    unit: 'seconds',
    doc: {
      meaning: 'How long a connection to a machine of a peer may take to come about.',
      raising: 'Slow lines are waited for; an unreachable machine is given up later.',
      lowering: 'An unreachable machine is given up sooner; a slow line may never get through.',
    },
  },
  httpReadTimeout: {
    ...toolkit,
    kind: kinds.seconds(0.01, kinds.DAY_SECONDS),
    default: '100',
    unit: 'seconds',
    doc: {
      meaning: 'How long a machine of a peer may be silent while an answer or the progress of a transfer is awaited.',
      raising: 'A slow peer gets more time; one that hangs is given up later.',
      lowering:
        'A peer that hangs is given up sooner; one that writes a large snapshot slowly may be given up wrongly.',
    },
  },
  alwaysLogHttpErrors: {
    ...toolkit,
    kind: kinds.boolean,
    default: 'false',
    doc: {
      meaning: 'false: a repeated error of one machine is logged once and then counted. true: every one is logged.',
    },
  },
  retainOlderDataSnapshotsAtStartup: {
    ...toolkit,
    kind: kinds.boolean,
    default: 'true',
    doc: {
      meaning:
        'true: what was held before this start stays on offer. false: it is set aside, archived and not deleted, except for open deliveries and what comes from a peer that is not up.',
    },
  },
  sendDataSnapshotsToOriginDCAtStartup: {
    ...toolkit,
    kind: kinds.boolean,
    default: 'false',
    doc: { meaning: 'true: on the first contact with a peer everything that is held from it is returned to it.' },
  },
  numberOfHttpSenderReceiverPairs: {
    ...toolkit,
    kind: kinds.integer(1, 64),
    default: '1',
    doc: {
      meaning: 'Snapshot transfers under way at once to each peer. Heartbeats never wait behind them.',
      raising: 'Many snapshots get over faster, at the price of more memory and more of the line.',
      lowering: 'Less memory and less of the line; many snapshots take longer.',
    },
  },
} as const satisfies Record<string, Option>;
