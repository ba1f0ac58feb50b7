import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crossdc, memoryIo } from './memory-io.ts';

describe('check-config', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crossdc-cli-'));
    file = join(folder, 'dc1.conf');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('prints each key with its value and its source, and no secret', async () => {
    await writeFile(
      file,
      'localDataCenterName=dc1\nremoteDataCenterApplicationMachineNames=127.0.0.1:25191\nlocalApiToken=hush\n',
    );
    const io = memoryIo({ CROSSDC_CROSS_DC_HTTP_PORT: '25555' });
    const { status, out, err } = await crossdc(['check-config', '--config', file, '--set', 'logLevel=debug'], io);
    expect(status, err).to.equal(0);
    expect(out).to.match(new RegExp(`^localDataCenterName +dc1 +${file}:1$`, 'm'));
    expect(out).to.match(/^crossDCHttpPort +25555 +environment CROSSDC_CROSS_DC_HTTP_PORT$/m);
    expect(out).to.match(/^logLevel +debug +--set$/m);
    expect(out).to.match(/^localApiToken +\*\*\* /m);
    expect(out + err).not.to.contain('hush');
  });

  it('prints one JSON document with --json', async () => {
    await writeFile(file, 'localDataCenterName=dc1\nremoteDataCenterApplicationMachineNames=127.0.0.1:25191\n');
    const { out } = await crossdc(['check-config', '--json', '--config', file]);
    const rows = JSON.parse(out) as { key: string }[];
    expect(rows.find(({ key }) => key === 'localDataCenterName')).to.deep.equal({
      key: 'localDataCenterName',
      value: 'dc1',
      source: `${file}:1`,
    });
  });

  for (const command of ['check-config', 'run']) {
    it(`says every problem at once and ends with status 78 (${command})`, async () => {
      await writeFile(file, 'localDataCenterNam=dc1\nremoteDataCenterApplicationMachineNames=x:99999999\n');
      const { status, out, err } = await crossdc([command, '--config', file]);
      expect({ status, out }).to.deep.equal({ status: 78, out: '' });
      expect(err)
        .to.contain(`${file}:1: localDataCenterNam: `)
        .and.to.contain(`${file}:2: remoteDataCenterApplicationMachineNames: `);
    });
  }
});
