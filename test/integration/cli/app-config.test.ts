import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crossdc } from './memory-io.ts';

const PREFIX = 'com.acme.test::MyTest1_';

describe('--app-config and --set', () => {
  let folder: string;
  let appConfig: string;
  let config: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crossdc-cli-'));
    appConfig = join(folder, 'applications.conf');
    config = join(folder, 'dc1.conf');
    const lines = [
      `${PREFIX}localDataCenterName=dc1`,
      `${PREFIX}remoteDataCenterApplicationMachineNames=127.0.0.1:25191`,
      `${PREFIX}crossDCHttpPort=25101`,
      `${PREFIX}logLevel=error`,
      'com.acme.test::MyTest2_localDataCenterName=other',
    ];
    await writeFile(appConfig, lines.map((line) => `${line}\n`).join(''));
    await writeFile(config, 'applicationName=com.acme.test::MyTest1\nlogLevel=warn\n');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('give their keys to check-config: the file is stronger than the one, and weaker than the other', async () => {
    const sets = ['--set', 'crossDCHttpPort=25103', '--set', 'localApiPort=25104'];
    const argv = ['check-config', '--config', config, '--app-config', appConfig, '--json', ...sets];
    const { status, out, err } = await crossdc(argv);
    expect(status, err).to.equal(0);
    const rows = JSON.parse(out) as { key: string; value: string; source: string }[];
    const sourceOf = (wanted: string): string => {
      const found = rows.find(({ key }) => key === wanted);
      return `${found?.value} from ${found?.source}`;
    };
    expect(sourceOf('localDataCenterName')).to.equal(`dc1 from ${appConfig}:1`);
    expect(sourceOf('logLevel')).to.equal(`warn from ${config}:2`);
    expect(sourceOf('crossDCHttpPort')).to.equal('25103 from --set');
    expect(sourceOf('localApiPort')).to.equal('25104 from --set');
  });

  it('are read by run too: what is wrong in them is said with its place, and the exit status is 78', async () => {
    await writeFile(appConfig, `${PREFIX}localDataCenterName=dc 1\n`);
    const argv = ['run', '--config', config, '--app-config', appConfig, '--set', 'heartbeatExchangeInterval=0'];
    const { status, out, err } = await crossdc(argv);
    expect({ status, out }).to.deep.equal({ status: 78, out: '' });
    expect(err).to.contain(`${appConfig}:1: ${PREFIX}localDataCenterName: `);
    expect(err).to.contain('--set: heartbeatExchangeInterval: ');
  });
});
