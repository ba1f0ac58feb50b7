import { verifyBody } from './bodies.ts';
import { ignoreBody, readJson } from './body.ts';
import { goneSignal, sendJson, type Exchange, type Route } from './exchange.ts';
import { maybeTimeoutMsOf, originOf, peerOf, queryWord, versionOf, workloadOf } from './parameters.ts';
import { sendSnapshot } from './read-snapshot.ts';

/** The peers, and what is held from each. */
export const peerRoutes: readonly Route[] = [
  { path: '/v1/peers', methods: { get: listPeers }, isForReaders: true },
  { path: '/v1/peers/:dc', methods: { get: showPeer }, isForReaders: true },
  { path: '/v1/peers/:dc/snapshots', methods: { get: listHeld }, isForReaders: true },
  { path: '/v1/peers/:dc/snapshots/:origin', methods: { get: readHeld } },
  { path: '/v1/peers/:dc/return', methods: { post: returnHeld } },
  { path: '/v1/peers/:dc/sync', methods: { post: syncPeer } },
  { path: '/v1/peers/:dc/verify', methods: { post: verifyPeer } },
];

function listPeers({ response, context }: Exchange): void {
  sendJson(response, 200, context.api.peers());
}

function showPeer({ request, response, context }: Exchange): void {
  sendJson(response, 200, context.api.peer(peerOf(request)));
}

function listHeld({ request, response, context }: Exchange): void {
  const history = queryWord(request, 'history', ['true', 'false']) === 'true';
  sendJson(response, 200, context.api.held(peerOf(request), { history, workload: workloadOf(request) }));
}

async function readHeld(exchange: Exchange): Promise<void> {
  const { request, context } = exchange;
  const which = { origin: originOf(request), workload: workloadOf(request), version: versionOf(request) };
  await sendSnapshot(exchange, context.api.openHeld(peerOf(request), which));
}

async function returnHeld(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const peer = peerOf(request);
  await ignoreBody(exchange);
  sendJson(response, 202, await context.api.returnTo(peer));
}

async function syncPeer(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const peer = peerOf(request);
  const wait = queryWord(request, 'wait', ['held']);
  const timeoutMs = maybeTimeoutMsOf(request);
  await ignoreBody(exchange);
  const gone = goneSignal(response);
  const sync = await context.api.sync(peer, timeoutMs);
  if (wait === undefined) sendJson(response, 202, sync);
  else sendJson(response, 200, await context.api.awaitSync(sync, timeoutMs, gone));
}

async function verifyPeer(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const dataCenter = peerOf(request);
  const { repair } = await readJson(exchange, verifyBody);
  const rows = await context.api.verify(dataCenter, repair, goneSignal(response));
  const differences = rows.filter(({ state }) => state !== 'same' && state !== 'on-its-way').length;
  sendJson(response, 200, { dataCenter, rows, differences });
}
