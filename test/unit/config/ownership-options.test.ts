import { expect } from 'chai';
import { FILE, LEAST, configOf, loadGood, problemsOf } from './load-text.ts';

const MACHINES = 'remoteDataCenterApplicationMachineNames';
/** Three data centres whose names are all given. */
const NAMED = `localDataCenterName=dc1\n${MACHINES}.dc2=127.0.0.1:1\n${MACHINES}.dc3=127.0.0.1:2\n`;
const warned = (lines: string): string[] =>
  loadGood(`${LEAST}${lines}\n`).warnings.map((line) => line.replace(/^.*?: /, ''));

describe('the keys of ownership', () => {
  it('become the values of the services', () => {
    const lines = [
      'syncAtStartup=true',
      'syncGracePeriod=0.05',
      'syncRetryInterval=86400',
      'takeoverPolicy=manual',
      'takeoverMaxHeldAge=600.5',
      'takeoverBlockPeriod=0',
      'failback=automatic',
      'failbackDelay=0',
      'releaseTimeout=0.01',
    ];
    expect(configOf(`${LEAST}${lines.join('\n')}\n`)).to.include({
      syncAtStartup: true,
      syncGracePeriodMs: 50,
      syncRetryIntervalMs: 86_400_000,
      takeoverPolicy: 'manual',
      takeoverMaxHeldAgeMs: 600_500,
      takeoverBlockPeriodMs: 0,
      failback: 'automatic',
      failbackDelayMs: 0,
      releaseTimeoutMs: 10,
    });
  });

  it('take each bound itself', () => {
    const largest = configOf(
      `${LEAST}syncAtStartup=true\nsyncGracePeriod=86400\nsyncRetryInterval=0.05\ntakeoverBlockPeriod=604800\n` +
        'failback=automatic\nfailbackDelay=604800\nreleaseTimeout=86400\n',
    );
    expect(largest).to.include({
      syncGracePeriodMs: 86_400_000,
      syncRetryIntervalMs: 50,
      takeoverBlockPeriodMs: 604_800_000,
      failbackDelayMs: 604_800_000,
      releaseTimeoutMs: 86_400_000,
    });
  });

  it('have a way to say that held state may be of any age where a weaker source sets a limit', () => {
    const limited = `${LEAST}takeoverMaxHeldAge=600\n`;
    expect(configOf(limited).takeoverMaxHeldAgeMs).to.equal(600_000);
    expect(configOf(limited, { set: ['takeoverMaxHeldAge=888888888'] }).takeoverMaxHeldAgeMs).to.equal(Infinity);
    expect(configOf(`${LEAST}takeoverMaxHeldAge=0.05\n`).takeoverMaxHeldAgeMs).to.equal(50);
  });

  for (const extra of [
    { set: ['takeoverPolicy=arbitrated'] },
    { environment: { CROSSDC_TAKEOVER_POLICY: 'arbitrated' } },
  ]) {
    it(`refuse takeoverPolicy=arbitrated from ${Object.keys(extra).join()}, and say what can be set`, () => {
      const [problem, ...others] = problemsOf(LEAST, extra);
      expect(problem).to.contain('must be automatic or manual: arbitrated needs a later version');
      expect(others).to.deep.equal([]);
    });
  }
});

