import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayProcess, Keys } from '../support/gateway-process.ts';
import { crossdc, type CommandResult } from '../support/program.ts';
import { useStage } from '../support/stage.ts';

const ALONE: Keys = { remoteDataCenterApplicationMachineNames: '127.0.0.1:9' };

describe('check-config --probe', () => {
  const stage = useStage();

  async function probe(
    gateway: GatewayProcess,
    ...more: readonly string[]
  ): Promise<CommandResult & { lines: string[] }> {
    gateway.writeConfig();
    const result = await crossdc('check-config', '--config', gateway.configFile, '--probe', ...more);
    return { ...result, lines: result.stdout.split('\n').filter((line) => /^(ok|failed) /.test(line)) };
  }

  it('says of folders that are not there that they can be made, and makes none', async () => {
    const gateway = await stage.gateway('dc1', ALONE);
    const { status, lines, stdout } = await probe(gateway);
    expect(lines).to.deep.equal([
      `ok      stateDirectory: ${gateway.stateFolder} is not there yet; it can be made`,
      `ok      dataSnapshotStorageDirectory: ${join(gateway.stateFolder, 'held')} is not there yet; it can be made`,
    ]);
    expect(status).to.equal(0);
    expect(stdout, 'the keys come first').to.match(/^KEY /);
    expect(existsSync(gateway.stateFolder)).to.equal(false);
  });

  it('works while a gateway runs on the same folders, and leaves nothing there', async () => {
    const gateway = await stage.gateway('dc1', ALONE);
    await gateway.start();
    const { status, lines } = await probe(gateway);
    expect(lines).to.deep.equal([
      `ok      stateDirectory: ${gateway.stateFolder} can be written`,
      `ok      dataSnapshotStorageDirectory: ${join(gateway.stateFolder, 'held')} can be written`,
    ]);
    expect(status).to.equal(0);
    const names = [...readdirSync(gateway.stateFolder), ...readdirSync(join(gateway.stateFolder, 'held'))];
    expect(names.filter((name) => name.startsWith('.probe'))).to.deep.equal([]);
    expect((await gateway.readiness()).status).to.equal(200);
  });

  it('says everything that is wrong and what to do, with exit status 1', async () => {
    const gateway = await stage.gateway('dc1', ALONE);
    const { folder } = gateway.site;
    writeFileSync(join(folder, 'file'), 'no program');
    gateway.keys.stateDirectory = join(folder, 'file/state');
    writeFileSync(join(folder, 'other'), '');
    gateway.keys.dataSnapshotStorageDirectory = join(folder, 'other');
    gateway.keys.failoverCommand = `LEVEL=1 ${join(folder, 'file')} now`;
    const { status, lines } = await probe(gateway);
    expect(lines).to.deep.equal([
      `failed  stateDirectory: ${join(folder, 'file')} is no folder; name another, or move it away`,
      `failed  dataSnapshotStorageDirectory: ${join(folder, 'other')} is no folder; name another, or move it away`,
      `failed  failoverCommand: cannot be run: ${join(folder, 'file')} is missing, or may not be run (chmod +x)`,
    ]);
    expect(status).to.equal(1);
  });

  it('finds the program of the failover command, and the file of a secret, as JSON too', async () => {
    const gateway = await stage.gateway('dc1', { ...ALONE, failoverCommand: 'true # nothing' });
    const secret = join(gateway.site.folder, 'token');
    writeFileSync(secret, 'a-very-secret-token\n');
    gateway.keys.localApiTokenFile = secret;
    chmodSync(secret, 0o640);
    const open = await probe(gateway, '--json');
    expect(open.stderr).to.include(`open to its group (mode 0640); chmod 600 ${secret}`);
    const { keys, probes } = JSON.parse(open.stdout) as { keys: { key: string }[]; probes: object[] };
    expect(keys[0]?.key).to.equal('localDataCenterName');
    expect(probes.slice(2)).to.deep.equal([
      { key: 'failoverCommand', ok: true, detail: 'true is there and can be run' },
      { key: 'localApiTokenFile', ok: true, detail: `${secret} can be read` },
    ]);
    chmodSync(secret, 0o600);
    gateway.keys.failoverCommand = 'no-such-program-of-ours --now';
    const closed = await probe(gateway);
    expect(closed.lines.slice(2)).to.deep.equal([
      'failed  failoverCommand: cannot be run: no-such-program-of-ours is in no folder of PATH',
      `ok      localApiTokenFile: ${secret} can be read`,
    ]);
    expect(open.stdout + closed.stdout).not.to.include('a-very-secret-token');
  });

  it('says whether the socket of the local API can be made, and makes none', async () => {
    const gateway = await stage.gateway('dc1', ALONE);
    const socket = join(gateway.site.folder, 'api.sock');
    gateway.writeConfig = () =>
      writeFileSync(
        gateway.configFile,
        [
          'localDataCenterName=dc1',
          'remoteDataCenterApplicationMachineNames=127.0.0.1:9',
          `stateDirectory=${gateway.stateFolder}`,
          `localApiSocket=${socket}`,
        ].join('\n'),
      );
    expect((await probe(gateway)).lines.at(-1)).to.equal(`ok      localApiSocket: ${socket} can be made`);
    expect(existsSync(socket)).to.equal(false);
    writeFileSync(socket, 'precious');
    const taken = await probe(gateway);
    expect(taken.lines.at(-1)).to.contain(`failed  localApiSocket: ${socket} is there and is no socket`);
    expect(taken.status).to.equal(1);
  });

  it('says where a database is that does not answer, and no password', async () => {
    const gateway = await stage.gateway('dc1', ALONE);
    gateway.keys.dataSnapshotJdbcUrl = 'postgresql://me:hunter2@127.0.0.1:9/mine';
    const { status, lines, stdout, stderr } = await probe(gateway);
    expect(status).to.equal(1);
    expect(lines[1]).to.match(
      /^failed {2}dataSnapshotJdbcUrl: the database mine at 127\.0\.0\.1:9, table crossdc_snapshot: /,
    );
    expect(stdout).to.include('postgresql://me:***@127.0.0.1:9/mine');
    expect(stdout + stderr).not.to.include('hunter2');
  });

  it('tries nothing while the configuration is wrong: exit status 78', async () => {
    const gateway = await stage.gateway('dc1', { ...ALONE, logLevel: 'loud' });
    const { status, stdout } = await probe(gateway);
    expect({ status, stdout }).to.deep.equal({ status: 78, stdout: '' });
  });
});
