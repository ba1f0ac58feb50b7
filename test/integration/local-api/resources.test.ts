import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import type { OwnVersionView } from '../../../src/ports/gateway-api.ts';
import { AT, fakeDelivery, fakePeer, fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { openapi } from '../../support/openapi.ts';
import { Harness, problemOf } from './harness.ts';

const held = [fakeSnapshot('orders', 'orders state'), fakeSnapshot('a/b', 'other state')];

describe('local API: peers and what is held from them', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await new Harness().start();
    api.api.heldFrom.set('dc2', held);
  });
  afterEach(() => api.stop());

  it('lists the peers and shows one', async () => {
    expect((await api.checked('GET', '/v1/peers')).json).to.deep.equal([fakePeer()]);
    expect((await api.checked('GET', '/v1/peers/dc2')).json).to.deep.equal(fakePeer());
  });

  for (const name of ['dc9', '127.0.0.1:25091', '__proto__', '%2e%2e', 'x'.repeat(65)]) {
    it(`answers 404 for the peer ${name.slice(0, 20)}`, async () => {
      const reply = await api.checked('GET', `/v1/peers/${name}`);
      expect(problemOf(reply)).to.deep.include({ status: 404, code: 'not-found' });
    });
  }

  it('lists what is held, the newest or all', async () => {
    const list = await api.checked('GET', '/v1/peers/dc2/snapshots?workload=dc2');
    expect((list.json as { origin: string }[]).map((row) => row.origin)).to.deep.equal(['orders', 'a/b']);
    await api.checked('GET', '/v1/peers/dc2/snapshots?history=true');
    expect(api.api.requestsOf('held')).to.deep.equal([
      { peer: 'dc2', history: false, workload: 'dc2' },
      { peer: 'dc2', history: true, workload: undefined },
    ]);
    expect((await api.checked('GET', '/v1/peers/dc3/snapshots')).status).to.equal(404);
  });

  it('says of what is held since when it is where it is, and why', async () => {
    const placedAt = '2026-01-03T00:00:00.000Z';
    api.api.heldFrom.set('dc2', [fakeSnapshot('orders', 'x', { placedAt, reason: 'an operator wished it' })]);
    const list = await api.checked('GET', '/v1/peers/dc2/snapshots?history=true');
    expect((list.json as object[])[0]).to.include({ placedAt, reason: 'an operator wished it' });
  });

  it('answers 503 while it is not known what is held', async () => {
    api.api.refuse('held', new GatewayError('store-unavailable', 'The database is away.'));
    const reply = await api.checked('GET', '/v1/peers/dc2/snapshots');
    expect(problemOf(reply)).to.deep.include({ status: 503, code: 'store-unavailable' });
  });

  it('follows its own hrefs', async () => {
    const list = await api.checked('GET', '/v1/peers/dc2/snapshots');
    const { href } = (list.json as { href: string }[])[1]!;
    expect((await api.checked('GET', href)).text).to.equal('other state');
  });

  for (const query of ['history=yes', 'history=true&history=true']) {
    it(`refuses ?${query}`, async () => {
      const reply = await api.checked('GET', `/v1/peers/dc2/snapshots?${query}`);
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'history' });
    });
  }

  for (const version of ['0', '-1', '1.5', '9007199254740992', '1e3', 'x', '']) {
    it(`refuses ?version=${version}`, async () => {
      const reply = await api.checked('GET', `/v1/peers/dc2/snapshots/orders?version=${version}`);
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'version' });
    });
  }

  it('returns what is held', async () => {
    const reply = await api.checked('POST', '/v1/peers/dc2/return', { body: '{}' });
    expect(reply.status).to.equal(202);
    expect(reply.json).to.have.property('returnId', 'b-1');
    const nothing = await api.checked('POST', '/v1/peers/dc3/return');
    expect(problemOf(nothing)).to.deep.include({ status: 404, code: 'nothing-held' });
  });
});

