import { expect } from 'chai';
import fc from 'fast-check';
import { OPTION_KEYS } from '../../../src/config/options.ts';
import { hasControl } from '../../../src/config/parser.ts';
import { FILE, LEAST, loadText, problemsOf } from './load-text.ts';

/** A configuration with this line as its third, and what must be said of that line. */
const WRONG: readonly (readonly [line: string, message: string | RegExp])[] = [
  ['logLevle=info', 'logLevle: is no key of this program; did you mean logLevel?'],
  ['loglevel=info', 'loglevel: is no key of this program; did you mean logLevel?'],
  ['spark.executor.memory=1', 'spark.executor.memory: is no key of this program'],
  ['logLevel.dc2=info', 'logLevel.dc2: is no key of this program; logLevel takes no suffix'],
  ['ns::Main_logLevel=info', /^ns::Main_logLevel: is no key of this program; a key with a prefix belongs into/],
  ['localDataCenterName=dc9', 'localDataCenterName: is given twice, first on line 1; keep one of the two'],
  ['nonsense', 'is no key=value; a comment begins with #'],
  ['logLevel=', 'logLevel: is empty; right is debug, info, warn or error, or no such line at all'],
  ['logLevel=loud', 'logLevel: must be debug, info, warn or error; it is "loud"'],
  ['logLevel="info"', 'logLevel: must be debug, info, warn or error; it is "\\"info\\"" (quotes belong to the value)'],
  [
    'logLevel=info # quiet',
    'logLevel: must be debug, info, warn or error; it is "info # quiet" (a comment stands on a line of its own)',
  ],
  ['crossDCOperationMode=2', 'crossDCOperationMode: must be 1 (active) or 0 (passive); it is "2"'],
  ['crossDCHttpPort=65536', 'crossDCHttpPort: must be a whole number from 0 to 65535; it is "65536"'],
  ['crossDCHttpPort=-1', /must be a whole number/],
  ['crossDCHttpPort=1e3', /must be a whole number/],
  ['crossDCHttpPort=0x10', /must be a whole number/],
  [
    'heartbeatExchangeInterval=0.049',
    /^heartbeatExchangeInterval: must be a number of seconds, at least 0.05 .*; it is "0.049"$/,
  ],
  ['heartbeatExchangeInterval=30s', /must be a number of seconds/],
  ['heartbeatExchangeInterval=Infinity', /must be a number of seconds/],
  ['dataSnapshotExchangeInterval=1,5', /must be a number of seconds/],
  ['httpReadTimeout=0', /must be a number of seconds from 0.01/],
  ['consecutiveHeartbeatMissesAllowed=0', /must be a whole number from 1/],
  ['consecutiveHeartbeatMissesAllowed=1.5', /must be a whole number/],
  ['sendToAllRemoteMachines=yes', 'sendToAllRemoteMachines: must be true or false; it is "yes"'],
  ['dataSnapshotMaxBytes=1GiB', /must be a whole number/],
  ['dataSnapshotSchedule=*/999 * * * *', /must be a cron expression; minute .*; it is "\*\/999 \* \* \* \*"$/],
  ['localApiHost=127.0.0.1:25090', /must be a host name or an IP address, without a port/],
  ['appWebhookUrl=ftp://h/', /must be an http:\/\/ or https:\/\/ URL; it is "ftp:\/\/h\/"/],
  ['appWebhookUrl=//h/', /must be an http/],
  ['stateDirectory="./state"', /must be a path without quotes around it/],
  ['orderlyShutdownSnapshots=archive', /must be keep or delete/],
  ['syncAtStartup=1', 'syncAtStartup: must be true or false; it is "1"'],
  ['syncGracePeriod=0', 'syncGracePeriod: must be a number of seconds from 0.05 to 86400; it is "0"'],
  ['syncRetryInterval=86401', 'syncRetryInterval: must be a number of seconds from 0.05 to 86400; it is "86401"'],
  ['takeoverPolicy=always', 'takeoverPolicy: must be automatic or manual; it is "always"'],
  [
    'takeoverPolicy=arbitrated',
    'takeoverPolicy: must be automatic or manual: arbitrated needs a later version of this program; it is "arbitrated"',
  ],
  [
    'takeoverOrder=dc1,dc 2',
    'takeoverOrder: must be names of data centres, each 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit; it is "dc1,dc 2"',
  ],
  [
    'takeoverOrder=dc1,',
    'takeoverOrder: must be names of data centres, with one comma between two of them; it is "dc1,"',
  ],
  ['takeoverOrder=dc2,dc1,dc2', 'takeoverOrder: names dc2 twice; each data centre has one place; it is "dc2,dc1,dc2"'],
  [
    `takeoverOrder=${Array.from({ length: 65 }, (_, index) => `d${index}`).join()}`,
    /must name at most 64 data centres/,
  ],
  [
    'takeoverMaxHeldAge=0',
    'takeoverMaxHeldAge: must be a number of seconds, at least 0.05 (888888888 or more: off); it is "0"',
  ],
  ['takeoverBlockPeriod=604801', 'takeoverBlockPeriod: must be a number of seconds from 0 to 604800; it is "604801"'],
  ['failback=never', 'failback: must be manual or automatic; it is "never"'],
  ['failbackDelay=-1', 'failbackDelay: must be a number of seconds from 0 to 604800; it is "-1"'],
  ['releaseTimeout=0', 'releaseTimeout: must be a number of seconds from 0.01 to 86400; it is "0"'],
  ['peerAuth=mutual', /must be none, key or tls/],
  ['peerAuth=tls', 'peerAuth: tls needs peerTlsCertFile, peerTlsKeyFile, peerTlsCaFile; crossdc keys ca makes them'],
  [
    'peerAuth=key',
    'peerAuth: key needs peerSharedKeyFile=PATH (or peerSharedKey); crossdc keys generate makes the file',
  ],
  ['peerTlsKeyFile=/x', 'peerTlsKeyFile: needs peerTlsCertFile and peerTlsCaFile as well'],
  ['peerSharedKey=short-one', 'peerSharedKey: key 1 must have at least 32 characters; crossdc keys generate makes one'],
  [
    'peerSharedKeyFile=/x',
    'peerSharedKeyFile: "/x" cannot be read: there is no such file; crossdc keys generate --output /x makes it',
  ],
  [
    'dataSnapshotJdbcUrl=jdbc:db2://h:50000/x',
    'dataSnapshotJdbcUrl: the database "db2" is not supported; the store can be in PostgreSQL only: jdbc:postgresql://HOST:PORT/DATABASE',
  ],
  ['dataSnapshotJdbcUrl=jdbc:oracle:thin:@h:1521:x', /the database "oracle" is not supported/],
  ['dataSnapshotJdbcUrl=mysql://h/x', /the database "mysql" is not supported/],
  ['dataSnapshotJdbcUrl=jdbc:postgresql://h/x', /^dataSnapshotJdbcUrl: names no user; give dataSnapshotJdbcUser/],
  ['dataSnapshotJdbcUrl=postgres://u:hun/ter2@h/x', /^dataSnapshotJdbcUrl: must be jdbc:postgresql:(?!.*ter2)/],
  ['dataSnapshotJdbcUrl=x', /^dataSnapshotJdbcUrl: must be jdbc:postgresql:[^"]*$/],
  ['dataSnapshotJdbcPasswordFile=/x', /^dataSnapshotJdbcPasswordFile: "\/x" cannot be read: there is no such file$/],
  ['dataSnapshotTableName=a.b.c', /^dataSnapshotTableName: must be NAME or SCHEMA.NAME, .*; it is "a.b.c"$/],
  ['dataSnapshotPrimaryKeyColumnName=version', /^dataSnapshotPrimaryKeyColumnName: must be the name of a column/],
  [
    'snapshotScrubInterval=0',
    /^snapshotScrubInterval: must be a number of seconds, at least 1 \(888888888 or more: off\)/,
  ],
  [
    'remoteDataCenterApplicationMachineNames.dc3=10.0.0.1',
    /^remoteDataCenterApplicationMachineNames.dc3: 10.0.0.1 is no loopback address/,
  ],
];

describe('the problems of a configuration', () => {
  for (const [line, message] of WRONG) {
    it(`are said of ${line}`, () => {
      const problems = problemsOf(`${LEAST}${line}\n`);
      expect(problems).to.have.length(1);
      const [problem = ''] = problems;
      expect(problem.startsWith(`${FILE}:3: `), problem).to.equal(true);
      const said = problem.slice(`${FILE}:3: `.length);
      if (typeof message === 'string') expect(said).to.equal(message);
      else expect(said).to.match(message);
    });
  }

  it('are all reported at once, in the order of the sources and lines', () => {
    const text = 'logLevel=loud\nwhat\ncrossDCHttpPort=x\nlogFromat=json\nlogLevel=info\ntakeoverPolicy=arbitrated\n';
    const problems = problemsOf(text, { set: ['logFormat=xml'], environment: { CROSSDC_LOCAL_API_PORT: 'y' } });
    expect(problems.map((line) => line.split(': ').slice(0, 2).join(' '))).to.deep.equal([
      '--set logFormat',
      'environment CROSSDC_LOCAL_API_PORT',
      `${FILE}:1 logLevel`,
      `${FILE}:2 is no key=value; a comment begins with #`,
      `${FILE}:3 crossDCHttpPort`,
      `${FILE}:4 logFromat`,
      `${FILE}:5 logLevel`,
      `${FILE}:6 takeoverPolicy`,
      `${FILE} localDataCenterName`,
      `${FILE} remoteDataCenterApplicationMachineNames`,
    ]);
  });

  it('name a required key that is missing, with an example', () => {
    expect(problemsOf('')).to.deep.equal([
      `${FILE}: localDataCenterName: is required and not given; right is 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit, for example localDataCenterName=dc1`,
      `${FILE}: remoteDataCenterApplicationMachineNames: is required and not given; right is host or host:port, separated by commas, for example remoteDataCenterApplicationMachineNames=127.0.0.1:25191`,
    ]);
  });

  it('do not follow from each other: a wrong value is complained of once', () => {
    const text = `${LEAST}localApiHost=0.0.0.0\nlocalApiToken=a b\ncrossDCHttpPort=x\n`;
    expect(problemsOf(text)).to.have.length(2);
  });

  it('never show the user and password of a URL', () => {
    for (const url of ['https://me:hunter2@h/', 'ftp://me:hunter2@h/', 'https://me:hun@ter2@h:99999/']) {
      expect(problemsOf(`${LEAST}appWebhookUrl=${url}\n`).join()).not.to.match(/hun|ter2/);
    }
  });

  it('are cut where a file is something else altogether', () => {
    const problems = problemsOf(Array.from({ length: 5000 }, (_, index) => `key${index}=1\n`).join(''));
    expect(problems).to.have.length(201);
    expect(problems.at(-1)).to.equal('… and 4802 more of the kind');
    expect(problemsOf(`${'k'.repeat(500_000)}=1\n`)[0]?.length).to.be.below(400);
  });

  it('come as a value, never as an exception, whatever the sources hold', () => {
    const key = fc.oneof(
      fc.constantFrom(...OPTION_KEYS, 'localApiTokenFile', 'remoteDataCenterApplicationMachineNames.dc3', '__proto__'),
      fc.string(),
    );
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer().map(String),
      fc.double().map(String),
      fc.ipV6(),
      fc.webUrl(),
      fc.constantFrom('', 'true', '0', '127.0.0.1', 'dc1', '* * * * *', '[::1]:1,localhost', '/dev/null', FILE),
    );
    const pair = fc.tuple(key, value).map(([name, text]) => `${name}=${text}`);
    fc.assert(
      fc.property(fc.array(pair), fc.array(pair, { maxLength: 3 }), (rows, set) => {
        const loaded = loadText(`${LEAST}${rows.join('\n')}`, { set });
        if (!loaded.ok) {
          expect(loaded.problems).not.to.deep.equal([]);
          // A control character other than a tab would be obeyed by a terminal.
          expect(loaded.problems.filter(hasControl)).to.deep.equal([]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
