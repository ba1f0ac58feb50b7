import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Keys } from '../support/gateway-process.ts';
import { httpCall } from '../support/http-call.ts';
import { Pair } from '../support/pair.ts';
import { freePorts } from '../support/ports.ts';
import { crossdc } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';

const TOOLKIT_SAMPLE = new URL('../fixtures/toolkit.conf', import.meta.url);
const ALONE: Keys = { remoteDataCenterApplicationMachineNames: '127.0.0.1:9' };

describe('the configuration of a gateway', () => {
  const stage = useStage();

  it("with nothing but the IBM toolkit's keys starts it on loopback", async () => {
    const [peerPort, localPort] = (await freePorts(2)) as [number, number];
    const folder = stage.folder();
    const gateway = await stage.gateway('dc1', {}, folder);
    const sample = readFileSync(TOOLKIT_SAMPLE, 'utf8')
      .replace('crossDCHttpPort=25091', `crossDCHttpPort=${peerPort}`)
      .replace('/tmp/crossdc-toolkit', folder);
    // Nothing of ours is in the file; where it runs and where it is reached is said beside it.
    gateway.writeConfig = () => writeFileSync(gateway.configFile, sample);
    gateway.environment = { CROSSDC_LOCAL_API_PORT: String(localPort), CROSSDC_STATE_DIRECTORY: join(folder, 'state') };
    gateway.spawn();
    const listening = await gateway.untilLogged('the gateway is listening');
    expect(listening.peer).to.deep.equal({ host: '127.0.0.1', port: peerPort });
    expect(listening.localApi).to.deep.equal({ host: '127.0.0.1', port: localPort });
    await gateway.untilLogged('about the configuration', 0, (line) =>
      String(line.notice).includes('needs no JDBC driver'),
    );
    expect((await httpCall(`http://127.0.0.1:${localPort}/healthz`)).status).to.equal(200);
    expect(await gateway.stop()).to.deep.equal({ status: 0, signal: null });
  });

  it('with several problems: every one is said with its line, exit status 78, and no port was opened', async () => {
    const gateway = await stage.gateway('dc1', {
      ...ALONE,
      heartbeatExchangeIntervall: 1,
      consecutiveHeartbeatMissesAllowed: 'many',
      dataSnapshotHistory: -1,
    });
    gateway.spawn();
    expect(await gateway.ended).to.deep.equal({ status: 78, signal: null });
    const said = gateway.plainLines.join('\n');
    for (const start of [
      ':6: heartbeatExchangeIntervall',
      ':7: consecutiveHeartbeatMissesAllowed',
      ':8: dataSnapshotHistory',
    ]) {
      expect(said).to.include(gateway.configFile + start);
    }
    expect(said).to.include('heartbeatExchangeInterval');
    expect(gateway.log.all).to.deep.equal([]);
    expect(existsSync(gateway.stateFolder)).to.equal(false);
  });

  it('without authentication beyond loopback is refused, with the two lines that are missing', async () => {
    const gateway = await stage.gateway('dc1', {
      remoteDataCenterApplicationMachineNames: '192.0.2.1',
      crossDCHttpHost: '0.0.0.0',
    });
    gateway.spawn();
    expect(await gateway.ended).to.deep.equal({ status: 78, signal: null });
    const said = gateway.plainLines.join('\n');
    expect(said).to.include('remoteDataCenterApplicationMachineNames').and.to.include('crossDCHttpHost');
    expect(said).to.include('peerAuth=key').and.to.include('peerSharedKeyFile=');
  });

  it('with takeoverPolicy=arbitrated, which a later version will have, is refused by its name and line', async () => {
    const gateway = await stage.gateway('dc1', { ...ALONE, takeoverPolicy: 'arbitrated' });
    gateway.spawn();
    expect(await gateway.ended).to.deep.equal({ status: 78, signal: null });
    const lines = readFileSync(gateway.configFile, 'utf8').split('\n');
    const place = `${gateway.configFile}:${lines.indexOf('takeoverPolicy=arbitrated') + 1}`;
    expect(gateway.plainLines).to.include(
      `${place}: takeoverPolicy: must be automatic or manual: arbitrated needs a later version of this program; it is "arbitrated"`,
    );
    expect(existsSync(gateway.stateFolder)).to.equal(false);
  });

  for (const key of ['localApiPort', 'crossDCHttpPort'] as const) {
    it(`whose ${key} is taken: exit status 1, and the log names the key`, async () => {
      const gateway = await stage.gateway('dc1', ALONE);
      const thief = createServer();
      thief.listen(key === 'localApiPort' ? gateway.site.localPort : gateway.site.peerPort, '127.0.0.1');
      await once(thief, 'listening');
      stage.after(() => void thief.close());
      gateway.spawn();
      expect(await gateway.ended).to.deep.equal({ status: 1, signal: null });
      const line = await gateway.untilLogged('the gateway cannot run');
      expect(line.error).to.include(`${key}: port `).and.to.include('is in use by another program');
    });
  }

  it('whose state folder another gateway has: exit status 1 and the holder; that one is dead: no delay', async () => {
    const folder = stage.folder();
    const first = await stage.gateway('dc1', ALONE, folder);
    const second = await stage.gateway('dc1', ALONE, folder);
    await first.start();
    second.spawn();
    expect(await second.ended).to.deep.equal({ status: 1, signal: null });
    const line = await second.untilLogged('the gateway cannot run');
    expect(line.code).to.equal('state-locked');
    expect(line.error).to.include(String(first.pid));
    expect(line.facts).to.include({ pid: first.pid, folder: join(second.stateFolder, 'lock.d') });
    await first.kill9();
    const begunAt = performance.now();
    await second.start();
    expect(performance.now() - begunAt).to.be.below(5000);
  });

  it('whose held folder another gateway has, each with its own state folder: exit status 1, the key and the holder', async () => {
    const held = stage.folder();
    const first = await stage.gateway('dc1', { ...ALONE, dataSnapshotStorageDirectory: held });
    const second = await stage.gateway('dc1', { ...ALONE, dataSnapshotStorageDirectory: held });
    await first.start();
    second.spawn();
    expect(await second.ended).to.deep.equal({ status: 1, signal: null });
    const line = await second.untilLogged('the gateway cannot run');
    expect(line.error).to.include('dataSnapshotStorageDirectory').and.to.include(String(first.pid));
    await first.stop();
    await second.start();
  });

  it('is printed by check-config, and nothing is started', async () => {
    const gateway = await stage.gateway('dc1', { ...ALONE, localApiToken: 'a-very-secret-token' });
    gateway.writeConfig();
    const { status, stdout } = await crossdc('check-config', '--config', gateway.configFile);
    expect(status).to.equal(0);
    expect(stdout).to.include('localDataCenterName').and.not.to.include('a-very-secret-token');
    expect(existsSync(gateway.stateFolder)).to.equal(false);
  });

  it('can be given by the environment; an unknown variable of ours is a warning', async () => {
    const gateway = await stage.gateway('dc1', ALONE);
    gateway.environment = { CROSSDC_APPLICATION_NAME: 'from-environment', CROSSDC_NO_SUCH_KEY: '1' };
    await gateway.start();
    expect((await gateway.status()).application.name).to.equal('from-environment');
    const warned = await gateway.untilLogged('the configuration deserves a look', 0, (line) =>
      String(line.warning).includes('CROSSDC_NO_SUCH_KEY'),
    );
    expect(warned.level).to.equal('warn');
  });

  it('with a metrics listener opens a second port with nothing but metrics and health', async () => {
    const [port] = (await freePorts(1)) as [number];
    const gateway = await stage.gateway('dc1', { ...ALONE, metricsHost: '127.0.0.1', metricsPort: port });
    await gateway.start();
    const metrics = await httpCall(`http://127.0.0.1:${port}/metrics`);
    expect(metrics.body.toString()).to.include('crossdc_build_info');
    expect((await httpCall(`http://127.0.0.1:${port}/healthz`)).status).to.equal(200);
    expect((await httpCall(`http://127.0.0.1:${port}/v1/status`)).status).to.equal(404);
  });

  it('with retainOlderDataSnapshotsAtStartup=false sets aside what was held, and keeps it', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { retainOlderDataSnapshotsAtStartup: false } });
    await dc1.putReplicated('orders', 'state');
    await dc2.stop();
    await dc2.start();
    await untilShown('what was set aside', async () =>
      (await dc2.history('dc1')).some((row) => row.state === 'set-aside') ? true : undefined,
    );
    expect(await dc2.held('dc1')).to.deep.equal([]);
  });
});
