import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import type { HistoryEntry } from '../../../src/ports/ownership-api.ts';
import { AT, fakeRestore, fakeSnapshot, fakeVerified } from '../../support/fake-gateway-api.ts';
import { Harness, problemOf } from './harness.ts';

describe('local API: restore, verify and history', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness().start()));
  afterEach(() => api.stop());

  it('tells what to start from, of our own workload or of another', async () => {
    expect((await api.checked('GET', '/v1/restore')).json).to.deep.equal(fakeRestore());
    expect((await api.checked('GET', '/v1/restore?workload=dc2')).json).to.include({ workload: 'dc2' });
    expect(api.api.requestsOf('restore')).to.deep.equal([undefined, 'dc2']);
    const wrong = await api.checked('GET', '/v1/restore?workload=a%2Fb');
    expect(problemOf(wrong)).to.deep.equal({ status: 400, code: 'bad-request', field: 'workload' });
    api.api.refuse('restore', new GatewayError('store-unavailable', 'It is not known what is held.'));
    expect((await api.checked('GET', '/v1/restore')).status).to.equal(503);
  });

  it('gives the bytes of the version that a candidate names', async () => {
    api.api.own.set('orders', fakeSnapshot('orders', 'state'));
    expect((await api.checked('GET', '/v1/snapshots/orders?version=7&workload=dc1')).text).to.equal('state');
    await api.checked('GET', '/v1/snapshots/orders');
    expect(api.api.requestsOf('openOutgoing')).to.deep.equal([
      { origin: 'orders', workload: 'dc1', version: 7 },
      { origin: 'orders', workload: undefined, version: undefined },
    ]);
    const returned = await api.checked('GET', '/v1/returned/orders?version=7&workload=dc1&dataCenter=dc2');
    expect([returned.text, returned.headers['crossdc-version']]).to.deep.equal(['state', '7']);
    expect(api.api.requestsOf('openReturned')).to.deep.equal([
      { origin: 'orders', workload: 'dc1', dataCenter: 'dc2', version: 7 },
    ]);
  });

  for (const [query, field] of [
    ['dataCenter=dc2', 'version'],
    ['version=0&dataCenter=dc2', 'version'],
    ['version=7', 'dataCenter'],
    ['version=7&dataCenter=', 'dataCenter'],
  ] as const) {
    it(`reads no returned snapshot by ?${query}`, async () => {
      const reply = await api.checked('GET', `/v1/returned/orders?${query}`);
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field });
      expect(api.api.calls).to.deep.equal([]);
    });
  }

  it('verifies, and counts as a difference neither what is the same nor what is on its way', async () => {
    const states = ['same', 'missing', 'older', 'newer', 'other-bytes', 'lost', 'on-its-way'] as const;
    api.api.verifyRows = states.map((state) => fakeVerified({ origin: state, state, repair: 'sent-again' }));
    const { json } = await api.postJson('/v1/peers/dc2/verify', { repair: true });
    expect(json).to.deep.equal({ dataCenter: 'dc2', rows: api.api.verifyRows, differences: 5 });
    // No body is an empty object: then nothing is repaired.
    expect((await api.checked('POST', '/v1/peers/dc2/verify')).status).to.equal(200);
    expect(api.api.requestsOf('verify')).to.deep.equal([
      { peer: 'dc2', repair: true },
      { peer: 'dc2', repair: false },
    ]);
    expect(problemOf(await api.postJson('/v1/peers/dc2/verify', { repair: 'yes' })).field).to.equal('repair');
  });

  it('says in which state a peer is that cannot be asked', async () => {
    api.api.refuse(
      'verify',
      new GatewayError('peer-unavailable', '"dc2" is down (silence); it is asked when it is up.'),
    );
    const reply = await api.postJson('/v1/peers/dc2/verify', {});
    expect(problemOf(reply)).to.include({ status: 503, code: 'peer-unavailable' });
    expect(reply.json).to.have.property('detail').that.contains('down (silence)');
  });

  it('gives the history page by page, oldest first', async () => {
    api.api.ownership.entries = [3, 5, 9].map((id): HistoryEntry => ({
      id,
      at: AT,
      kind: 'verdict',
      workload: null,
      dataCenter: 'dc2',
      actor: 'automatic',
      outcome: 'down',
      inputs: { missed: 4, held: { origins: 1 } },
      steps: [{ step: 'started', at: AT, seconds: 0.5 }],
    }));
    const ids = async (path: string): Promise<number[]> =>
      ((await api.checked('GET', path)).json as HistoryEntry[]).map(({ id }) => id);
    expect(await ids('/v1/history')).to.deep.equal([3, 5, 9]);
    expect(await ids('/v1/history?after=3&limit=1')).to.deep.equal([5]);
    expect(problemOf(await api.checked('GET', '/v1/history?limit=1001')).field).to.equal('limit');
    expect(problemOf(await api.checked('GET', '/v1/history?after=-1')).field).to.equal('after');
  });
});