describe('local API: everything that is stored', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await new Harness().start();
  });
  afterEach(() => api.stop());

  const version: OwnVersionView = {
    store: 'returned',
    dataCenter: 'dc2',
    workload: 'dc1',
    origin: 'orders',
    version: 7,
    bytes: 5,
    sha256: 'ab'.repeat(32),
    takenAt: AT,
    position: null,
    labels: {},
    state: 'quarantined',
    storedAt: AT,
    placedAt: AT,
    reason: 'rejected: no',
  };

  it('lists the newest own versions, or every one with where it is and why', async () => {
    api.api.ownVersionList = [
      { ...version, store: 'outgoing', dataCenter: 'dc1', state: 'live', reason: null },
      version,
    ];
    api.api.own.set('orders', fakeSnapshot('orders', 'state'));
    expect(((await api.checked('GET', '/v1/snapshots?history=false')).json as object[])[0]).to.have.property(
      'replication',
    );
    const all = await api.checked('GET', '/v1/snapshots?history=true&workload=dc1');
    expect(all.json).to.deep.equal(api.api.ownVersionList);
    expect(api.api.requestsOf('ownVersions')).to.deep.equal(['dc1']);
    const refused = await api.checked('GET', '/v1/snapshots?history=all');
    expect(problemOf(refused)).to.deep.equal({ status: 400, code: 'bad-request', field: 'history' });
  });

  it('lists what is kept of damaged content', async () => {
    api.api.damagedList = [{ store: 'held', id: 'dc2/dc2/orders/damaged-1', bytes: 5, at: AT, reason: null }];
    expect((await api.checked('GET', '/v1/damaged')).json).to.deep.equal(api.api.damagedList);
  });

  it('answers 503 when a store is away that would have to be asked', async () => {
    api.api.refuse('damaged', new GatewayError('store-unavailable', 'The database is away.'));
    const reply = await api.checked('GET', '/v1/damaged');
    expect(problemOf(reply)).to.deep.include({ status: 503, code: 'store-unavailable' });
  });
});

describe('local API: deliveries', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await new Harness().start();
    api.api.heldFrom.set('dc2', held);
    api.api.openDeliveries.set('d-1', fakeDelivery('d-1', held));
    api.api.openDeliveries.set('d-0', fakeDelivery('d-0', held, { state: 'cancelled' }));
  });
  afterEach(() => api.stop());

  it('lists them, all or of one state, and shows one', async () => {
    const ids = async (query: string): Promise<string[]> =>
      ((await api.checked('GET', `/v1/deliveries${query}`)).json as { id: string }[]).map((row) => row.id);
    expect(await ids('')).to.deep.equal(['d-1', 'd-0']);
    expect(await ids('?state=open')).to.deep.equal(['d-1']);
    expect((await api.checked('GET', '/v1/deliveries/d-1')).json).to.deep.equal(fakeDelivery('d-1', held));
    expect(problemOf(await api.checked('GET', '/v1/deliveries?state=new'))).to.deep.include({
      status: 400,
      field: 'state',
    });
    for (const id of ['d-7', '..%2Fx', '%20'])
      expect((await api.checked('GET', `/v1/deliveries/${id}`)).status).to.equal(404);
  });

  it('gives the bytes of a pinned version', async () => {
    const { href } = fakeDelivery('d-1', held).snapshots[1]!;
    expect((await api.checked('GET', href)).text).to.equal('other state');
    api.api.refuse('openDelivered', new GatewayError('snapshot-replaced', 'Version 6 is offered instead.'));
    expect(problemOf(await api.checked('GET', href))).to.deep.include({ status: 409, code: 'snapshot-replaced' });
  });

  it('takes an acknowledgement, also a repeated one', async () => {
    const path = '/v1/deliveries/d-1/snapshots/a%2Fb/ack?version=7&workload=dc2';
    const first = await api.checked('POST', path);
    const again = await api.postJson(path, { anything: true });
    expect([first.status, again.status]).to.deep.equal([204, 204]);
    expect(api.api.requestsOf('acknowledge')[0]).to.deep.equal({
      id: 'd-1',
      origin: 'a/b',
      workload: 'dc2',
      version: 7,
    });
    expect(api.api.openDeliveries.get('d-1')?.snapshots[1]?.state).to.equal('acknowledged');
  });

  it('answers 409 for another version and for a cancelled delivery, 404 for no such snapshot', async () => {
    const statuses = [];
    for (const path of [
      'd-1/snapshots/orders/ack?version=6',
      'd-0/snapshots/orders/ack',
      'd-1/snapshots/none/ack',
      'd-9/snapshots/orders/ack',
    ]) {
      statuses.push((await api.checked('POST', `/v1/deliveries/${path}`)).status);
    }
    expect(statuses).to.deep.equal([409, 409, 404, 404]);
  });

  it('takes a rejection with its reason', async () => {
    const reply = await api.postJson('/v1/deliveries/d-1/snapshots/orders/reject', {
      reason: 'no such format',
      more: 1,
    });
    expect(reply.status).to.equal(204);
    expect(api.api.requestsOf('reject')).to.deep.equal([
      { id: 'd-1', origin: 'orders', workload: undefined, version: undefined, reason: 'no such format' },
    ]);
  });

  for (const body of [{}, { reason: '' }, { reason: 'x'.repeat(1001) }, { reason: 7 }, { reason: '\ud800' }]) {
    it(`refuses the rejection ${JSON.stringify(body).slice(0, 30)}`, async () => {
      const reply = await api.postJson('/v1/deliveries/d-1/snapshots/orders/reject', body);
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'reason' });
    });
  }

  it('starts one by hand and says where it is', async () => {
    const reply = await api.postJson('/v1/deliveries', { dataCenter: 'dc2', origins: ['orders', 'orders'] });
    expect(reply.status).to.equal(201);
    expect(reply.headers.location).to.equal('/v1/deliveries/d-3');
    const anyWorkload = { dataCenter: 'dc2', workload: undefined, origins: ['orders'] };
    expect(api.api.requestsOf('deliver')).to.deep.equal([anyWorkload]);
    const nothing = await api.postJson('/v1/deliveries', { dataCenter: 'dc3' });
    expect(problemOf(nothing)).to.deep.include({ status: 404, code: 'nothing-held' });
  });

  it('starts one by hand of the workload that is named, and refuses what is no name of one', async () => {
    expect((await api.postJson('/v1/deliveries?workload=dc3', { dataCenter: 'dc2' })).status).to.equal(201);
    expect(api.api.requestsOf('deliver')).to.deep.equal([{ dataCenter: 'dc2', workload: 'dc3', origins: null }]);
    const refused = await api.postJson('/v1/deliveries?workload=..%2Fx', { dataCenter: 'dc2' });
    expect(problemOf(refused)).to.deep.equal({ status: 400, code: 'bad-request', field: 'workload' });
  });

  const bad: [object, string][] = [
    [{}, 'dataCenter'],
    [{ dataCenter: '../x' }, 'dataCenter'],
    [{ dataCenter: 'dc2', origins: [] }, 'origins'],
    [{ dataCenter: 'dc2', origins: 'orders' }, 'origins'],
    [{ dataCenter: 'dc2', origins: ['a', '..'] }, 'origins.1'],
    [{ dataCenter: 'dc2', origins: Array.from({ length: 1001 }, (_, i) => String(i)) }, 'origins'],
  ];
  for (const [body, field] of bad) {
    it(`refuses the delivery ${JSON.stringify(body).slice(0, 40)} and names ${field}`, async () => {
      expect(problemOf(await api.postJson('/v1/deliveries', body))).to.deep.equal({
        status: 400,
        code: 'bad-request',
        field,
      });
    });
  }
});

