import { chmodSync, existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { StatusView } from '../../src/ports/gateway-api.ts';
import type { GatewayProcess, Keys } from '../support/gateway-process.ts';
import { FAST } from '../support/pair.ts';
import { crossdc, PROGRAM, type CommandResult } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';

const TOKEN = 'the-token-of-the-application';
const READ_TOKEN = 'the-token-of-the-dashboard';

describe('the local API of a gateway on a Unix socket', () => {
  const stage = useStage();

  interface Place {
    readonly gateway: GatewayProcess;
    readonly socket: string;
    readonly tokenFile: string;
    /** Runs an operator command with one of the two tokens. */
    readonly as: (token: 'token' | 'read-token' | 'none', ...argv: readonly string[]) => Promise<CommandResult>;
  }

  /** A gateway with a socket and both tokens, that is not started yet. */
  async function onSocket(keys: Keys, folder = stage.folder()): Promise<Place> {
    const gateway = await stage.gateway('dc1', {}, folder);
    const { peerPort } = gateway.site;
    const socket = join(folder, 'api.sock');
    const files = { token: join(folder, 'token'), 'read-token': join(folder, 'read-token') };
    writeFileSync(files.token, `${TOKEN}\n`, { mode: 0o600 });
    writeFileSync(files['read-token'], `${READ_TOKEN}\n`, { mode: 0o600 });
    const all: Keys = {
      ...FAST,
      localDataCenterName: 'dc1',
      crossDCHttpPort: peerPort,
      stateDirectory: gateway.stateFolder,
      localApiSocket: socket,
      localApiTokenFile: files.token,
      localApiReadTokenFile: files['read-token'],
      remoteDataCenterApplicationMachineNames: '127.0.0.1:9',
      ...keys,
    };
    // Nothing of it may be given together with a port, which every other gateway of the tests has.
    gateway.writeConfig = () =>
      writeFileSync(
        gateway.configFile,
        Object.entries(all)
          .map(([key, value]) => `${key}=${value}\n`)
          .join(''),
      );
    const as: Place['as'] = (token, ...argv) =>
      crossdc(...argv, '--url', `unix:${socket}`, ...(token === 'none' ? [] : ['--token-file', files[token]]));
    return { gateway, socket, tokenFile: files.token, as };
  }

  it('is used by the operator commands, with the token for everything or the one that may only read', async () => {
    const { gateway, socket, as } = await onSocket({});
    gateway.spawn();
    const listening = await gateway.untilLogged('the gateway is listening');
    expect(listening.localApi).to.deep.equal({ socket });
    await gateway.untilLogged('the gateway runs');
    expect(lstatSync(socket).mode & 0o7777).to.equal(0o660);

    const file = join(gateway.site.folder, 'orders');
    writeFileSync(file, 'state of today');
    const put = ['snapshots', 'put', 'orders', file] as const;
    expect(await as('token', ...put)).to.include({ status: 0, stderr: '' });
    const got = await as('token', 'snapshots', 'get', 'orders');
    expect(got).to.include({ status: 0, stdout: 'state of today' });

    const status = await as('read-token', 'status', '--json');
    expect(status.status).to.equal(0);
    expect((JSON.parse(status.stdout) as StatusView).dataCenter).to.equal('dc1');
    expect((await as('read-token', 'snapshots', 'list')).stdout).to.contain('orders');
    expect((await as('read-token', 'events')).status).to.equal(0);
    for (const argv of [put, ['snapshots', 'get', 'orders'], ['deliver', 'dc2'], ['shutdown']] as const) {
      const refused = await as('read-token', ...argv);
      expect(refused.status, argv.join(' ')).to.equal(1);
      expect(refused.stderr).to.match(
        /^crossdc: The token may only read: .* Give the one of localApiToken, not that of/,
      );
    }
    const none = await as('none', 'status');
    expect(none.status).to.equal(1);
    expect(none.stderr).to.contain('Give it by CROSSDC_TOKEN or --token-file FILE.');

    expect((await as('token', 'shutdown')).status).to.equal(0);
    expect(await gateway.untilEnded()).to.deep.equal({ status: 0, signal: null });
    expect(existsSync(socket)).to.equal(false);
    expect((await as('token', 'status')).status).to.equal(69);
    const said = [...gateway.log.all.map((line) => JSON.stringify(line)), ...gateway.plainLines].join('\n');
    expect(said).not.to.contain(TOKEN).and.not.to.contain(READ_TOKEN);
  });

  it('is told to the failover command, which reaches the gateway by it', async () => {
    const folder = stage.folder();
    const shown = join(folder, 'shown.json');
    const dc2 = await stage.gateway('dc2', { ...FAST, remoteDataCenterName: 'dc1' }, folder);
    const tokenFile = join(folder, 'token');
    const { gateway } = await onSocket(
      {
        remoteDataCenterName: 'dc2',
        remoteDataCenterApplicationMachineNames: `127.0.0.1:${dc2.site.peerPort}`,
        failoverCommand: `${process.execPath} ${PROGRAM} status --json --token-file ${tokenFile} > ${shown}.part && mv ${shown}.part ${shown}`,
      },
      folder,
    );
    dc2.keys.remoteDataCenterApplicationMachineNames = `127.0.0.1:${gateway.site.peerPort}`;
    gateway.spawn();
    await gateway.untilLogged('the gateway runs');
    await dc2.start();
    await dc2.events.until('peer-up');
    await gateway.untilLogged('event', 0, ({ event }) => (event as { type: string }).type === 'peer-up');
    await dc2.kill9();
    await untilShown('what the command saw', () => Promise.resolve(existsSync(shown) || undefined));
    const status = JSON.parse(readFileSync(shown, 'utf8')) as StatusView;
    expect(status.dataCenter).to.equal('dc1');
    expect(status.peers.map(({ name, state }) => [name, state])).to.deep.equal([['dc2', 'down']]);
  });

  it('whose socket another gateway has: exit status 1, the key and who; that one is dead: no delay', async () => {
    const { gateway: first, socket, as } = await onSocket({});
    const folder = stage.folder();
    const { gateway: second } = await onSocket({ localApiSocket: socket }, folder);
    first.spawn();
    await first.untilLogged('the gateway runs');
    second.spawn();
    expect(await second.ended).to.deep.equal({ status: 1, signal: null });
    const line = await second.untilLogged('the gateway cannot run');
    expect(line.error).to.contain(`localApiSocket: ${socket} is in use by process ${first.pid} `);
    expect((await as('token', 'status')).status).to.equal(0);
    await first.kill9();
    expect(lstatSync(socket).isSocket()).to.equal(true);
    const from = second.log.all.length;
    second.spawn();
    await second.untilLogged('the gateway runs', from);
    expect((await as('token', 'status')).status).to.equal(0);
  });

  it('does not start with a token that every user may read: exit status 78, and what to do', async () => {
    const { gateway, tokenFile } = await onSocket({});
    chmodSync(tokenFile, 0o644);
    gateway.spawn();
    expect(await gateway.ended).to.deep.equal({ status: 78, signal: null });
    const said = gateway.plainLines.join('\n');
    expect(said).to.match(
      new RegExp(`^${gateway.configFile}:\\d+: localApiTokenFile: .*\\(mode 0644\\); chmod 600 ${tokenFile}`, 'm'),
    );
    expect(said).not.to.contain(TOKEN);
  });
});
