import { expect } from 'chai';
import { createDelivery } from '../../../src/core/delivery.ts';
import { GatewayError } from '../../../src/errors.ts';
import { fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { statusView } from '../../unit/cli/status-view.ts';
import { crossdc, memoryIo } from './memory-io.ts';
import { json, problem, ScriptedGateway } from './scripted-gateway.ts';

const delivery = createDelivery({
  id: '41',
  reason: 'manual',
  dataCenter: 'dc2',
  createdAt: '2026-01-02T03:04:05.678Z',
  snapshots: [fakeSnapshot('orders', 'abc').stored],
});

describe('the commands that ask the gateway for something', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  const run = (...argv: string[]) => crossdc([...argv, '--url', gateway.url]);
  const body = (): unknown => JSON.parse(gateway.seen.at(-1)?.body.toString('utf8') ?? '');

  it('deliver starts a delivery, of all origins or of those that are named', async () => {
    gateway.on('POST /v1/deliveries', json(201, delivery));
    const { status, out } = await run('deliver', 'dc2');
    expect(status).to.equal(0);
    expect(out)
      .to.contain('delivery 41 manual of dc2, 1 snapshot (3 B), open')
      .and.to.match(/^orders +7 +3 B +54s +pending$/m);
    expect(body()).to.deep.equal({ dataCenter: 'dc2' });
    expect(JSON.parse((await run('deliver', 'dc2', '--origin', 'a', '--origin', 'b/c', '--json')).out)).to.deep.equal(
      delivery,
    );
    expect(body()).to.deep.equal({ dataCenter: 'dc2', origins: ['a', 'b/c'] });
  });

  it('deliver says when nothing is held', async () => {
    gateway.on('POST /v1/deliveries', problem(new GatewayError('nothing-held', 'Nothing is held from dc2.')));
    expect(await run('deliver', 'dc2')).to.deep.equal({
      status: 1,
      out: '',
      err: 'crossdc: Nothing is held: Nothing is held from dc2.\n',
    });
  });

  it('return sends back what is held', async () => {
    const answer = { returnId: '9', snapshots: [{ workload: 'dc2', origin: 'orders', version: 7 }] };
    gateway.on('POST /v1/peers/dc2/return', json(202, answer));
    const { status, out } = await run('return', 'dc2');
    expect(status).to.equal(0);
    expect(out)
      .to.contain('return 9: 1 snapshot on the way to dc2')
      .and.to.match(/^orders +dc2 +7$/m);
    expect(JSON.parse((await run('return', 'dc2', '--json')).out)).to.deep.equal(answer);
  });

  it('snapshots request asks for all origins or for some, with a time of its own', async () => {
    gateway.on('POST /v1/snapshot-requests', json(202, { requestId: '77' }));
    expect(await run('snapshots', 'request')).to.deep.equal({ status: 0, out: 'snapshots requested: 77\n', err: '' });
    expect(body()).to.deep.equal({});
    await run('snapshots', 'request', '--origin', 'a', '--timeout', '2.5');
    expect(body()).to.deep.equal({ origins: ['a'], timeout: 2.5 });
  });

  it('snapshots list shows what is outgoing', async () => {
    const row = {
      workload: 'dc1',
      origin: 'or\u202eders',
      version: 7,
      bytes: 2048,
      sha256: 'ab'.repeat(32),
      takenAt: '2026-01-02T03:04:00.000Z',
      position: 'p 1',
      labels: { shift: 'night' },
      withdrawn: false,
      replication: [{ peer: 'dc2', state: 'stored' }],
    };
    const gone = { ...row, origin: 'gone', bytes: 0, withdrawn: true, position: null, labels: {}, replication: [] };
    gateway.on('GET /v1/snapshots', json(200, [row, gone]));
    const { out } = await run('snapshots', 'list');
    expect(out).to.match(/^or\\u\{202e\}ders +dc1 +7 +2\.0 KiB +60s +dc2 stored +p 1 +shift=night +abababababab$/m);
    expect(out).to.match(/^gone +dc1 +7 +withdrawn +60s +- +- +- +abababababab$/m);
    expect(JSON.parse((await run('snapshots', 'list', '--json')).out)).to.deep.equal([row, gone]);
  });

  it('snapshots list shows what is held, with its history when that is wanted', async () => {
    const row = {
      workload: 'dc2',
      origin: 'orders',
      version: 7,
      bytes: 1,
      sha256: 'ab'.repeat(32),
      takenAt: '2026-01-02T03:04:00.000Z',
      position: null,
      labels: {},
      state: 'set-aside',
      storedAt: '2026-01-02T03:04:00.000Z',
      href: '/x',
    };
    gateway.on('GET /v1/peers/dc2/snapshots?history=true&workload=dc3', json(200, [row]));
    const { out } = await run('snapshots', 'list', '--held', 'dc2', '--all', '--workload', 'dc3');
    expect(out).to.match(/^orders +dc2 +7 +1 B +60s +set-aside +- +- +abababababab$/m);
  });

  it('shutdown waits until nobody listens any more', async () => {
    const busy = problem(new GatewayError('shutting-down', 'On its way out.'));
    gateway.on('GET /v1/status', json(200, statusView()), json(200, statusView()), busy, (response) => {
      response.destroy();
      void gateway.stop();
    });
    gateway.on('POST /v1/messages', json(202, { msg: 'OrderlyShutdown' }));
    expect(await run('shutdown')).to.deep.equal({
      status: 0,
      out: 'the gateway of dc1 has left and is stopped\n',
      err: '',
    });
    expect(gateway.lines).to.deep.equal([
      'GET /v1/status',
      'POST /v1/messages',
      ...Array<string>(3).fill('GET /v1/status'),
    ]);
    expect(JSON.parse(gateway.seen[1]?.body.toString('utf8') ?? '')).to.deep.equal({ msg: 'OrderlyShutdown' });
  });

  it('shutdown takes another run in its place for the end of this one', async () => {
    gateway.on('GET /v1/status', json(200, statusView()), json(200, statusView({ incarnation: 2_000_000_000_000 })));
    gateway.on('POST /v1/messages', json(202, {}));
    expect((await run('shutdown')).status).to.equal(0);
  });

  it('shutdown that is interrupted says so', async () => {
    const io = memoryIo();
    gateway.on('GET /v1/status', json(200, statusView()));
    gateway.on('POST /v1/messages', (response, seen) => {
      io.interrupt();
      return json(202, {})(response, seen);
    });
    expect(await crossdc(['shutdown', '--url', gateway.url], io)).to.include({
      status: 1,
      err: 'crossdc: interrupted\n',
    });
  });
});
