import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { Pair } from '../../support/pair.ts';
import { PROJECT, projectFile } from '../../support/project.ts';
import { Seen, untilShown } from '../../support/seen.ts';
import { useStage, type Stage } from '../../support/stage.ts';
import { describeWithTool } from '../../support/tools.ts';

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

/** The death of dc2 and its return, as the example beside dc1 sees them. */
function takesOver(program: string, path: string): void {
  const stage = useStage();

  it('posts its state, takes over that of a dead data centre, rejects what is none, and gets its own back', async () => {
    const pair = await Pair.running(stage, { dc2: { remoteDataCenterName: 'dc1' } });
    const survivor = new Example(stage, program, path, pair.dc1.url);
    const dying = new Example(stage, program, path, pair.dc2.url);
    await pair.dc2.events.until('snapshot-replicated');
    await pair.dc1.events.until('snapshot-replicated');
    await pair.dc2.putReplicated('junk', 'no state of the example');
    await pair.dc2.kill9();
    await dying.kill();
    const done = await pair.dc1.events.until('delivery-done');
    expect(done.data.delivery.snapshots.map(({ origin, state }) => [origin, state])).to.deep.equal([
      ['counter', 'acknowledged'],
      ['junk', 'rejected'],
    ]);
    const said = await survivor.lines.until('the takeover', (line) =>
      /^takeover of counter from dc2: \d+ at count=\d+$/.test(line),
    );
    expect(said).to.match(/: (\d+) at count=\1$/);

    // Its state is returned before its application is there; the open delivery is announced when it connects.
    const mark = pair.dc1.events.mark;
    await pair.dc2.start();
    await pair.dc1.events.until('peer-up', () => true, mark);
    expect((await pair.dc1.api('/v1/peers/dc2/return', { method: 'POST' })).status).to.equal(202);
    await pair.dc2.events.until('delivery', ({ delivery }) => delivery.reason === 'return');
    const back = new Example(stage, program, path, pair.dc2.url);
    await back.lines.until('the return', (line) => line.startsWith('return of counter from dc1: '));
    await pair.dc2.events.until('delivery-done', ({ delivery }) => delivery.reason === 'return');
  });
}

describe('the example in Node.js', () => {
  takesOver(process.execPath, 'opt/examples/node/app.js');

  it('is as short as the guide says', () => {
    expect(projectFile('opt/examples/node/app.js').split('\n').length - 1).to.be.lessThan(80);
  });
});

describeWithTool('python3', 'the example in Python', (python) => {
  takesOver(python, 'opt/examples/python/app.py');
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
    await pair.dc1.events.until('delivery-done');
    await pair.dc1.api('/v1/snapshot-requests', { method: 'POST', json: {} });
    await untilShown('the posted snapshot', async () => (await pair.dc1.status()).outgoing.origins === 1 || undefined);
    const posted = await pair.dc1.api('/v1/snapshots/orders');
    expect(posted.json()).to.deep.equal({ orders: 42, theirs: { orders: 7 } });
  });
});
