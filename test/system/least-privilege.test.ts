import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { PROJECT } from '../support/project.ts';
import { useStage } from '../support/stage.ts';
import { describeWithTool, findTool, runTool } from '../support/tools.ts';

/** Any that is not root's; it need not have a name. */
const USER = 65_534;

/** Where the tests may mount nothing there is no read-only root either: in most containers, and without being root. */
function whyNot(): string | null {
  for (const tool of ['unshare', 'setpriv']) if (findTool(tool) === null) return `${tool} is not installed`;
  if (process.getuid?.() !== 0) return 'it needs root';
  const { status } = spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -o remount,bind,ro /']);
  if (status !== 0) return 'this machine does not let us mount';
  // The other user must get at Node.js and at the compiled program.
  const asUser = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups'];
  const reads = spawnSync('setpriv', [...asUser, process.execPath, '-p', '1'], { cwd: PROJECT });
  return reads.status === 0 ? null : 'another user may not read this checkout';
}

describe('a gateway with nothing but what it needs', () => {
  const reason = whyNot();
  if (reason !== null) {
    it(`did not run: ${reason}`, () => {
      console.log(`      a gateway with nothing but what it needs: did not run, because ${reason}`);
    });
    return;
  }
  const stage = useStage();

  /** As the systemd unit and the container start it: another user, no capability, nothing to write to but its state. */
  function confine(gateway: GatewayProcess): void {
    chmodSync(gateway.site.folder, 0o711);
    mkdirSync(gateway.stateFolder, { mode: 0o700 });
    chownSync(gateway.stateFolder, USER, USER);
    const script = [
      `chown ${USER} '${gateway.configFile}'`,
      'mount --bind "$0" "$0"',
      'mount -o remount,bind,ro /',
      // /tmp and /dev/shm may be mounts of their own, which stay as they are: they are taken away by an empty one.
      'for place in /tmp /dev/shm /var/tmp; do case "$0" in "$place"/*) ;; *) mount -t tmpfs -o ro none "$place" || true ;; esac; done',
      'umask 0077; ulimit -c 0',
      `exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"`,
    ];
    const start = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script.join('\n')];
    gateway.wrapper = [...start, gateway.stateFolder];
  }

  it('does all its work as another user, with a read-only root, without capabilities and new privileges', async () => {
    const pair = await Pair.create(stage, { dc1: { failoverCommand: 'echo done' } });
    const { dc1, dc2 } = pair;
    confine(dc1);
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();

    const status = readFileSync(`/proc/${dc1.pid}/status`, 'utf8');
    expect(status).to.match(new RegExp(`^Uid:\\s+${USER}\\s+${USER}\\s+${USER}\\s+${USER}$`, 'm'));
    expect(status).to.match(/^NoNewPrivs:\s+1$/m);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).to.match(new RegExp(`^${set}:\\s+0+$`, 'm'));
    const mounts = readFileSync(`/proc/${dc1.pid}/mounts`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    const root = mounts.filter(([, place]) => place === '/').at(-1);
    expect(root?.[3]?.split(','), 'the root file system').to.include('ro');

    await dc1.putReplicated('orders', 'state of dc1');
    await dc2.putReplicated('orders', 'state of dc2');
    expect((await dc1.api('/v1/peers/dc2/snapshots/orders')).body.toString()).to.equal('state of dc2');
    await dc2.kill9();
    expect((await dc1.events.until('failover-command')).data).to.include({ outcome: 'succeeded' });
    expect(await dc1.stop()).to.deep.equal({ status: 0, signal: null });
    expect(dc1.log.all.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('says what is wrong when not even its state may be written, and ends', async () => {
    const { dc1 } = await Pair.create(stage);
    confine(dc1);
    dc1.keys.stateDirectory = join(dc1.site.folder, 'elsewhere');
    dc1.spawn();
    expect(await dc1.untilEnded()).to.deep.equal({ status: 1, signal: null });
    const line = dc1.log.all.find(({ msg }) => msg === 'the gateway cannot run');
    expect(JSON.stringify(line)).to.include(dc1.keys.stateDirectory);
  });
});

describeWithTool('systemd-analyze', 'the systemd unit', (tool) => {
  const unit = join(PROJECT, 'opt/systemd/crossdc.service');

  it('has nothing that systemd does not know', () => {
    const { status, output } = runTool(tool, ['verify', '--man=no', unit], { timeout: 20_000 });
    expect(output.split('\n').filter((line) => line.includes('crossdc'))).to.deep.equal([]);
    expect(status).to.equal(0);
  });

  it('leaves little for whoever gets into the process to use', () => {
    const help = runTool(tool, ['--help'], { timeout: 20_000 }).stdout;
    if (!help.includes('--offline')) return;
    const { stdout } = runTool(tool, ['security', '--offline=true', '--no-pager', unit], { timeout: 20_000 });
    const [, exposure] = /Overall exposure level for crossdc\.service: ([0-9.]+)/.exec(stdout) ?? [];
    expect(Number(exposure)).to.be.at.most(2);
  });
});
