import { expect } from 'chai';
import { createDelivery } from '../../../src/core/delivery.ts';
import { GatewayError } from '../../../src/errors.ts';
import { fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { fakeForeignRow, fakeRow } from '../../support/fake-ownership.ts';
import { peerView, statusView } from '../../unit/cli/status-view.ts';
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

  it('deliver names the workload that is wanted', async () => {
    gateway.on('POST /v1/deliveries?workload=dc1', json(201, delivery));
    expect((await run('deliver', 'dc2', '--workload', 'dc1')).status).to.equal(0);
    expect(body()).to.deep.equal({ dataCenter: 'dc2' });
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
    gateway.on('GET /v1/ownership', json(200, [fakeRow(), fakeForeignRow()]));
    expect(await run('snapshots', 'request')).to.deep.equal({ status: 0, out: 'snapshots requested: 77\n', err: '' });
    expect(gateway.seen.map(({ body: sent }) => sent.toString('utf8'))).to.deep.equal(['{}', '']);
    gateway.on('GET /v1/ownership', json(500, {}));
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
      placedAt: '2026-01-02T03:04:30.000Z',
      reason: 'an operator\u202e wished it',
      href: '/x',
    };
    gateway.on('GET /v1/peers/dc2/snapshots?history=true&workload=dc3', json(200, [row]));
    const { out } = await run('snapshots', 'list', '--held', 'dc2', '--all', '--workload', 'dc3');
    expect(out).to.match(
      /^orders +dc2 +7 +1 B +60s +set-aside +30s +an operator\\u\{202e\} wished it +- +- +abababababab$/m,
    );
  });

  describe('snapshots list --all', () => {
    const version = {
      workload: 'dc1',
      origin: 'orders',
      version: 7,
      bytes: 2048,
      sha256: 'ab'.repeat(32),
      takenAt: '2026-01-02T03:04:00.000Z',
      position: null,
      labels: {},
      storedAt: '2026-01-02T03:04:00.000Z',
      placedAt: '2026-01-02T03:04:30.000Z',
    };
    const own = [
      { ...version, store: 'outgoing', dataCenter: 'dc1', state: 'live', reason: null },
      { ...version, store: 'returned', dataCenter: 'dc2', state: 'lost', version: 6, reason: 'its bytes are missing' },
    ];
    const held = [
      { ...version, workload: 'dc2', state: 'quarantined', reason: 'rejected: no', href: '/x' },
      { ...version, workload: 'dc9', state: 'held', reason: null, href: '/x' },
    ];
    const damaged = [
      { store: 'held', id: 'dc2/dc2/o/damaged-1', bytes: 99, at: '2026-01-02T03:04:50.000Z', reason: 'its SHA-256' },
    ];
    const peers = [{ ...peerView() }, { ...peerView({ name: 'b:2,c:3' }) }];

    it('shows every version of every store in one table, and what was damaged and is kept', async () => {
      gateway.on('GET /v1/snapshots?history=true', json(200, own));
      gateway.on('GET /v1/peers', json(200, peers));
      gateway.on('GET /v1/peers/dc2/snapshots?history=true', json(200, held));
      gateway.on('GET /v1/damaged', json(200, damaged));
      const { out, status } = await run('snapshots', 'list', '--all');
      expect(status).to.equal(0);
      const [heading] = out.split('\n');
      expect(heading?.split(/ +/)).to.deep.equal([
        'STORE',
        'FROM',
        'ORIGIN',
        'VERSION',
        'BYTES',
        'AGE',
        'STATE',
        'SINCE',
        'WHY',
        'SHA256',
      ]);
      expect(out).to.match(/^outgoing +dc1 +orders +7 +2\.0 KiB +60s +live +30s +- +abababababab$/m);
      expect(out).to.match(
        /^returned +dc2 +orders +6 +2\.0 KiB +60s +lost +30s +its bytes are missing +abababababab$/m,
      );
      expect(out).to.match(/^held +dc2 +orders +7 +2\.0 KiB +60s +quarantined +30s +rejected: no +abababababab$/m);
      expect(out).to.match(/^held +dc2 \(dc9\) +orders +7 /m);
      expect(out).to.match(/^held +99 B +10s +its SHA-256 +dc2\/dc2\/o\/damaged-1$/m);
      const { out: answer } = await run('snapshots', 'list', '--all', '--json');
      expect(JSON.parse(answer)).to.deep.equal({ own, held: [{ peer: 'dc2', snapshots: held }], damaged });
    });

    it('shows what it can when a store is away, says what is missing, and does not call that done', async () => {
      const away = problem(new GatewayError('store-unavailable', 'The store "held" cannot be used.'));
      gateway.on('GET /v1/snapshots?history=true', json(200, own));
      gateway.on('GET /v1/peers', json(200, peers));
      gateway.on('GET /v1/peers/dc2/snapshots?history=true', away);
      gateway.on('GET /v1/damaged', away);
      const { out, err, status } = await run('snapshots', 'list', '--all');
      expect(status).to.equal(1);
      expect(out).to.match(/^outgoing +dc1 +orders /m);
      expect(err).to.match(/^crossdc: not listed: what is held from dc2: .*cannot be used/m);
      expect(err).to.match(/^crossdc: not listed: damaged content: /m);
    });

    it('asks for one workload alone, and then not for what was damaged', async () => {
      gateway.on('GET /v1/snapshots?history=true&workload=dc1', json(200, []));
      gateway.on('GET /v1/peers', json(200, []));
      const { out, status } = await run('snapshots', 'list', '--all', '--workload', 'dc1');
      expect(status).to.equal(0);
      expect(out).to.equal('STORE  FROM  ORIGIN  VERSION  BYTES  AGE  STATE  SINCE  WHY  SHA256\n');
      expect(gateway.lines).not.to.include('GET /v1/damaged');
    });
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
