import { ignoreBody } from './body.ts';
import { sendJson, type Exchange, type Route } from './exchange.ts';
import { originOf, peerOf, queryWord, versionOf, workloadOf } from './parameters.ts';
import { sendSnapshot } from './read-snapshot.ts';

/** The peers, and what is held from each. */
export const peerRoutes: readonly Route[] = [
  { path: '/v1/peers', methods: { get: listPeers }, isForReaders: true },
  { path: '/v1/peers/:dc', methods: { get: showPeer }, isForReaders: true },
  { path: '/v1/peers/:dc/snapshots', methods: { get: listHeld }, isForReaders: true },
  { path: '/v1/peers/:dc/snapshots/:origin', methods: { get: readHeld } },
  { path: '/v1/peers/:dc/return', methods: { post: returnHeld } },
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
