import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { httpCall } from '../support/http-call.ts';
import { Pair } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { toldSecrets } from '../support/told-secrets.ts';

const fresh = (): string => randomBytes(32).toString('base64url');

describe('a gateway with secrets', () => {
  const stage = useStage();

  function secretFile(folder: string, name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** What other processes of the machine can read of it. */
  function hearProcess(gateway: GatewayProcess): void {
    if (!existsSync('/proc/self/cmdline')) return;
    for (const name of ['cmdline', 'comm', 'status'])
      toldSecrets.hear(`/proc/PID/${name} of ${gateway.name}`, readFileSync(`/proc/${gateway.pid}/${name}`, 'latin1'));
  }

  it('tells nobody of them at level debug: through a refusal, a death, a command, a return and its end', async () => {
    const folder = stage.folder();
    const shared = fresh();
    const environmentOfCommand = join(folder, 'environment');
    const pair = await Pair.create(stage, {
      folder,
      keys: { logLevel: 'debug', alwaysLogHttpErrors: true, peerSharedKeyFile: secretFile(folder, 'shared', shared) },
      dc1: { localApiTokenFile: secretFile(folder, 'token', 'a-token-with-"quotes"-and-100%\n') },
      dc2: { failoverCommand: `env > ${environmentOfCommand}; echo done` },
    });
    const { dc1, dc2 } = pair;
    dc1.token = 'a-token-with-"quotes"-and-100%';
    dc2.token = fresh();
    dc2.environment = { CROSSDC_LOCAL_API_TOKEN: dc2.token, CROSSDC_LOCAL_API_READ_TOKEN: fresh() };
    await Promise.all([dc1.start(), dc2.start()]);
    await pair.untilBothUp();
    await dc1.putReplicated('orders', 'state');
    for (const gateway of [dc1, dc2]) {
      hearProcess(gateway);
      for (const path of ['/v1/status', '/metrics', '/v1/events', '/v1/peers', '/readyz'])
        expect((await gateway.api(path, { headers: { accept: 'application/json, text/plain' } })).status).to.equal(200);
      const refused = await gateway.api('/v1/status', { headers: { authorization: `Bearer ${shared}` } });
      expect(refused.status, 'the wrong secret is not repeated either').to.equal(401);
      await httpCall(`${gateway.peerUrl}/peer/v1/messages`, { method: 'POST', json: { dataCenterOrigin: shared } });
      const asBearer = { authorization: `Bearer ${shared}`, 'crossdc-origin': gateway.token ?? '' };
      await httpCall(`${gateway.peerUrl}/peer/v1/snapshots`, { headers: asBearer });
    }
    await dc1.kill9();
    await dc2.events.until('failover-command');
    const environment = readFileSync(environmentOfCommand, 'utf8');
    expect(environment, 'the command was told its own').to.include('CROSSDC_PEER=dc1');
    toldSecrets.hear('the environment of the failover command', environment);
    const mark = dc2.events.mark;
    await dc1.start();
    await dc2.events.until('peer-up', () => true, mark);
    await Promise.all([dc1.stop(), dc2.stop()]);
    for (const gateway of [dc1, dc2]) {
      const check = await crossdc('check-config', '--config', gateway.configFile, '--probe', '--json');
      expect(check.stdout).to.include('"***"');
      await gateway.dispose();
    }
    expect(toldSecrets.takeFindings()).to.deep.equal([]);
  });

  it('tells no password of a database that refuses or is not there, nor a secret that is wrong', async () => {
    const password = 'p@ss w:rd/"%\'x';
    const gateway = await stage.gateway('dc1', {
      remoteDataCenterApplicationMachineNames: '127.0.0.1:9',
      dataSnapshotJdbcUrl: `postgresql://me:${encodeURIComponent(password)}@127.0.0.1:9/mine`,
      logLevel: 'debug',
    });
    await gateway.start();
    await untilShown('the store is away', async () => ((await gateway.readiness()).status === 503 ? true : undefined));
    await gateway.status();
    await gateway.stop();
    await crossdc('check-config', '--config', gateway.configFile, '--probe');
    const wrong: readonly string[] = [
      'peerSharedKey=too-short-a-key',
      `peerSharedKey=ed25519:dc1:private:${fresh()}=`,
      'localApiToken=with blanks in it',
      'dataSnapshotJdbcPassword=with\u0007bell',
      `dataSnapshotJdbcUrl=postgresql://me:${encodeURIComponent(password)}@127.0.0.1:port/mine`,
      `dataSnapshotJdbcUrl=mysql://me:${encodeURIComponent(password)}@127.0.0.1/mine`,
    ];
    for (const set of wrong) {
      const { status } = await crossdc('check-config', '--config', gateway.configFile, '--set', set);
      expect(status, set).to.equal(78);
    }
    await gateway.dispose();
    expect(toldSecrets.takeFindings()).to.deep.equal([]);
  });

  it('that did tell one would be found in each place where it did', async () => {
    const secret = 'not-so-secret-after-all';
    const gateway = await stage.gateway('dc1', {
      remoteDataCenterApplicationMachineNames: '127.0.0.1:9',
      applicationName: secret,
      localApiToken: secret,
    });
    gateway.token = secret;
    await gateway.start();
    await gateway.status();
    await gateway.put(secret, 'state');
    await gateway.stop();
    await crossdc('check-config', '--config', gateway.configFile);
    await gateway.dispose();
    const found = toldSecrets.takeFindings().join('\n');
    expect(found).to.include('stdout of crossdc check-config has the secret of localApiToken');
    expect(found).to.include(`the answer to GET ${gateway.url}/v1/status (200) has the secret of localApiToken`);
    expect(found).to.match(/^(a name in )?the state folder of dc1.* has the secret of localApiToken$/m);
    expect(found).not.to.include(secret);
  });
});