describe('takeoverOrder', () => {
  const orderOf = (order: string, file = NAMED): readonly string[] =>
    configOf(`${file}takeoverOrder=${order}\n`).takeoverOrder;
  const refused = (order: string, file = NAMED): string => {
    const problems = problemsOf(`${file}takeoverOrder=${order}\n`);
    expect(problems).to.have.length(1);
    return problems.join();
  };

  it('keeps the order in which the names stand, and need not have all of them', () => {
    expect(orderOf('dc3, dc1 ,dc2')).to.deep.equal(['dc3', 'dc1', 'dc2']);
    expect(orderOf('dc2')).to.deep.equal(['dc2']);
  });

  it('is refused with a name that no data centre has, and says which there are', () => {
    expect(refused('dc2,dc4,dc5')).to.equal(
      `${FILE}:4: takeoverOrder: names "dc4", "dc5", and the data centres of this configuration are "dc1", "dc2", "dc3"`,
    );
    expect(refused('DC2')).to.contain('names "DC2"');
    expect(refused('dc3', `${LEAST}remoteDataCenterName=dc2\n`)).to.contain('are "dc1", "dc2"');
  });

  it('may name one peer whose name is learned, and no second one', () => {
    expect(orderOf('dc9,dc1', LEAST)).to.deep.equal(['dc9', 'dc1']);
    expect(refused('dc8,dc1,dc9', LEAST)).to.contain(
      `${FILE}:3: takeoverOrder: names "dc8", "dc9", of which only one can be the peer whose name is learned; give remoteDataCenterName`,
    );
    expect(orderOf('dc4,dc3', `${LEAST}${MACHINES}.dc3=127.0.0.1:3\n`)).to.deep.equal(['dc4', 'dc3']);
  });

  it('is not complained of where another name is wrong', () => {
    for (const file of [`${LEAST}remoteDataCenterName=d c\n`, NAMED.replace('=dc1', '=d c')]) {
      const [problem, ...others] = problemsOf(`${file}takeoverOrder=dc1,dc2\n`);
      expect(problem).to.contain('DataCenterName: must be 1 to 64');
      expect(others).to.deep.equal([]);
    }
  });
});

/** Lines, and the keys that are said to have no effect. */
const INEFFECTIVE: readonly (readonly [lines: string, keys: readonly string[], why: string])[] = [
  ['syncGracePeriod=30', ['syncGracePeriod'], 'without syncAtStartup=true'],
  ['syncAtStartup=false\nsyncRetryInterval=30', ['syncRetryInterval'], 'without syncAtStartup=true'],
  ['failbackDelay=30', ['failbackDelay'], 'without failback=automatic'],
  [
    'takeoverPolicy=manual\ntakeoverOrder=dc2\ntakeoverBlockPeriod=1',
    ['takeoverOrder', 'takeoverBlockPeriod'],
    'with takeoverPolicy=manual: nothing is taken over by itself',
  ],
  [
    'crossDCOperationMode=0\nfailoverCommand=x\ntakeoverPolicy=automatic\ntakeoverOrder=dc2\ntakeoverBlockPeriod=1',
    ['takeoverPolicy', 'takeoverOrder', 'takeoverBlockPeriod'],
    ': a passive gateway takes over nothing by itself',
  ],
];

describe('the warnings about ownership', () => {
  for (const [lines, keys, why] of INEFFECTIVE) {
    it(`say what has no effect with ${lines.replaceAll('\n', ' and ')}`, () => {
      const messages = keys.map((key) => `${key}: has no effect${why.startsWith(':') ? '' : ' '}${why}`);
      expect(warned(lines)).to.have.members(messages);
    });
  }

  it('say that an exchange with nothing amiss would be blocked, from the intervals that are set', () => {
    const [warning, ...others] = warned('takeoverMaxHeldAge=299');
    expect(warning).to.match(/^takeoverMaxHeldAge: is shorter than dataSnapshotExchangeInterval .* together, 300 s: /);
    expect(others).to.deep.equal([]);
    expect(warned('takeoverMaxHeldAge=119\ndataSnapshotExchangeInterval=888888888').join()).to.contain('120 s');
    expect(warned('takeoverMaxHeldAge=119\ndataSnapshotSchedule=@hourly').join()).to.contain('120 s');
  });

  for (const wise of [
    'takeoverMaxHeldAge=300',
    'takeoverMaxHeldAge=120\ndataSnapshotSchedule=@hourly',
    'takeoverMaxHeldAge=180\nheartbeatExchangeInterval=444444444',
    'syncAtStartup=true\nsyncGracePeriod=30\nsyncRetryInterval=30',
    'failback=automatic\nfailbackDelay=30\ntakeoverPolicy=manual',
    'takeoverPolicy=manual\ntakeoverMaxHeldAge=600',
    'takeoverOrder=dc2\ntakeoverBlockPeriod=1',
    'crossDCOperationMode=0\nfailoverCommand=x\ntakeoverPolicy=manual\nfailback=automatic\nreleaseTimeout=1',
  ]) {
    it(`are none for ${wise.replaceAll('\n', ' with ')}`, () => {
      expect(warned(wise).filter((line) => !line.startsWith('heartbeatExchangeInterval'))).to.deep.equal([]);
    });
  }
});
