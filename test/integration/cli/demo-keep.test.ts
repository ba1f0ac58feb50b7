import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StatusView } from '../../../src/ports/gateway-api.ts';
import { httpCall } from '../../support/http-call.ts';
import { secretsOfConfigFile } from '../../support/known-secrets.ts';
import { toldSecrets } from '../../support/told-secrets.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

describe('crossdc demo --keep', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crossdc-demo-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('leaves both running and says where they answer; Ctrl-C stops and removes everything, with status 0', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'demo', '--keep'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close') as Promise<[number | null, string | null]>;
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    const said = new Promise<void>((resolve, reject) => {
      child.stdout.on('data', () => out.includes('and watch the other.') && resolve());
      void ended.then(() => reject(new Error(`it ended instead:\n${out}`)));
    });
    await said;
    const urls = [...out.matchAll(/^ *dc[12] +(http:\/\/127\.0\.0\.1:\d+\/) /gm)].map((match) => match[1] ?? '');
    expect(urls, out).to.have.length(2);
    for (const url of urls) {
      const status = (await httpCall(`${url}v1/status`, {})).json() as StatusView;
      expect(status.peers.map(({ state }) => state)).to.deep.equal(['up']);
      expect((await httpCall(url, {})).status).to.equal(302);
    }
    const [, where = ''] = /two data centres in (.*)/.exec(out) ?? [];
    const [, port = ''] = /^crossDCHttpPort=(\d+)$/m.exec(await readFile(join(where, 'dc1.conf'), 'utf8')) ?? [];
    const stranger = await httpCall(`http://127.0.0.1:${port}/peer/v1/snapshots`, {});
    expect([stranger.status, (stranger.json() as { type: string }).type]).to.deep.equal([
      401,
      'urn:crossdc:problem:token-missing',
    ]);
    expect((await stat(join(where, 'peer.keys'))).mode & 0o777).to.equal(0o600);
    const secrets = ['dc1', 'dc2'].flatMap((name) => secretsOfConfigFile(join(where, `${name}.conf`)));
    expect(secrets).not.to.deep.equal([]);
    toldSecrets.register(secrets);
    const written = (await readdir(where)).filter((name) => name !== 'peer.keys');
    for (const name of written) toldSecrets.hearFolder(`the demo's ${name}`, join(where, name));
    for (const name of written.filter((each) => each.endsWith('.log')))
      toldSecrets.hear(`the demo's ${name}`, await readFile(join(where, name), 'utf8'));
    toldSecrets.hear('what the demo prints', out);
    toldSecrets.settle();
    child.kill('SIGINT');
    expect(await ended).to.deep.equal([0, null]);
    expect((await readdir(folder)).filter((name) => name.startsWith('crossdc-'))).to.deep.equal([]);
    for (const url of urls) {
      const outcome = await httpCall(url, {}).then(
        () => 'answers',
        () => 'is gone',
      );
      expect(outcome).to.equal('is gone');
    }
  });
});
