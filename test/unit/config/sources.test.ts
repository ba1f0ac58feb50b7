import { expect } from 'chai';
import { loadConfig } from '../../../src/config/load.ts';
import { FILE, LEAST, configOf, disk, fileError, loadGood, problemsOf } from './load-text.ts';

const APP = '/etc/crossdc/app.conf';
const ENV = '/etc/crossdc/.env';

describe('the sources of a configuration', () => {
  // Each source gives all keys that the weaker ones give, and one more: every one must win over all below it.
  const everything = {
    set: ['logLevel=debug'],
    environment: { CROSSDC_LOG_LEVEL: 'info', CROSSDC_DATA_SNAPSHOT_HISTORY: '11' },
    appConfigFile: APP,
    files: {
      [ENV]: 'CROSSDC_LOG_LEVEL=warn\nCROSSDC_DATA_SNAPSHOT_HISTORY=12\nCROSSDC_LOCAL_API_PORT=22\n',
      [APP]: [
        'logLevel=info',
        'dataSnapshotHistory=14',
        'localApiPort=24',
        'crossDCHttpPort=34',
        'failoverCommandRetries=44',
      ]
        .map((row) => `ns::Main_${row}\n`)
        .join(''),
    },
  };
  const file = `${LEAST}logLevel=error\ndataSnapshotHistory=13\nlocalApiPort=23\ncrossDCHttpPort=33\nfailoverCommand=x\n`;

  it('are, the strongest first: --set, environment, .env, file, app-config file, default', () => {
    const config = configOf(file, everything);
    expect(config.logLevel, '--set').to.equal('debug');
    expect(config.snapshotHistory, 'environment').to.equal(11);
    expect(config.localApiPort, '.env').to.equal(22);
    expect(config.peerPort, 'file').to.equal(33);
    expect(config.failoverCommandRetries, 'app-config file').to.equal(44);
    expect(config.missesAllowed, 'default').to.equal(4);
  });

  it('say of each key where it came from', () => {
    const rows = new Map(loadGood(file, everything).explain.map((row) => [row.key, row.source]));
    expect(rows.get('logLevel')).to.equal('--set');
    expect(rows.get('dataSnapshotHistory')).to.equal('environment CROSSDC_DATA_SNAPSHOT_HISTORY');
    expect(rows.get('localApiPort')).to.equal(`${ENV}:3 CROSSDC_LOCAL_API_PORT`);
    expect(rows.get('crossDCHttpPort')).to.equal(`${FILE}:6`);
    expect(rows.get('failoverCommandRetries')).to.equal(`${APP}:5`);
    expect(rows.get('heartbeatExchangeInterval')).to.equal('default');
  });

  it('are enough without a file', () => {
    const loaded = loadConfig({
      configFile: null,
      set: ['localDataCenterName=dc1'],
      environment: { CROSSDC_REMOTE_DATA_CENTER_APPLICATION_MACHINE_NAMES: 'localhost:1' },
      readFile: disk({}),
    });
    expect(loaded.ok).to.equal(true);
  });

  it('give nothing of the environment unless they are handed one', () => {
    process.env.CROSSDC_LOG_LEVEL = 'debug';
    try {
      expect(configOf(LEAST).logLevel).to.equal('info');
    } finally {
      delete process.env.CROSSDC_LOG_LEVEL;
    }
  });

  it('do not look at a wrong value that a stronger source replaces', () => {
    expect(configOf(`${LEAST}logLevel=loud\n`, { set: ['logLevel=warn'] }).logLevel).to.equal('warn');
  });

  it('take an empty value of a toolkit key as none, so that the next source decides', () => {
    const text = `${LEAST}heartbeatExchangeInterval=\ndataSnapshotJdbcUrl=\n`;
    expect(configOf(text).heartbeatIntervalMs).to.equal(30_000);
    const files = { [APP]: 'ns::Main_heartbeatExchangeInterval=7\n' };
    expect(configOf(text, { appConfigFile: APP, files }).heartbeatIntervalMs).to.equal(7000);
  });

  it('take everything after the first = of a --set as the value', () => {
    expect(configOf(LEAST, { set: ['failoverCommand= A=b ./run '] }).failoverCommand).to.equal('A=b ./run');
  });

  it('report a --set that is no KEY=VALUE without repeating it', () => {
    for (const item of ['hunter2', '=hunter2', '']) {
      expect(problemsOf(LEAST, { set: [item] })).to.deep.equal(['--set: is no KEY=VALUE']);
    }
  });

  it('report control characters in an argument and in a variable', () => {
    const problems = problemsOf(LEAST, { set: ['stateDirectory=a\0b'], environment: { CROSSDC_LOG_LEVEL: 'a\nb' } });
    expect(problems).to.deep.equal([
      '--set: stateDirectory: has a control character in its value; remove it',
      'environment: CROSSDC_LOG_LEVEL: has a control character in its value; remove it',
    ]);
  });

  it('report an unreadable file by its name and why, and do not guess what may be missing in it', () => {
    const load = (error: Error): readonly string[] => {
      const loaded = loadConfig({ configFile: FILE, readFile: disk({ [FILE]: error }) });
      return loaded.ok ? [] : loaded.problems;
    };
    expect(load(fileError('ENOENT'))).to.deep.equal([`${FILE}: cannot be read: there is no such file`]);
    expect(load(fileError('EACCES'))).to.deep.equal([`${FILE}: cannot be read: this user may not read it`]);
    expect(load(fileError('EISDIR'))).to.deep.equal([`${FILE}: cannot be read: it is a folder`]);
    expect(load(new Error('the disk\nburns'))).to.deep.equal([`${FILE}: cannot be read: the disk`]);
    expect(problemsOf(LEAST, { appConfigFile: APP })).to.deep.equal([`${APP}: cannot be read: there is no such file`]);
  });

  it('do without a .env file, and report one that is there and cannot be read', () => {
    expect(configOf(LEAST, { files: { [ENV]: fileError('EISDIR') } }).dataCenter).to.equal('dc1');
    const files = { [ENV]: fileError('EACCES') };
    expect(problemsOf(LEAST, { files })).to.deep.equal([`${ENV}: cannot be read: this user may not read it`]);
  });

  it('pass warnings of unknown variables on, and start all the same', () => {
    const { warnings } = loadGood(LEAST, { environment: { CROSSDC_FOO: '1' } });
    expect(warnings).to.deep.equal(['environment: CROSSDC_FOO: is no variable of this program and was ignored']);
  });
});
