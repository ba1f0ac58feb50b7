import { expect } from 'chai';
import { FILE, LEAST, loadGood } from './load-text.ts';

const warned = (lines: string): string[] =>
  loadGood(`${LEAST}${lines}\n`).warnings.map((line) => line.replace(/^.*?: /, ''));

/** Lines, and the one warning that they give: the key and what it says. */
const UNWISE: readonly (readonly [lines: string, key: string, why: string])[] = [
  [
    'dataSnapshotExchangeInterval=20\nsnapshotRequestTimeout=9',
    'dataSnapshotExchangeInterval',
    'is shorter than heartbeatExchangeInterval',
  ],
  ['httpReadTimeout=120.1', 'httpReadTimeout', 'is longer than the 120 s after which a silent peer is down'],
  ['consecutiveHeartbeatMissesAllowed=3', 'httpReadTimeout', 'is longer than the 90 s'],
  ['httpConnectionTimeout=121', 'httpConnectionTimeout', 'is longer than the 120 s'],
  ['crossDCInitDelay=121', 'crossDCInitDelay', 'is longer than the 120 s'],
  ['snapshotRequestTimeout=181', 'snapshotRequestTimeout', 'is longer than dataSnapshotExchangeInterval'],
  ['appHealthUrl=http://127.0.0.1/\nappHealthInterval=120', 'appHealthInterval', 'one failed poll alone'],
  ['appHealthInterval=5', 'appHealthInterval', 'has no effect without appHealthUrl'],
  ['failoverCommandTimeout=5', 'failoverCommandTimeout', 'has no effect without failoverCommand'],
  ['failoverCommandRetries=5', 'failoverCommandRetries', 'has no effect without failoverCommand'],
  ['failoverCommandRetryInterval=5', 'failoverCommandRetryInterval', 'has no effect without failoverCommand'],
  [
    'dataSnapshotSchedule=@hourly\ndataSnapshotExchangeInterval=180',
    'dataSnapshotSchedule',
    'decides when snapshots are asked for',
  ],
  [
    'crossDCOperationMode=0\nfailoverCommand=x\ndataSnapshotSchedule=@hourly',
    'dataSnapshotSchedule',
    'has no effect: a passive gateway',
  ],
  ['crossDCOperationMode=0', 'crossDCOperationMode', 'there is no failoverCommand'],
  ['heartbeatExchangeInterval=444444444.00', 'heartbeatExchangeInterval', 'switches heartbeats off'],
  [
    'consecutiveHeartbeatMissesAllowed=1\nhttpReadTimeout=9',
    'consecutiveHeartbeatMissesAllowed',
    'a single lost heartbeat',
  ],
  [
    'sendDataSnapshotsToOriginDCAtStartup=true\nretainOlderDataSnapshotsAtStartup=false',
    'sendDataSnapshotsToOriginDCAtStartup',
    'sets it aside',
  ],
  ['stateDirectory=./state # local disk', 'stateDirectory', 'everything after the = is the value'],
];

describe('the warnings of a configuration', () => {
  for (const [lines, key, why] of UNWISE) {
    it(`say why ${lines.replaceAll('\n', ' with ')} is hardly meant`, () => {
      const warnings = warned(lines);
      expect(warnings).to.have.length(1);
      expect(warnings[0])
        .to.match(new RegExp(`^${key}: `))
        .and.contain(why);
    });
  }

  for (const wise of [
    '',
    'httpReadTimeout=120\nhttpConnectionTimeout=120\ncrossDCInitDelay=120',
    'dataSnapshotExchangeInterval=30\nsnapshotRequestTimeout=30',
    'dataSnapshotExchangeInterval=888888888',
    'dataSnapshotSchedule=* * * * *',
    'appHealthUrl=http://127.0.0.1/\nappHealthInterval=119',
    'crossDCOperationMode=0\nfailoverCommand=run --now # now',
    'failoverCommand=x\nfailoverCommandTimeout=1\nfailoverCommandRetries=0\nfailoverCommandRetryInterval=0',
  ]) {
    it(`are none for ${wise === '' ? 'the least configuration' : wise.replaceAll('\n', ' with ')}`, () => {
      expect(warned(wise)).to.deep.equal([]);
    });
  }

  it('stand where the key is given, and at the file where a default is concerned', () => {
    const { warnings } = loadGood(`${LEAST}heartbeatExchangeInterval=20\n`, { set: ['httpConnectionTimeout=81'] });
    expect(warnings.map((line) => line.split(': ')[0])).to.deep.equal(['--set', FILE]);
  });

  it('come with one notice, however many keys this program has no use for', () => {
    const lines = 'dataSnapshotJdbcDriverLib=x.jar\ndataSnapshotJdbcClassName=a.b.C\n';
    expect(loadGood(LEAST + lines).notices).to.deep.equal([
      `${FILE}:3: dataSnapshotJdbcDriverLib: and dataSnapshotJdbcClassName are ignored: this program needs no JDBC driver`,
    ]);
    expect(loadGood(`${LEAST}dataSnapshotJdbcClassName=x\n`).notices[0]).to.contain(
      'dataSnapshotJdbcClassName: is ignored',
    );
    expect(loadGood(LEAST).notices).to.deep.equal([]);
  });
});
