import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

describe('crossdc demo', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crossdc-demo-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** What the demo left in the folder for temporary files; the loader of the tests keeps its cache there too. */
  async function leftovers(): Promise<string[]> {
    return (await readdir(folder)).filter((name) => name.startsWith('crossdc-'));
  }

  function start() {
    // A variable of the environment that a gateway would take for its own must not reach the demo's.
    const env = { ...process.env, TMPDIR: folder, CROSSDC_LOCAL_API_PORT: '1', CROSSDC_URL: 'http://127.0.0.1:1' };
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'demo'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString('utf8')));
    return { child, output, ended: once(child, 'close') as Promise<[number | null, string | null]> };
  }

  /** The gateways' process ids, as the timeline tells them. */
  const gateways = (out: string): number[] => [...out.matchAll(/\(pid (\d+)\)/g)].map((match) => Number(match[1]));

  function isRunning(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }

  it('shows a death, a takeover, a return without the work, its fail-back and an orderly shutdown, and leaves nothing behind', async () => {
    const { output, ended } = start();
    const [status] = await ended;
    expect({ status, err: output.err }, output.out).to.deep.equal({ status: 0, err: '' });
    const steps = [
      'a new key for both',
      'both see each other up',
      'killed with SIGKILL',
      'dc1 is down: 4 heartbeats missed',
      'has taken over the order books of dc1',
      'dc2   dc2 owns dc1 since epoch 2, /primary is 200',
      'dc2   takes orders for both: ',
      'dc1   back on an empty disk, and superseded: dc2 owns dc1 since epoch 2',
      'dc1   /primary is 503, a snapshot for dc1 is refused with 409',
      'crossdc failover dc1 --to dc1',
      'dc1   application has its order books back: ',
      'dc1   dc1 owns dc1 since epoch 3, /primary is 200; 503 in dc2',
      'new orders on top of them',
      'stopped with exit status 0',
      'shows dc2 as left; no alarm',
      'every step was verified',
    ];
    const places = steps.map((step) => output.out.indexOf(step));
    expect(places, output.out).to.not.include(-1);
    expect([...places].sort((a, b) => a - b)).to.deep.equal(places);
    expect(await leftovers()).to.deep.equal([]);
    expect(gateways(output.out)).to.have.length(2);
    expect(gateways(output.out).filter(isRunning)).to.deep.equal([]);
  });

  it('that is interrupted stops everything, leaves nothing behind and does not claim success', async () => {
    const { child, output, ended } = start();
    while (!output.out.includes('take orders')) await once(child.stdout, 'data');
    child.kill('SIGINT');
    const [status] = await ended;
    expect(status).to.equal(1);
    expect(output.out).to.contain('interrupted before everything was shown');
    expect(await leftovers()).to.deep.equal([]);
    expect(gateways(output.out).filter(isRunning)).to.deep.equal([]);
  });
});
