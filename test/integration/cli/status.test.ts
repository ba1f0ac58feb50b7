import { expect } from 'chai';
import { peerView, statusView } from '../../unit/cli/status-view.ts';
import { crossdc, memoryIo } from './memory-io.ts';
import { json, ScriptedGateway } from './scripted-gateway.ts';

const STATUS = 'GET /v1/status';

describe('crossdc status', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  it('prints a table, without colors where nobody looks', async () => {
    gateway.on(STATUS, json(200, statusView()));
    const { status, out, err } = await crossdc(['status', '--url', gateway.url]);
    expect({ status, err }).to.deep.equal({ status: 0, err: '' });
    expect(out)
      .to.match(/^data centre +dc1$/m)
      .and.to.match(/^dc2 +up +5m0s +0.5s ago +yes/m)
      .and.not.to.contain('\u001b');
  });

  it('prints colors at a terminal, unless NO_COLOR is set', async () => {
    gateway.on(STATUS, json(200, statusView()));
    for (const [env, isColored] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
      [{ TERM: 'dumb' }, false],
    ] as const) {
      const io = memoryIo({ ...env });
      io.stdout.isTTY = true;
      const { out } = await crossdc(['status', '--url', gateway.url], io);
      expect(out.includes('\u001b[32mup\u001b[0m'), JSON.stringify(env)).to.equal(isColored);
    }
  });

  it('prints the whole answer with --json', async () => {
    const view = { ...statusView(), somethingNew: 1 };
    gateway.on(STATUS, json(200, view));
    expect(JSON.parse((await crossdc(['status', '--json', '--url', gateway.url])).out)).to.deep.equal(view);
  });

  it('prints again and again with --watch until it is interrupted, also while the gateway is away', async () => {
    gateway.on(
      STATUS,
      json(200, statusView()),
      (response) => response.destroy(),
      json(200, statusView({ peers: [peerView({ state: 'down', reason: 'silence' })] })),
    );
    const io = memoryIo();
    const running = crossdc(['status', '--watch', '--url', gateway.url], io);
    await io.stdout.has('dc2   down');
    io.interrupt();
    const { status, out, err } = await running;
    expect({ status, err }).to.deep.equal({ status: 0, err: '' });
    expect(out.indexOf('dc2   up')).to.be.lessThan(out.indexOf('no gateway answers at'));
  });

  it('prints one JSON document a line with --watch --json', async () => {
    gateway.on(STATUS, json(200, statusView()));
    const io = memoryIo();
    const running = crossdc(['status', '--watch', '--json', '--url', gateway.url], io);
    await io.stdout.has('}\n{');
    io.interrupt();
    const { out } = await running;
    for (const line of out.trimEnd().split('\n')) expect(JSON.parse(line)).to.deep.equal(statusView());
  });

  it('redraws in place at a terminal', async () => {
    gateway.on(STATUS, json(200, statusView()));
    const io = memoryIo();
    io.stdout.isTTY = true;
    const running = crossdc(['status', '--watch', '--url', gateway.url], io);
    await io.stdout.has('\u001b[J\u001b[H');
    io.interrupt();
    expect((await running).out.startsWith('\u001b[2J\u001b[H')).to.equal(true);
  });
});
