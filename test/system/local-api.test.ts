import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import type { Delivery } from '../../src/core/delivery.ts';
import type { HistoryEntry, RestoreView } from '../../src/ports/ownership-api.ts';
import { assertEventMatchesOpenApi, operationIds } from '../support/openapi.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import type { HttpAnswer } from '../support/http-call.ts';
import { Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

async function expectStatus(asked: Promise<HttpAnswer>, status: number): Promise<HttpAnswer> {
  const answer = await asked;
  expect(answer.status, answer.body.toString()).to.equal(status);
  return answer;
}

/** How far each is, and whether both have the same. */
async function askAboutPeer(dc1: GatewayProcess, dc2: GatewayProcess): Promise<void> {
  const watermark = { method: 'PUT', json: { seq: 7, position: 'row 17' } } as const;
  await expectStatus(dc1.api('/v1/watermarks/read?flush=1', watermark), 204);
  expect((await dc1.api('/v1/watermarks')).json()).to.deep.equal({ read: watermark.json });
  const known = await untilShown('the watermark at the peer', async () => {
    const { watermarks } = (await dc2.api('/v1/peers/dc1/watermarks')).json() as { watermarks: object };
    return 'read' in watermarks ? watermarks : undefined;
  });
  expect(known).to.deep.equal({ read: watermark.json });
  await expectStatus(dc1.api('/v1/peers/dc2/verify', { method: 'POST' }), 200);
  await expectStatus(dc2.api('/v1/peers/dc1/sync', { method: 'POST' }), 202);
  await dc1.events.until('snapshot-request', ({ reason }) => reason === 'sync');
}

/** dc2 does the work of dc1 for a while, as an operator wants it, and gives it back. */
async function moveAwayAndHome(dc1: GatewayProcess, dc2: GatewayProcess): Promise<void> {
  for (const path of ['/primary', '/standby?workload=dc2', '/v1/ownership', '/v1/ownership/dc1', '/v1/restore'])
    await expectStatus(dc1.api(path), 200);
  const move = async (from: GatewayProcess, to: GatewayProcess): Promise<void> => {
    const mark = { from: from.events.mark, to: to.events.mark };
    await expectStatus(from.api('/v1/ownership/dc1', { method: 'POST', json: { to: to.name } }), 202);
    await from.events.until('owner-releasing', () => true, mark.from);
    await expectStatus(from.api('/v1/ownership/dc1/released', { method: 'POST' }), 204);
    const { delivery } = (await to.events.until('delivery', ({ delivery: { reason } }) => reason !== 'manual', mark.to))
      .data;
    await new TestApp(to).absorb(delivery);
    await to.events.until('takeover-completed', ({ epoch }) => epoch === delivery.epoch, mark.to);
  };
  await move(dc1, dc2);
  await expectStatus(dc1.api('/primary'), 503);
  await expectStatus(dc2.api('/primary?workload=dc1'), 200);
  await expectStatus(dc1.put('orders', 'not mine'), 409);
  await expectStatus(dc2.put('orders', 'done for dc1', '?workload=dc1'), 202);
  await move(dc2, dc1);
  const { origins } = (await expectStatus(dc1.api('/v1/restore'), 200)).json() as RestoreView;
  const [newest] = origins.find(({ origin }) => origin === 'orders')!.candidates;
  expect(newest!.source).to.equal('returned');
  expect((await expectStatus(dc1.api(newest!.href), 200)).body.toString()).to.equal('done for dc1');
  await expectStatus(dc1.api('/v1/ownership/dc1/ack', { method: 'POST' }), 204);
  const entries = (await dc2.api('/v1/history')).json() as readonly HistoryEntry[];
  expect(entries.map(({ kind }) => kind)).to.include('failback');
}

describe('the local API of a gateway at work', () => {
  const stage = useStage();

  it('answers every documented request as it is documented', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { keys: { snapshotRequestTimeout: 0.5 } });
    const bytes = freshBytes(3000);
    for (const path of [
      '/',
      '/openapi.json',
      '/healthz',
      '/readyz',
      '/metrics',
      '/v1/status',
      '/v1/peers',
      '/v1/peers/dc2',
    ]) {
      expect((await dc1.api(path)).status, path).to.be.oneOf([200, 302, 307]);
    }
    expect((await dc1.put('orders', bytes)).status).to.equal(202);
    const headers = { 'crossdc-position': 'row%2017', 'crossdc-label-kind': 'full' };
    const path = '/v1/snapshots/accounts';
    expect((await dc1.api(`${path}?wait=replicated`, { method: 'POST', body: bytes, headers })).status).to.equal(200);
    expect((await dc1.api('/v1/snapshots')).status).to.equal(200);
    expect((await dc1.api('/v1/snapshots?history=true')).status).to.equal(200);
    expect((await dc1.api('/v1/damaged')).json()).to.deep.equal([]);
    expect((await dc1.api('/v1/snapshots/orders')).body.equals(bytes)).to.equal(true);
    expect((await dc1.api('/v1/snapshots/nowhere')).status).to.equal(404);
    expect((await dc1.api('/v1/snapshot-requests', { method: 'POST', json: {} })).status).to.equal(202);
    expect((await dc1.api('/v1/health', { method: 'PUT', json: { status: 'passing' } })).status).to.equal(204);
    expect((await dc1.api('/v1/health', { method: 'PUT', json: { status: 'fine' } })).status).to.equal(400);
    await dc2.untilPeer('dc1', 'well', (peer) => peer.application.status === 'passing');
    await dc1.events.until('snapshot-replicated', (event) => event.origin === 'orders');

    const [accounts] = await dc2.held('dc1');
    expect(accounts).to.include({ origin: 'accounts', position: 'row 17', bytes: 3000 });
    expect(accounts!.labels).to.deep.equal({ kind: 'full' });
    const part = await dc2.api(accounts!.href, { headers: { range: 'bytes=10-19' } });
    expect(part.status).to.equal(206);
    expect(part.body.equals(bytes.subarray(10, 20))).to.equal(true);
    expect(await dc2.history('dc1')).to.have.length(2);

    const byHand = await dc2.api('/v1/deliveries', { method: 'POST', json: { dataCenter: 'dc1' } });
    expect(byHand.status).to.equal(201);
    const delivery = byHand.json() as Delivery;
    expect((await dc2.api(`/v1/deliveries/${delivery.id}`)).status).to.equal(200);
    expect((await dc2.api('/v1/deliveries?state=open')).json()).to.have.length(1);
    const app = new TestApp(dc2);
    await app.fetch(delivery.snapshots[0]!);
    expect(await app.acknowledge(delivery, delivery.snapshots[0]!)).to.equal(204);
    const reject = `/v1/deliveries/${delivery.id}/snapshots/orders/reject`;
    expect((await dc2.api(reject, { method: 'POST', json: { reason: 'unreadable' } })).status).to.equal(204);
    await dc2.events.until('snapshot-rejected', (event) => event.reason === 'unreadable');
    await dc2.events.until('delivery-done');
    expect((await dc2.api('/v1/peers/dc1/return', { method: 'POST' })).status).to.equal(202);
    expect((await dc2.api('/v1/peers/dc9/return', { method: 'POST' })).status).to.equal(404);
    const page = await dc2.api('/v1/events?after=0&limit=1000', { headers: { accept: 'application/json' } });
    expect((page.json() as { events: unknown[] }).events.length).to.be.above(3);
    await askAboutPeer(dc1, dc2);
    await moveAwayAndHome(dc1, dc2);
    expect((await dc1.message('OrderlyShutdown')).status).to.equal(202);
    await dc2.events.until('peer-left');

    const asked = new Set([...dc1.operations, ...dc2.operations]);
    expect(operationIds().filter((id) => !asked.has(id))).to.deep.equal([]);
    for (const gateway of [dc1, dc2]) {
      for (const { id, data } of gateway.events.all)
        assertEventMatchesOpenApi(data, id === null ? 'UnloggedEvent' : 'Event');
    }
  });

  it('with a token answers 401 without it, except for health', async () => {
    const token = 'a-token-of-good-length';
    const gateway = await stage.gateway('dc1', {
      remoteDataCenterApplicationMachineNames: '127.0.0.1:9',
      localApiToken: token,
    });
    gateway.spawn();
    await gateway.untilLogged('the gateway runs');
    expect((await gateway.api('/v1/status')).status).to.equal(401);
    expect((await gateway.put('orders', 'state')).status).to.equal(401);
    expect((await gateway.api('/healthz')).status).to.equal(200);
    expect((await gateway.api('/v1/status', { headers: { authorization: `Bearer ${token}` } })).status).to.equal(200);
  });

  it('takes a large snapshot through both gateways with little memory', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const before = await Promise.all([dc1, dc2].map((gateway) => gateway.metric('process_resident_memory_bytes')));
    const size = 64 << 20;
    const put = request(`${dc1.url}/v1/snapshots/large?wait=replicated`, {
      method: 'PUT',
      headers: { 'content-length': String(size) },
      agent: false,
    });
    const piece = freshBytes(1 << 20);
    for (let sent = 0; sent < size; sent += piece.length) if (!put.write(piece)) await once(put, 'drain');
    put.end();
    const [answer] = (await once(put, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).to.equal(200);
    const after = await Promise.all([dc1, dc2].map((gateway) => gateway.metric('process_resident_memory_bytes')));
    // Far less than the snapshot would take if either of them held it: what remains is buffers and garbage.
    for (const [index, bytes] of after.entries()) expect(bytes - before[index]!).to.be.below(size);
    expect((await dc2.held('dc1'))[0]).to.include({ origin: 'large', bytes: size });
  });
});
