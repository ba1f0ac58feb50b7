import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { fakeForeignRow, fakeRow } from '../../support/fake-ownership.ts';
import { statusView } from '../../unit/cli/status-view.ts';
import { crossdc } from './memory-io.ts';
import { json, problem, ScriptedGateway } from './scripted-gateway.ts';

const ORDERS = { workload: 'dc1', origin: 'or\u202eders', state: 'replicated', version: 9 };
const LATE = { workload: 'dc2', origin: 'late', state: 'accepted', version: 7 };
const GONE = { workload: 'dc1', origin: 'gone', state: 'missing', version: null };
const WAIT = 'POST /v1/snapshot-requests?wait=replicated';

const late = (answer: object): ReturnType<typeof problem> =>
  problem(new GatewayError('not-in-time', 'Not in time.', { facts: { answer } }));

const OWNERSHIP = 'GET /v1/ownership';
/** dc1 is back after a takeover: dc2 does its work. */
const SUPERSEDED = [fakeRow({ owner: 'dc2', epoch: 2, primary: false }), fakeForeignRow()];
const NOTHING = 'dc1 owns no workload, so its application is asked for nothing; dc2 does the work of dc1 (epoch 2)';

describe('the commands that ask for fresh snapshots', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  const run = (...argv: string[]) => crossdc([...argv, '--url', gateway.url]);
  beforeEach(() => gateway.on(OWNERSHIP, json(200, [fakeRow(), fakeForeignRow()])));
  const body = (): unknown => JSON.parse(gateway.seen.at(-1)?.body.toString('utf8') ?? '');

  describe('snapshots request --wait', () => {
    it('prints a line per origin', async () => {
      gateway.on(WAIT, json(200, { requestId: '77', rows: [ORDERS] }));
      const { status, out, err } = await run('snapshots', 'request', '--wait', '--origin', 'a', '--timeout', '2.5');
      expect([status, err]).to.deep.equal([0, '']);
      expect(out).to.match(/^ORIGIN .*\nor\\u\{202e\}ders +dc1 +9 +replicated\n$/);
      expect(body()).to.deep.equal({ origins: ['a'], timeout: 2.5 });
    });

    it('fails when one is missing or not replicated, and says which', async () => {
      gateway.on(WAIT, late({ requestId: '77', rows: [ORDERS, LATE, GONE] }));
      const { status, out, err } = await run('snapshots', 'request', '--wait');
      expect(status).to.equal(1);
      expect(out)
        .to.match(/^late +dc2 +7 +accepted, not replicated$/m)
        .and.to.match(/^gone +dc1 +- +missing$/m)
        .and.to.match(/ders +dc1 +9 +replicated$/m);
      expect(err).to.equal(
        'crossdc: not in time: 1 origin not posted, 1 origin posted, but not at every peer that is up\n',
      );
    });

    it('gives the same as JSON, with the same exit status', async () => {
      gateway.on(WAIT, late({ requestId: '77', rows: [GONE] }), json(200, { requestId: '78', rows: [] }));
      const { status, out } = await run('snapshots', 'request', '--wait', '--json');
      expect([status, JSON.parse(out)]).to.deep.equal([1, { requestId: '77', rows: [GONE] }]);
      const done = await run('snapshots', 'request', '--wait', '--json');
      expect([done.status, JSON.parse(done.out)]).to.deep.equal([0, { requestId: '78', rows: [] }]);
    });

    it('has nothing to wait for where no origin is known', async () => {
      gateway.on(WAIT.replace('?', '?workload=dc2&'), json(200, { requestId: '77', rows: [] }));
      expect(await run('snapshots', 'request', '--wait', '--workload', 'dc2')).to.deep.equal({
        status: 0,
        out: 'no origin is known here, so there is nothing to wait for\n',
        err: '',
      });
    });

    it('fails where nothing is owned, and says who does the work', async () => {
      gateway.on(WAIT, json(200, { requestId: '77', rows: [] }));
      gateway.on(OWNERSHIP, json(200, SUPERSEDED));
      const { status, out, err } = await run('snapshots', 'request', '--wait');
      expect([status, out, err]).to.deep.equal([1, '', `crossdc: ${NOTHING}\n`]);
      const told = await run('snapshots', 'request', '--wait', '--json');
      expect([told.status, JSON.parse(told.out)]).to.deep.equal([1, { requestId: '77', rows: [] }]);
    });

    it('without --wait says it too, and does not fail', async () => {
      gateway.on('POST /v1/snapshot-requests', json(202, { requestId: '77' }));
      gateway.on(OWNERSHIP, json(200, SUPERSEDED));
      expect(await run('snapshots', 'request')).to.deep.equal({ status: 0, out: `${NOTHING}\n`, err: '' });
    });

    it('takes one that is contested for owned', async () => {
      const [row] = SUPERSEDED;
      gateway.on(WAIT, json(200, { requestId: '77', rows: [] }));
      gateway.on(OWNERSHIP, json(200, [{ ...row, contestedBy: { ...row, owner: 'dc1' } }]));
      expect((await run('snapshots', 'request', '--wait')).status).to.equal(0);
    });

    it('tells every other refusal', async () => {
      gateway.on(WAIT, problem(new GatewayError('not-owner', 'The workload "dc2" is not owned by "dc1".')));
      const { status, out, err } = await run('snapshots', 'request', '--wait');
      expect([status, out]).to.deep.equal([1, '']);
      expect(err).to.contain('The workload "dc2" is not owned by "dc1".');
    });

    it('takes a 504 of something else for no answer of a gateway', async () => {
      gateway.on(WAIT, json(504, { title: 'Gateway Timeout', status: 504 }));
      const { status, err } = await run('snapshots', 'request', '--wait');
      expect([status, err]).to.deep.equal([1, 'crossdc: Gateway Timeout\n']);
    });
  });

  describe('sync', () => {
    const origin = { workload: 'dc2', origin: 'orders', after: 7, state: 'waiting', version: null };
    const asked = { syncId: 'sync-5', dataCenter: 'dc2', origins: [origin] };
    const held = { ...asked, origins: [{ ...origin, state: 'held', version: 9 }] };

    it('asks, and says for how much', async () => {
      gateway.on('POST /v1/peers/dc2/sync', json(202, asked), json(202, { ...asked, origins: [] }));
      expect(await run('sync', 'dc2')).to.deep.equal({
        status: 0,
        out: 'sync-5: the application of dc2 is asked for 1 origin\n',
        err: '',
      });
      expect((await run('sync', 'dc2')).out).to.equal(
        'sync-5: dc2 knows of no origin, so there is nothing to wait for\n',
      );
    });

    it('says that the peer owns nothing, and fails where that was to be waited for', async () => {
      const nothing = { ...asked, origins: [] };
      gateway.on('POST /v1/peers/dc2/sync', json(202, nothing));
      gateway.on('POST /v1/peers/dc2/sync?wait=held', json(200, nothing));
      gateway.on(OWNERSHIP, json(200, [fakeRow(), fakeForeignRow({ owner: 'dc1', epoch: 3 })]));
      const text = 'dc2 owns no workload, so its application is asked for nothing; dc1 does the work of dc2 (epoch 3)';
      expect(await run('sync', 'dc2')).to.deep.equal({ status: 0, out: `${text}\n`, err: '' });
      expect(await run('sync', 'dc2', '--wait')).to.deep.equal({ status: 1, out: '', err: `crossdc: ${text}\n` });
      const told = await run('sync', 'dc2', '--wait', '--json');
      expect([told.status, JSON.parse(told.out)]).to.deep.equal([1, nothing]);
    });

    it('waits until everything is held, a line per origin', async () => {
      gateway.on('POST /v1/peers/dc2/sync?wait=held&timeout=2.5', json(200, held));
      const { status, out } = await run('sync', 'dc2', '--wait', '--timeout', '2.5');
      expect(status).to.equal(0);
      expect(out).to.match(/^ORIGIN .*\norders +dc2 +9 +held\n$/);
    });

    it('fails when something is not held in time', async () => {
      gateway.on('POST /v1/peers/dc2/sync?wait=held', late(asked));
      const { status, out, err } = await run('sync', 'dc2', '--wait');
      expect([status, err]).to.deep.equal([1, 'crossdc: not in time: 1 origin not held here\n']);
      expect(out).to.match(/^orders +dc2 +- +not held$/m);
      expect(JSON.parse((await run('sync', 'dc2', '--wait', '--json')).out)).to.deep.equal(asked);
    });

    it('says that the peer does not answer', async () => {
      gateway.on('POST /v1/peers/dc2/sync', problem(new GatewayError('peer-unavailable', '"dc2" is down.')));
      expect(await run('sync', 'dc2')).to.include({
        status: 1,
        err: 'crossdc: The peer does not answer: "dc2" is down.\n',
      });
    });
  });

  describe('shutdown --snapshot', () => {
    it('takes the snapshots first, then shuts down', async () => {
      gateway.on(WAIT, json(200, { requestId: '77', rows: [ORDERS] }));
      gateway.on('GET /v1/status', json(200, statusView()), json(200, statusView({ incarnation: 2_000_000_000_000 })));
      gateway.on('POST /v1/messages', json(202, { msg: 'OrderlyShutdown' }));
      const { status, out } = await run('shutdown', '--snapshot');
      expect(status).to.equal(0);
      expect(out).to.match(/ders +dc1 +9 +replicated\nthe gateway of dc1 has left and is stopped\n$/);
      expect(gateway.lines.slice(0, 3)).to.deep.equal([WAIT, 'GET /v1/status', 'POST /v1/messages']);
    });

    it('shuts down where nothing is owned, and says who does the work', async () => {
      gateway.on(WAIT, json(200, { requestId: '77', rows: [] }));
      gateway.on(OWNERSHIP, json(200, SUPERSEDED));
      gateway.on('GET /v1/status', json(200, statusView()), json(200, statusView({ incarnation: 2_000_000_000_000 })));
      gateway.on('POST /v1/messages', json(202, { msg: 'OrderlyShutdown' }));
      expect(await run('shutdown', '--snapshot')).to.deep.equal({
        status: 0,
        out: `no snapshot is taken: ${NOTHING}\nthe gateway of dc1 has left and is stopped\n`,
        err: '',
      });
    });

    it('leaves the gateway running when a snapshot is missing, and says how to go on without it', async () => {
      gateway.on(WAIT, late({ requestId: '77', rows: [ORDERS, GONE] }));
      const { status, out, err } = await run('shutdown', '--snapshot');
      expect(status).to.equal(1);
      expect(out).to.match(/^gone +dc1 +- +missing$/m);
      expect(err).to.equal(
        'crossdc: not in time: 1 origin not posted; the gateway goes on. crossdc shutdown, without --snapshot, stops it all the same\n',
      );
      expect(gateway.lines).to.deep.equal([WAIT]);
    });

    it('leaves the gateway running when it cannot ask at all', async () => {
      gateway.on(WAIT, problem(new GatewayError('store-unavailable', 'The disk is away.')));
      expect((await run('shutdown', '--snapshot')).status).to.equal(1);
      expect(gateway.lines).to.deep.equal([WAIT]);
    });
  });
});
