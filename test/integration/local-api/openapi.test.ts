import { expect } from 'chai';
import { fakeDelivery, fakePeer, fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { EVENT_TYPES, type EventBody, type EventType } from '../../../src/core/events.ts';
import { assertEventMatchesOpenApi, assertMatchesOpenApi, openapi, operationIds } from '../../support/openapi.ts';
import { Harness } from './harness.ts';

/** One request for each operation, and the status of its success. */
const REQUESTS: Record<string, [method: string, path: string, status: number, body?: object]> = {
  home: ['GET', '/', 302],
  status: ['GET', '/v1/status', 200],
  describe: ['GET', '/openapi.json', 200],
  healthz: ['GET', '/healthz', 200],
  readyz: ['GET', '/readyz', 200],
  metrics: ['GET', '/metrics', 200],
  putSnapshot: ['PUT', '/v1/snapshots/orders', 202, {}],
  postSnapshot: ['POST', '/v1/snapshots/orders', 202, {}],
  listSnapshots: ['GET', '/v1/snapshots', 200],
  listDamaged: ['GET', '/v1/damaged', 200],
  readSnapshot: ['GET', '/v1/snapshots/orders', 200],
  restore: ['GET', '/v1/restore', 200],
  readReturned: ['GET', '/v1/returned/orders?version=7&dataCenter=dc2', 200],
  requestSnapshots: ['POST', '/v1/snapshot-requests', 202, {}],
  listPeers: ['GET', '/v1/peers', 200],
  showPeer: ['GET', '/v1/peers/dc2', 200],
  listHeld: ['GET', '/v1/peers/dc2/snapshots', 200],
  readHeld: ['GET', '/v1/peers/dc2/snapshots/orders', 200],
  returnHeld: ['POST', '/v1/peers/dc2/return', 202],
  verifyPeer: ['POST', '/v1/peers/dc2/verify', 200, { repair: true }],
  syncPeer: ['POST', '/v1/peers/dc2/sync', 202],
  listDeliveries: ['GET', '/v1/deliveries', 200],
  deliver: ['POST', '/v1/deliveries', 201, { dataCenter: 'dc2' }],
  showDelivery: ['GET', '/v1/deliveries/d-1', 200],
  readDelivered: ['GET', '/v1/deliveries/d-1/snapshots/orders', 200],
  acknowledge: ['POST', '/v1/deliveries/d-1/snapshots/orders/ack', 204],
  reject: ['POST', '/v1/deliveries/d-1/snapshots/other/reject', 204, { reason: 'no' }],
  sendMessage: ['POST', '/v1/messages', 202, { msg: 'SendMeDataFromSnapshotFiles' }],
  showWatermarks: ['GET', '/v1/watermarks', 200],
  putWatermark: ['PUT', '/v1/watermarks/published', 204, { seq: 42, position: 'p' }],
  showPeerWatermarks: ['GET', '/v1/peers/dc2/watermarks', 200],
  setHealth: ['PUT', '/v1/health', 204, { status: 'passing' }],
  events: ['GET', '/v1/events', 200],
  history: ['GET', '/v1/history', 200],
  primary: ['GET', '/primary', 200],
  standby: ['GET', '/standby?workload=dc2', 200],
  listOwnership: ['GET', '/v1/ownership', 200],
  showOwnership: ['GET', '/v1/ownership/dc2', 200],
  moveOwnership: ['POST', '/v1/ownership/dc1', 202, { to: 'dc2' }],
  releaseOwnership: ['POST', '/v1/ownership/dc1/released', 204],
  acknowledgeOwnership: ['POST', '/v1/ownership/dc1/ack', 204],
};

const delivery = fakeDelivery('d-1', [fakeSnapshot('orders', 'state')]);
const named = { dataCenter: 'dc2', workload: 'dc2', origin: 'orders', version: 7 };
const taken = { workload: 'dc2', dataCenter: 'dc2', epoch: 2 };
const moved = { workload: 'dc1', from: 'dc1', to: 'dc2', epoch: 2 };
const row = { workload: 'dc1', owner: 'dc1', epoch: 1, since: '2026-01-02T03:04:05.678Z', reason: 'initial' } as const;
const BODIES: { readonly [Type in EventType]: Extract<EventBody, { type: Type }> } = {
  'peer-up': { type: 'peer-up', dataCenter: 'dc2', incarnation: 5, from: '127.0.0.1:1' },
  'peer-suspect': { type: 'peer-suspect', dataCenter: 'dc2', missed: 1, lastHeartbeatAt: null, reason: 'one-way' },
  'peer-down': { type: 'peer-down', dataCenter: 'dc2', missed: 4, lastHeartbeatAt: null, reason: 'silence' },
  'peer-left': { type: 'peer-left', dataCenter: 'dc2', incarnation: 5 },
  'snapshot-request': { type: 'snapshot-request', requestId: 'r', reason: 'interval', origins: null },
  'snapshot-overdue': { type: 'snapshot-overdue', requestId: 'r', origins: ['orders'] },
  'snapshot-replicated': { type: 'snapshot-replicated', workload: 'dc1', origin: 'orders', version: 7, peer: 'dc2' },
  'snapshot-returned': {
    type: 'snapshot-returned',
    workload: 'dc2',
    origin: 'o',
    version: 7,
    peer: 'dc2',
    outcome: 'stored',
  },
  'snapshot-rejected': { type: 'snapshot-rejected', delivery: 'd-1', ...named, reason: 'no' },
  'snapshot-damaged': { type: 'snapshot-damaged', ...named, reason: 'no' },
  delivery: { type: 'delivery', attempt: 1, delivery },
  'delivery-done': { type: 'delivery-done', delivery, seconds: 0.75 },
  'takeover-started': { type: 'takeover-started', ...taken, actor: 'automatic' },
  'takeover-checked': { type: 'takeover-checked', ...taken, seconds: 0.001 },
  'takeover-blocked': { type: 'takeover-blocked', ...taken, epoch: 0, reason: 'state-unwritable' },
  'takeover-cancelled': { type: 'takeover-cancelled', ...taken, delivery: null, reason: 'heard again' },
  'takeover-completed': { type: 'takeover-completed', ...taken, reason: 'takeover', seconds: 4.25 },
  'owner-releasing': { type: 'owner-releasing', workload: 'dc1', to: 'dc2', deadline: '2026-01-02T03:04:05.678Z' },
  'owner-changed': {
    type: 'owner-changed',
    workload: 'dc2',
    from: 'dc2',
    to: 'dc1',
    epoch: 2,
    reason: 'takeover',
    seconds: 0.25,
  },
  superseded: { type: 'superseded', workload: 'dc1', row: { ...row, owner: 'dc2', epoch: 2 }, was: row },
  'ownership-conflict': {
    type: 'ownership-conflict',
    workload: 'dc1',
    conflict: {
      workload: 'dc1',
      winner: { ...row, owner: 'dc2', epoch: 2 },
      loser: row,
      overlapMs: 12.5,
      at: row.since,
      acknowledged: false,
    },
  },
  'move-started': { type: 'move-started', ...moved, actor: 'operator (localApiToken)' },
  'move-rolled-back': { type: 'move-rolled-back', ...moved, reason: 'the target went down', seconds: 1.5 },
  'failover-command': {
    type: 'failover-command',
    dataCenter: 'dc2',
    attempt: 1,
    exitStatus: null,
    outcome: 'timed-out',
  },
  'failover-command-gave-up': { type: 'failover-command-gave-up', dataCenter: 'dc2', attempts: 3 },
  'store-error': { type: 'store-error', store: 'held', reason: 'full' },
  'certificate-expiring': {
    type: 'certificate-expiring',
    certificate: 'own',
    subject: 'dc1',
    expiresAt: '2026-12-01T00:00:00.000Z',
    daysLeft: 8,
  },
  'store-recovered': { type: 'store-recovered', store: 'held', afterSeconds: 1.5 },
  'log-truncated': { type: 'log-truncated', oldestId: 5 },
  shutdown: { type: 'shutdown', orderly: false },
};

describe('docs/openapi.json', () => {
  it('describes what is really answered, and nothing else', async () => {
    const api = await new Harness().start();
    const held = [fakeSnapshot('orders', 'state'), fakeSnapshot('other', 'state')];
    api.api.heldFrom.set('dc2', held);
    api.api.openDeliveries.set('d-1', fakeDelivery('d-1', held));
    for (const [id, [method, path, status, body]] of Object.entries(REQUESTS)) {
      const headers = id === 'events' ? { accept: 'application/json' } : {};
      const reply = await api.ask(method, path, {
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(reply.status, id).to.equal(status);
      const contentType = reply.headers['content-type'] ?? null;
      expect(assertMatchesOpenApi({ method, path, status, contentType, body: reply.json })).to.equal(id);
    }
    expect(Object.keys(REQUESTS).sort()).to.deep.equal(operationIds().sort());
    await api.stop();
  });

  it('describes every type of event', () => {
    for (const body of Object.values(BODIES)) assertEventMatchesOpenApi({ id: 1, at: '2026-01-02T03:04:05Z', ...body });
    const { mapping } = openapi.components.schemas.Event!.discriminator;
    expect(Object.keys(mapping).sort()).to.deep.equal(Object.keys(EVENT_TYPES).sort());
  });

  it('needs no field that an event does not have, and allows none that it does not know', () => {
    const up = { id: 1, at: '2026-01-02T03:04:05Z', ...BODIES['peer-up'] };
    expect(() => assertEventMatchesOpenApi({ ...up, more: 1 })).to.throw(/not as documented/);
    expect(() => assertEventMatchesOpenApi({ ...up, incarnation: 'x' })).to.throw(/not as documented/);
    expect(() => assertEventMatchesOpenApi({ ...up, type: 'peer-upp' })).to.throw(/not as documented/);
  });
});

describe('the check against docs/openapi.json', () => {
  const good = {
    method: 'GET',
    path: '/v1/peers/dc2?x=1',
    status: 200,
    contentType: 'application/json; charset=utf-8',
    body: fakePeer(),
  };

  it('takes a documented answer and names its operation', () => {
    expect(assertMatchesOpenApi(good)).to.equal('showPeer');
    expect(assertMatchesOpenApi({ ...good, method: 'HEAD', body: undefined })).to.equal('showPeer');
  });

  const bad: [string, Partial<typeof good>, RegExp][] = [
    ['an undocumented path', { path: '/v1/peers/dc2/x' }, /path is not documented/],
    ['an undocumented method', { method: 'PUT' }, /method is not documented/],
    ['an undocumented status', { status: 418 }, /status is not documented/],
    ['an undocumented type', { contentType: 'text/html' }, /text\/html is not documented/],
    ['a missing type', { contentType: '' }, /\(none\) is not documented/],
    ['a missing field', { body: { ...fakePeer(), name: undefined as unknown as string } }, /not as documented/],
    ['an undocumented field', { body: { ...fakePeer(), more: 1 } as unknown as typeof good.body }, /not as documented/],
    [
      'an undocumented field deeper down',
      { body: fakePeer({ held: { origins: 1, bytes: 1, newestTakenAt: null, x: 1 } as never }) },
      /not as documented/,
    ],
    ['a problem that is none', { status: 404, contentType: 'application/problem+json' }, /not as documented/],
  ];
  for (const [what, change, message] of bad) {
    it(`refuses ${what}`, () => {
      expect(() => assertMatchesOpenApi({ ...good, ...change })).to.throw(message);
    });
  }
});
