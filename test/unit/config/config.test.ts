import { expect } from 'chai';
import type { GatewaySettings } from '../../../src/ports/settings.ts';
import { explainTable } from '../../../src/config/explain.ts';
import { OPTION_KEYS } from '../../../src/config/options.ts';
import { LEAST, configOf, loadGood } from './load-text.ts';

describe('the configuration in the program’s own units', () => {
  it('has every default of the interface', () => {
    expect(configOf(LEAST)).to.deep.equal({
      dataCenter: 'dc1',
      applicationName: 'default',
      mode: 'active',
      peers: [{ name: null, machines: ['127.0.0.1:25191'] }],
      sendToAllMachines: false,
      initDelayMs: 0,
      heartbeatIntervalMs: 30_000,
      missesAllowed: 4,
      beatsToRecover: 1,
      snapshotIntervalMs: 180_000,
      snapshotSchedule: null,
      requestTimeoutMs: 60_000,
      connectionTimeoutMs: 25_000,
      readTimeoutMs: 100_000,
      alwaysLogHttpErrors: false,
      retainHeldAtStartup: true,
      returnAtStartup: false,
      parallelTransfers: 1,
      snapshotMaxBytes: 1_073_741_824,
      snapshotHistory: 3,
      scrubIntervalMs: 86_400_000,
      archiveMaxAgeMs: 2_592_000_000,
      archiveMaxBytes: 10_737_418_240,
      deleteHeldWhenLeft: false,
      syncAtStartup: false,
      syncGracePeriodMs: null,
      syncRetryIntervalMs: 60_000,
      takeoverPolicy: 'automatic',
      takeoverOrder: [],
      takeoverMaxHeldAgeMs: Infinity,
      takeoverBlockPeriodMs: 3_600_000,
      failback: 'manual',
      failbackDelayMs: 60_000,
      releaseTimeoutMs: 5000,
      failoverCommand: null,
      failoverCommandTimeoutMs: 300_000,
      failoverCommandRetries: 2,
      failoverCommandRetryIntervalMs: 60_000,
      appWebhookUrl: null,
      appHealthUrl: null,
      healthIntervalMs: 10_000,
      healthTtlMs: null,
      stateDirectory: './state',
      heldDirectory: 'state/held',
      database: null,
      peerAuth: 'none',
      peerTls: null,
      peerKeys: null,
      snapshotEncryptionKeys: [],
      peerHost: '127.0.0.1',
      peerPort: 25_091,
      localApiHost: '127.0.0.1',
      localApiPort: 25_090,
      localApiToken: null,
      localApiReadToken: null,
      localApiSocket: null,
      metricsHost: null,
      metricsPort: null,
      logLevel: 'info',
      logFormat: 'json',
    });
  });

  it('gives the services all that they need', () => {
    const settings: GatewaySettings = { ...configOf(LEAST), version: '0.0.0', localApiUrl: null };
    expect(settings.dataCenter).to.equal('dc1');
  });

  for (const [text, ms] of [
    ['0.05', 50],
    ['0.07', 70],
    ['30', 30_000],
    ['30.', 30_000],
    ['.5', 500],
    ['40.00', 40_000],
    ['444444443.9', 444_444_443_900],
    ['444444444', Infinity],
    ['444444444.00', Infinity],
    ['888888888', Infinity],
  ] as const) {
    it(`takes a heartbeat interval of ${text} as ${ms} ms`, () => {
      expect(configOf(`${LEAST}heartbeatExchangeInterval=${text}\n`).heartbeatIntervalMs).to.equal(ms);
    });
  }

  it('switches snapshots off from 888888888 only', () => {
    expect(configOf(`${LEAST}dataSnapshotExchangeInterval=444444444\n`).snapshotIntervalMs).to.equal(444_444_444_000);
    expect(configOf(`${LEAST}dataSnapshotExchangeInterval=888888888.00\n`).snapshotIntervalMs).to.equal(Infinity);
  });

  it('has no interval by which a snapshot is stale where a schedule decides, unless one is given', () => {
    const scheduled = `${LEAST}dataSnapshotSchedule=@daily\n`;
    expect(configOf(scheduled).snapshotIntervalMs).to.equal(Infinity);
    expect(configOf(`${scheduled}dataSnapshotExchangeInterval=180\n`).snapshotIntervalMs).to.equal(180_000);
  });

  it('takes every other kind of value', () => {
    const lines = [
      'crossDCOperationMode=0',
      'sendToAllRemoteMachines=TRUE',
      'orderlyShutdownSnapshots=delete',
      'dataSnapshotSchedule=*/5  *\t* * *',
      'appWebhookUrl=http://127.0.0.1:8080',
      'stateDirectory=/var/lib/crossdc',
      'logFormat=pretty',
      'localApiHost=LOCALHOST',
      'applicationName=Aufträge & mehr',
      'dataSnapshotStorageDirectory=/srv/held files',
      'dataSnapshotHistory=0',
    ];
    expect(configOf(`${LEAST}${lines.join('\n')}\n`)).to.include({
      mode: 'passive',
      sendToAllMachines: true,
      deleteHeldWhenLeft: true,
      snapshotSchedule: '*/5 * * * *',
      appWebhookUrl: 'http://127.0.0.1:8080/',
      stateDirectory: '/var/lib/crossdc',
      heldDirectory: '/srv/held files',
      logFormat: 'pretty',
      localApiHost: 'localhost',
      applicationName: 'Aufträge & mehr',
      snapshotHistory: 0,
    });
  });
});

describe('the explanation of a configuration', () => {
  it('has a row for every key', () => {
    expect(loadGood(LEAST).explain.map(({ key }) => key)).to.deep.equal(OPTION_KEYS);
  });

  it('shows defaults that follow from other keys', () => {
    const rows = new Map(loadGood(`${LEAST}stateDirectory=/var/x\n`).explain.map((row) => [row.key, row]));
    expect(rows.get('dataSnapshotStorageDirectory')).to.include({ value: '/var/x/held', source: 'default' });
    expect(rows.get('crossDCHttpHost')).to.include({ value: '127.0.0.1', source: 'default' });
    expect(rows.get('failoverCommand')).to.include({ value: null, source: 'default' });
  });

  it('names the file of a secret, and never the secret', () => {
    const extra = { files: { '/run/t': 'a-long-random-text' } };
    const { explain } = loadGood(`${LEAST}localApiTokenFile=/run/t\n`, extra);
    expect(explain.find(({ key }) => key === 'localApiToken')).to.include({
      value: '***',
      source: '/etc/crossdc/dc1.conf:3 (/run/t)',
    });
  });

  it('is a table with aligned columns for people', () => {
    const table = explainTable([
      { key: 'a', value: '1', source: 'default' },
      { key: 'longer', value: null, source: '--set' },
      { key: 'b', value: 'x'.repeat(60), source: 'f:1' },
    ]);
    const wide = 48;
    expect(table.split('\n')).to.deep.equal([
      `KEY     ${'VALUE'.padEnd(wide)}  SOURCE`,
      `a       ${'1'.padEnd(wide)}  default`,
      `longer  ${'none'.padEnd(wide)}  --set`,
      `b       ${'x'.repeat(60)}  f:1`,
      '',
    ]);
  });
});
