import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import type { Watermarks } from '../../../src/core/watermarks.ts';
import type { PeerView } from '../../../src/ports/gateway-api.ts';
import type { GatewayProcess } from '../../support/gateway-process.ts';
import { Pair } from '../../support/pair.ts';
import { PROJECT, projectFile } from '../../support/project.ts';
import { Seen, untilShown } from '../../support/seen.ts';
import { useStage, type Stage } from '../../support/stage.ts';
import { describeWithTool } from '../../support/tools.ts';

interface PeerWatermarks {
  readonly watermarks: Watermarks;
}

/** One of the example programs, beside a gateway. */
class Example {
  readonly lines = new Seen<string>();
  readonly #child: ChildProcess;

  constructor(stage: Stage, program: string, path: string, url: string) {
    const child = spawn(program, [join(PROJECT, path)], {
      env: { PATH: process.env.PATH ?? '', CROSSDC_URL: url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.add(line));
    stage.after(() => this.kill());
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}

interface Output {
  readonly workload: string;
  readonly epoch: number;
  readonly output: number;
}

/** What an example published: the outputs of its work, each with the epoch under which it was done. */
function outputs(example: Example, of: string): Output[] {
  return example.lines.all.flatMap((line) => {
    const [, workload = '', epoch, output] = /^(\S+) epoch=(\d+) output=(\d+)$/.exec(line) ?? [];
    return workload === of ? [{ workload, epoch: Number(epoch), output: Number(output) }] : [];
  });
}

const numbers = (published: readonly Output[]): number[] => published.map(({ output }) => output);

/** From the first to the last, each once and in order. */
function expectGapless(published: readonly number[], what: string): void {
  expect(published, what).to.deep.equal(published.map((_, index) => (published[0] ?? 0) + index));
}

async function primary(gateway: GatewayProcess, workload: string): Promise<[number, string | undefined]> {
  const answer = await gateway.api(`/primary?workload=${workload}`);
  return [answer.status, answer.headers['crossdc-epoch'] as string | undefined];
}

/** The death of dc2, its return and its fail-back, as the examples beside both gateways live through them. */
function livesThroughIt(program: string, path: string): void {
  const stage = useStage();

  it('goes on where a dead data centre stopped, and gives the work back without a gap and with nothing twice', async () => {
    const pair = await Pair.running(stage, { dc2: { remoteDataCenterName: 'dc1' } });
    const { dc1, dc2 } = pair;
    const survivor = new Example(stage, program, path, dc1.url);
    const dying = new Example(stage, program, path, dc2.url);
    await dying.lines.until('the first work', (line) => line === 'working on dc2 epoch=1 from count=0');
    await dc2.events.until('snapshot-replicated', ({ origin }) => origin === 'counter');
    await dc2.putReplicated('junk', 'no state of the example');
    // It has posted once, and published since: what dc1 knows of that is the watermark alone.
    await untilShown('the watermark of dc2', async () => {
      const { watermarks } = (await dc1.api('/v1/peers/dc2/watermarks')).json() as PeerWatermarks;
      return (watermarks['dc2.published']?.seq ?? 0) >= 8 || undefined;
    });
    await dc2.kill9();
    await dying.kill();
    const { delivery } = (await dc1.events.until('delivery-done')).data;
    expect(delivery.snapshots.map(({ origin, state }) => [origin, state])).to.deep.equal([
      ['counter', 'acknowledged'],
      ['junk', 'rejected'],
    ]);
    const said = await survivor.lines.until('the takeover', (line) => line.startsWith('takeover of counter from dc2'));
    const [, count = ''] = /: (\d+) at count=\1$/.exec(said) ?? [];
    const published = delivery.watermarks['dc2.published']?.seq ?? 0;
    expect(published, said).to.be.greaterThan(Number(count));
    await survivor.lines.until('its work', (line) => line === `working on dc2 epoch=2 from count=${count}`);
    await survivor.lines.until('its outputs', (line) => line === `dc2 epoch=2 output=${published + 5}`);
    // Nothing is left out, and what is published twice is at most what no heartbeat had told of.
    const before = numbers(outputs(dying, 'dc2'));
    expectGapless(before, 'of the dead one');
    expect(numbers(outputs(survivor, 'dc2'))[0]).to.equal(published + 1);
    expect(published).to.be.at.most(before.at(-1) ?? 0);
    expect(await primary(dc1, 'dc2')).to.deep.equal([200, '2']);

    // It comes back superseded: its application is there, and does nothing.
    const mark = dc2.events.mark;
    await dc2.start();
    const home = new Example(stage, program, path, dc2.url);
    await dc2.events.until('superseded', ({ workload }) => workload === 'dc2', mark);
    const isInSync = ({ state, hearsUs, replication }: PeerView): boolean =>
      state === 'up' && hearsUs === true && replication.pending === 0;
    await dc1.untilPeer('dc2', 'hearing it, and in sync', isInSync);
    expect(await primary(dc2, 'dc2')).to.deep.equal([503, '2']);
    const refused = await dc2.put('counter', '{"count":1}', '?workload=dc2');
    expect([refused.status, (refused.json() as { row?: { owner: string } }).row?.owner]).to.deep.equal([409, 'dc1']);
    await untilShown('the application at home', async () => {
      const [row] = (await dc2.api('/v1/ownership')).json() as { local: { attached: boolean } }[];
      return row?.local.attached === true || undefined;
    });

    const asked = await dc1.api('/v1/ownership/dc2', { method: 'POST', json: { to: 'dc2' } });
    expect(asked.status, asked.body.toString()).to.equal(202);
    await home.lines.until('the return', (line) => line.startsWith('return of counter from dc1: '));
    await home.lines.until('the work at home', (line) => line.startsWith('working on dc2 epoch=3 '));
    const back = await home.lines.until('an output at home', (line) => line.startsWith('dc2 epoch=3 output='));
    expect(await primary(dc2, 'dc2')).to.deep.equal([200, '3']);
    expect(await primary(dc1, 'dc2')).to.deep.equal([503, '3']);
    await survivor.lines.until('the end of the work', (line) => line === 'stopped dc2');

    const away = outputs(survivor, 'dc2');
    expect(new Set(away.map(({ epoch }) => epoch))).to.deep.equal(new Set([2]));
    expect(outputs(home, 'dc2').filter(({ epoch }) => epoch !== 3)).to.deep.equal([]);
    const { data: returned } = await dc2.events.until(
      'delivery-done',
      ({ delivery: { reason } }) => reason === 'return',
    );
    // The put of the very last may have been under way still.
    const last = numbers(away).at(-1) ?? 0;
    expect(returned.delivery.watermarks['dc2.published']?.seq).to.be.oneOf([last - 1, last]);
    const handedOver = [...numbers(away), ...numbers(outputs(home, 'dc2'))];
    expectGapless(handedOver, `around ${back}`);
    expectGapless(numbers(outputs(survivor, 'dc1')), 'of what dc1 does all the time');
  });

  it('that is started again goes on with what it posted itself', async () => {
    const { dc1 } = await Pair.running(stage);
    const first = new Example(stage, program, path, dc1.url);
    await first.lines.until('its outputs', (line) => line === 'dc1 epoch=1 output=3');
    expect((await dc1.api('/v1/snapshot-requests?wait=replicated', { method: 'POST', json: {} })).status).to.equal(200);
    await first.kill();
    const second = new Example(stage, program, path, dc1.url);
    const said = await second.lines.until('its work', (line) => line.startsWith('working on dc1 epoch=1 from count='));
    expect(Number(said.split('=')[2])).to.be.at.least(3);
    await second.lines.until('an output', (line) => line.startsWith('dc1 epoch=1 output='));
    // With a watermark that is durable here, nothing is published twice but what it died between.
    const [last = 0, next = 0] = [numbers(outputs(first, 'dc1')).at(-1), numbers(outputs(second, 'dc1'))[0]];
    expect(next - last, `${last}, then ${next}`).to.be.oneOf([0, 1]);
  });
}

describe('the examples', () => {
  it('are as short as the guide says', () => {
    for (const path of ['node/app.js', 'python/app.py'])
      expect(projectFile(`opt/examples/${path}`).split('\n').length - 1, path).to.be.lessThan(300);
  });
});

describe('the example in Node.js', () => {
  livesThroughIt(process.execPath, 'opt/examples/node/app.js');
});

describeWithTool('python3', 'the example in Python', (python) => {
  livesThroughIt(python, 'opt/examples/python/app.py');
});

describe('the lines of the README', () => {
  const stage = useStage();

  it('are the example of the same name', () => {
    expect(projectFile('README.md')).to.include(`\n\`\`\`js\n${projectFile('opt/examples/node/shortest.js')}\`\`\`\n`);
  });

  it('post a state when they are asked for it, and take one over', async () => {
    const pair = await Pair.running(stage);
    await pair.dc2.putReplicated('theirs', '{"orders":7}');
    new Example(stage, process.execPath, 'opt/examples/node/shortest.js', pair.dc1.url);
    await pair.dc2.kill9();
    await pair.dc1.events.until('takeover-completed');
    await pair.dc1.api('/v1/snapshot-requests', { method: 'POST', json: {} });
    await untilShown('the posted snapshot', async () => (await pair.dc1.status()).outgoing.origins === 1 || undefined);
    const posted = await pair.dc1.api('/v1/snapshots/orders');
    expect(posted.json()).to.deep.equal({ orders: 42, theirs: { orders: 7 }, epoch: 2 });
  });
});
