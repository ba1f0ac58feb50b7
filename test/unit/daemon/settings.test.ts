import { expect } from 'chai';
import { settingsOf } from '../../../src/daemon/settings.ts';
import { configOf } from '../config/load-text.ts';

/** Every key that the services need, each with a value of its own that is not its default. */
const LINES = [
  'localDataCenterName=here',
  'applicationName=orders',
  'crossDCOperationMode=0',
  'remoteDataCenterName=there',
  'remoteDataCenterApplicationMachineNames=127.0.0.1:1,127.0.0.1:2',
  'remoteDataCenterApplicationMachineNames.third=127.0.0.1:3',
  'sendToAllRemoteMachines=true',
  'crossDCInitDelay=1',
  'heartbeatExchangeInterval=2',
  'consecutiveHeartbeatMissesAllowed=3',
  'consecutiveHeartbeatsToRecover=5',
  'dataSnapshotExchangeInterval=6',
  'alwaysLogHttpErrors=true',
  'retainOlderDataSnapshotsAtStartup=false',
  'sendDataSnapshotsToOriginDCAtStartup=true',
  'numberOfHttpSenderReceiverPairs=7',
  'dataSnapshotMaxBytes=8',
  'dataSnapshotHistory=9',
  'snapshotRequestTimeout=10',
  'failoverCommand=true',
  'failoverCommandTimeout=11',
  'failoverCommandRetries=12',
  'failoverCommandRetryInterval=13',
  'appHealthInterval=14',
  'appHealthTtl=15',
  'orderlyShutdownSnapshots=delete',
  'snapshotScrubInterval=16',
  'snapshotArchiveMaxAge=17',
  'snapshotArchiveMaxBytes=18',
  'syncAtStartup=true',
  'syncGracePeriod=19',
  'syncRetryInterval=20',
  'takeoverPolicy=manual',
  'takeoverOrder=third,here',
  'takeoverMaxHeldAge=21',
  'takeoverBlockPeriod=22',
  'failback=automatic',
  'failbackDelay=23',
  'releaseTimeout=24',
];

describe('the settings of the services', () => {
  it('each come from their own key of the configuration', () => {
    expect(settingsOf(configOf(`${LINES.join('\n')}\n`), '1.2.3')).to.deep.equal({
      version: '1.2.3',
      dataCenter: 'here',
      applicationName: 'orders',
      mode: 'passive',
      peers: [
        { name: 'there', machines: ['127.0.0.1:1', '127.0.0.1:2'] },
        { name: 'third', machines: ['127.0.0.1:3'] },
      ],
      sendToAllMachines: true,
      initDelayMs: 1000,
      heartbeatIntervalMs: 2000,
      missesAllowed: 3,
      beatsToRecover: 5,
      snapshotIntervalMs: 6000,
      alwaysLogHttpErrors: true,
      retainHeldAtStartup: false,
      returnAtStartup: true,
      parallelTransfers: 7,
      snapshotMaxBytes: 8,
      snapshotHistory: 9,
      scrubIntervalMs: 16_000,
      archiveMaxAgeMs: 17_000,
      archiveMaxBytes: 18,
      requestTimeoutMs: 10_000,
      localApiUrl: 'http://127.0.0.1:25090',
      failoverCommand: 'true',
      failoverCommandTimeoutMs: 11_000,
      failoverCommandRetries: 12,
      failoverCommandRetryIntervalMs: 13_000,
      healthIntervalMs: 14_000,
      healthTtlMs: 15_000,
      deleteHeldWhenLeft: true,
      takeoverPolicy: 'manual',
      takeoverOrder: ['third', 'here'],
      takeoverMaxHeldAgeMs: 21_000,
      takeoverBlockPeriodMs: 22_000,
      failback: 'automatic',
      failbackDelayMs: 23_000,
      releaseTimeoutMs: 24_000,
      syncAtStartup: true,
      syncGracePeriodMs: 19_000,
      syncRetryIntervalMs: 20_000,
    });
  });

  for (const [keys, url] of [
    [['localApiHost=::1', 'localApiPort=26000'], 'http://[::1]:26000'],
    [['localApiHost=localhost'], 'http://localhost:25090'],
    [['localApiHost=0.0.0.0', 'localApiToken=secret-of-the-test'], 'http://127.0.0.1:25090'],
    [['localApiPort=0'], null],
    [['localApiSocket=/run/crossdc/api.sock'], 'unix:/run/crossdc/api.sock'],
    [['localApiSocket=run/a b.sock'], `unix:${process.cwd()}/run/a b.sock`],
  ] as const) {
    it(`tell a failover command that the local API is at ${String(url)} with ${keys[0]}`, () => {
      expect(settingsOf(configOf([...LINES, ...keys, ''].join('\n')), '1.2.3').localApiUrl).to.equal(url);
    });
  }
});
