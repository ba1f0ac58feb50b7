import { deliverBody, rejectBody } from './bodies.ts';
import { ignoreBody, readJson } from './body.ts';
import { sendJson, sendNothing, type Exchange, type Route } from './exchange.ts';
import { deliveryIdOf, originOf, queryWord, versionOf, workloadOf } from './parameters.ts';
import { sendSnapshot } from './read-snapshot.ts';

/** Deliveries: what the application is handed, and its word on each snapshot. */
export const deliveryRoutes: readonly Route[] = [
  { path: '/v1/deliveries', methods: { get: listDeliveries, post: deliver }, isForReaders: true },
  { path: '/v1/deliveries/:id', methods: { get: showDelivery }, isForReaders: true },
  { path: '/v1/deliveries/:id/snapshots/:origin', methods: { get: readDelivered } },
  { path: '/v1/deliveries/:id/snapshots/:origin/ack', methods: { post: acknowledge } },
  { path: '/v1/deliveries/:id/snapshots/:origin/reject', methods: { post: reject } },
];

function listDeliveries({ request, response, context }: Exchange): void {
  const state = queryWord(request, 'state', ['open', 'done', 'cancelled']);
  sendJson(response, 200, context.api.deliveries(state));
}

async function deliver(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const workload = workloadOf(request);
  const { dataCenter, origins } = await readJson(exchange, deliverBody);
  const delivery = await context.api.deliver({
    dataCenter,
    workload,
    origins: origins === undefined ? null : [...new Set(origins)],
  });
  response.setHeader('location', `/v1/deliveries/${encodeURIComponent(delivery.id)}`);
  sendJson(response, 201, delivery);
}

function showDelivery({ request, response, context }: Exchange): void {
  sendJson(response, 200, context.api.delivery(deliveryIdOf(request)));
}

async function readDelivered(exchange: Exchange): Promise<void> {
  const { request, context } = exchange;
  const which = { origin: originOf(request), workload: workloadOf(request) };
  await sendSnapshot(exchange, context.api.openDelivered(deliveryIdOf(request), which));
}

async function acknowledge(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const id = deliveryIdOf(request);
  const which = { origin: originOf(request), workload: workloadOf(request), version: versionOf(request) };
  await ignoreBody(exchange);
  await context.api.acknowledge(id, which);
  sendNothing(response);
}

async function reject(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const id = deliveryIdOf(request);
  const which = { origin: originOf(request), workload: workloadOf(request), version: versionOf(request) };
  const { reason } = await readJson(exchange, rejectBody);
  await context.api.reject(id, { ...which, reason });
  sendNothing(response);
}