describe('local API: the gateway as a whole', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness().start()));
  afterEach(() => api.stop());

  it('asks for snapshots, of all origins or of some', async () => {
    const all = await api.checked('POST', '/v1/snapshot-requests');
    expect([all.status, all.json]).to.deep.equal([202, { requestId: 'r-1' }]);
    await api.postJson('/v1/snapshot-requests', { origins: ['a', 'b', 'a'], timeout: 2.5 });
    expect(api.api.requestsOf('requestSnapshots')).to.deep.equal([
      { origins: null, timeoutMs: null },
      { origins: ['a', 'b'], timeoutMs: 2500 },
    ]);
  });

  it('asks for the snapshots of one workload', async () => {
    await api.checked('POST', '/v1/snapshot-requests?workload=dc2');
    expect(api.api.requestsOf('requestSnapshots')).to.deep.equal([{ workload: 'dc2', origins: null, timeoutMs: null }]);
  });

  it('waits until every origin is as it is asked for, and has a row for each', async () => {
    const rows = [
      { workload: 'dc1', origin: 'a', state: 'replicated', version: 9 },
      { workload: 'dc2', origin: 'b', state: 'accepted', version: 3 },
    ] as const;
    api.api.requestEnd = { isComplete: true, rows };
    const reply = await api.postJson('/v1/snapshot-requests?wait=accepted', { timeout: 2.5 });
    expect([reply.status, reply.json]).to.deep.equal([200, { requestId: 'r-1', rows }]);
    await api.checked('POST', '/v1/snapshot-requests?wait=replicated');
    expect(api.api.requestsOf('awaitRequest')).to.deep.equal([
      { requestId: 'r-1', until: 'accepted', timeoutMs: 2500 },
      { requestId: 'r-1', until: 'replicated', timeoutMs: null },
    ]);
  });

  it('answers 504 with the same rows, in a problem, when some are missing', async () => {
    const rows = [
      { workload: 'dc1', origin: 'a', state: 'missing', version: null },
      { workload: 'dc1', origin: 'b', state: 'accepted', version: 3 },
      { workload: 'dc1', origin: 'c', state: 'replicated', version: 4 },
    ] as const;
    api.api.requestEnd = { isComplete: false, rows };
    const reply = await api.checked('POST', '/v1/snapshot-requests?wait=replicated');
    expect(reply.headers['content-type']).to.equal('application/problem+json');
    expect([reply.status, reply.json]).to.deep.equal([
      504,
      {
        type: 'urn:crossdc:problem:not-in-time',
        title: 'It did not happen in time',
        status: 504,
        detail: 'Of 3 origins that were asked for, in time: 1 not posted, 1 posted, but not at every peer.',
        requestId: 'r-1',
        rows,
      },
    ]);
  });

  it('asks the application of a peer, and waits until its snapshots are held here', async () => {
    const asked = await api.checked('POST', '/v1/peers/dc2/sync');
    expect([asked.status, asked.json]).to.deep.equal([202, api.api.syncView]);
    const held = await api.checked('POST', '/v1/peers/dc2/sync?wait=held&timeout=2.5');
    const origins = [{ ...api.api.syncView.origins[0], state: 'held', version: 8 }];
    expect([held.status, held.json]).to.deep.equal([200, { ...api.api.syncView, origins }]);
    expect(api.api.requestsOf('sync')).to.deep.equal([
      { peer: 'dc2', timeoutMs: null },
      { peer: 'dc2', timeoutMs: 2500 },
    ]);
    expect(api.api.requestsOf('awaitSync')).to.deep.equal([{ syncId: 's-1', timeoutMs: 2500 }]);
  });

  it('answers 504 with what is not held yet, and 503 when the peer does not answer', async () => {
    const facts = { answer: api.api.syncView };
    api.api.refuse('awaitSync', new GatewayError('not-in-time', 'Late.', { facts }));
    const late = await api.checked('POST', '/v1/peers/dc2/sync?wait=held');
    expect(problemOf(late)).to.include({ status: 504, code: 'not-in-time' });
    expect(late.json).to.deep.include(api.api.syncView);
    api.api.refuse('sync', new GatewayError('peer-unavailable', 'It is down.'));
    expect(problemOf(await api.checked('POST', '/v1/peers/dc2/sync'))).to.include({
      status: 503,
      code: 'peer-unavailable',
    });
  });

  for (const [path, waits] of [
    ['/v1/snapshot-requests?wait=replicated', 'awaitRequest'],
    ['/v1/peers/dc2/sync?wait=held', 'awaitSync'],
  ] as const) {
    it(`does not wait on at ${path} when whoever asked has gone`, async () => {
      api.api.replicated = new Promise(() => undefined);
      const request = httpRequest({ port: api.port, method: 'POST', path, agent: false });
      request.on('error', () => undefined);
      request.end();
      await api.api.called(waits);
      const signal = api.api.lastSignal!;
      const aborted = once(signal, 'abort');
      request.destroy();
      await aborted;
      expect(signal.aborted).to.equal(true);
    });
  }

  for (const [path, field] of [
    ['/v1/snapshot-requests?wait=held', 'wait'],
    ['/v1/snapshot-requests?workload=..', 'workload'],
    ['/v1/peers/dc2/sync?wait=replicated', 'wait'],
    ['/v1/peers/dc2/sync?timeout=soon', 'timeout'],
  ] as const) {
    it(`refuses POST ${path}`, async () => {
      expect(problemOf(await api.checked('POST', path))).to.deep.equal({ status: 400, code: 'bad-request', field });
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  const bad: [string, string, string, string][] = [
    ['POST', '/v1/snapshot-requests', '{"timeout":0}', 'timeout'],
    ['POST', '/v1/snapshot-requests', '{"origin":["orders"]}', 'origin'],
    ['POST', '/v1/deliveries', '{"dataCenter":"dc2","workload":"dc3"}', 'workload'],
    ['POST', '/v1/peers/dc2/verify', '{"repiar":true}', 'repiar'],
    ['POST', '/v1/snapshot-requests', '{"timeout":"5"}', 'timeout'],
    ['POST', '/v1/snapshot-requests', '[]', '(body)'],
    ['POST', '/v1/snapshot-requests', 'null', '(body)'],
    ['POST', '/v1/snapshot-requests', '{"origins":', '(body)'],
    ['POST', '/v1/snapshot-requests', '['.repeat(60_000), '(body)'],
    ['POST', '/v1/messages', '{"msg":"Shutdown"}', 'msg'],
    ['POST', '/v1/messages', '{"__proto__":{"msg":"OrderlyShutdown"}}', 'msg'],
    ['POST', '/v1/messages', '', 'msg'],
    ['PUT', '/v1/health', '{"status":"unknown"}', 'status'],
    ['PUT', '/v1/health', '{"status":"passing","note":7}', 'note'],
  ];
  for (const [method, path, body, field] of bad) {
    it(`refuses ${body.slice(0, 40) || 'no body'} at ${path}`, async () => {
      const reply = await api.checked(method, path, { body, headers: { 'content-type': 'application/json' } });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field });
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  it('refuses bytes that are no UTF-8', async () => {
    const reply = await api.checked('PUT', '/v1/health', {
      body: Buffer.from('{"status":"passing","note":"\xe4"}', 'latin1'),
    });
    expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: '(body)' });
  });

  for (const [type, status] of [
    ['application/json; charset=utf-8', 204],
    ['application/vnd.x+json', 204],
    ['text/plain', 400],
    ['application/jsonp', 400],
  ] as const) {
    it(`answers ${String(status)} to a body of type ${type}`, async () => {
      const reply = await api.checked('PUT', '/v1/health', {
        body: '{"status":"passing"}',
        headers: { 'content-type': type },
      });
      expect(reply.status).to.equal(status);
    });
  }

  it('takes JSON without a type and ignores what it does not know', async () => {
    const reply = await api.checked('PUT', '/v1/health', {
      body: '{"status":"critical","__proto__":{"x":1},"new":true}',
    });
    expect(reply.status).to.equal(204);
    expect(api.api.requestsOf('setApplicationHealth')).to.deep.equal([{ status: 'critical', note: null }]);
  });

  it('refuses a packed body', async () => {
    const reply = await api.checked('PUT', '/v1/health', { body: '{}', headers: { 'content-encoding': 'gzip' } });
    expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'content-encoding' });
  });

  it('refuses a body of more than 64 KiB, announced or not', async () => {
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const reply = await api.checked('PUT', '/v1/health', { body: Buffer.alloc(65_537, ' '), headers });
      expect(problemOf(reply)).to.deep.include({ status: 413, code: 'too-large' });
    }
    const ack = await api.checked('POST', '/v1/peers/dc2/return', { body: Buffer.alloc(65_537) });
    expect(ack.status).to.equal(413);
    expect(api.api.calls).to.deep.equal([]);
  });

  for (const msg of ['OrderlyShutdown', 'SendMeDataFromSnapshotFiles'] as const) {
    it(`takes the message ${msg}`, async () => {
      const reply = await api.postJson('/v1/messages', { msg });
      expect([reply.status, reply.json]).to.deep.equal([202, { msg }]);
      expect(api.api.requestsOf('specialMessage')).to.deep.equal([msg]);
    });
  }

  it('takes the health of the application', async () => {
    expect((await api.postJson('/v1/health', { status: 'passing', note: 'fine' }, 'PUT')).status).to.equal(204);
    expect(api.api.requestsOf('setApplicationHealth')).to.deep.equal([{ status: 'passing', note: 'fine' }]);
  });

  it('shows the status, the checks, the metrics and its own description', async () => {
    expect((await api.checked('GET', '/v1/status')).json).to.have.property('dataCenter', 'dc1');
    expect((await api.checked('GET', '/healthz')).json).to.deep.equal(api.api.health);
    expect((await api.checked('GET', '/readyz')).status).to.equal(200);
    const metrics = await api.checked('GET', '/metrics');
    expect(metrics.headers['content-type']).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.text).to.contain('crossdc_peer_up');
    expect((await api.checked('GET', '/openapi.json')).json).to.deep.equal(openapi);
    const home = await api.checked('GET', '/');
    expect([home.status, home.headers.location]).to.deep.equal([302, '/v1/status']);
  });

  it('answers 503 with the checks when one fails', async () => {
    api.api.health = api.api.readiness = { status: 'failing', checks: { store: { ok: false, detail: 'away' } } };
    for (const path of ['/healthz', '/readyz']) {
      const reply = await api.checked('GET', path);
      expect([reply.status, reply.json]).to.deep.equal([503, api.api.health]);
    }
  });

  it('says nothing of an unexpected error but the id under which it is logged', async () => {
    api.api.refuse('status', new Error('the secret is 42'));
    const reply = await api.checked('GET', '/v1/status');
    expect(problemOf(reply)).to.deep.include({ status: 500, code: 'internal' });
    expect(reply.text).not.to.contain('42');
    expect(api.lines).to.have.length(1);
    expect(api.lines[0]!.facts).to.include({
      requestId: reply.headers['crossdc-request-id'],
      error: 'the secret is 42',
    });
  });
});
