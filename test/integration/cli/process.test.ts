import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { statusView } from '../../unit/cli/status-view.ts';
import { events, json, ScriptedGateway } from './scripted-gateway.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** The real program as a process of its own. */
function start(...argv: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
  const outcome = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (outcome.out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (outcome.err += chunk.toString('utf8')));
  const ended = once(child, 'close').then(([status, signal]) => ({
    ...outcome,
    status: status as number | null,
    signal: signal as string | null,
  }));
  return { child, ended };
}

describe('the program as a process', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  it('keeps results on stdout, errors on stderr, and gives its exit status', async () => {
    const refused = await start('stauts').ended;
    expect(refused).to.deep.equal({
      out: '',
      err: 'crossdc: unknown command "stauts"; did you mean "status"? (crossdc --help)\n',
      status: 2,
      signal: null,
    });
    gateway.on('GET /v1/status', json(200, statusView()));
    const asked = await start('status', '--json', '--url', gateway.url).ended;
    expect({ ...asked, out: JSON.parse(asked.out) as unknown }).to.deep.equal({
      out: statusView(),
      err: '',
      status: 0,
      signal: null,
    });
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends a command that follows with status 0 at ${signal}`, async () => {
      const sent = { id: 3, at: '2026-01-02T03:04:05.678Z', type: 'peer-up', dataCenter: 'dc2' };
      gateway.on('GET /v1/events?after=0&limit=500', json(200, { events: [] }));
      gateway.on('GET /v1/events', events(`id: 3\ndata: ${JSON.stringify(sent)}\n\n`, 'stay'));
      const { child, ended } = start('events', '--follow', '--json', '--url', gateway.url);
      await once(child.stdout, 'data');
      child.kill(signal);
      expect(await ended).to.deep.equal({ out: `${JSON.stringify(sent)}\n`, err: '', status: 0, signal: null });
    });
  }

  it('ends quietly when its reader goes away', async () => {
    const many = Array.from({ length: 20_000 }, (_, id) => ({ id: id + 1, at: 'x'.repeat(100), type: 'peer-up' }));
    gateway.on('GET /v1/events?after=0&limit=500', json(200, { events: many }));
    const { child, ended } = start('events', '--json', '--url', gateway.url);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await ended).to.include({ err: '', status: 1, signal: null });
  });
});
