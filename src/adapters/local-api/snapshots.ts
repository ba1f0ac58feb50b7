import type { OutgoingView } from '../../ports/gateway-api.ts';
import { HEADER } from '../../wire/snapshot-headers.ts';
import { contentOf } from './body.ts';
import { goneSignal, sendJson, type Exchange, type Route } from './exchange.ts';
import { originOf, queryWord, timeoutMsOf, versionOf, workloadOf } from './parameters.ts';
import { sendSnapshot } from './read-snapshot.ts';
import { parseUploadHeaders } from './upload-headers.ts';

const DEFAULT_WAIT_SECONDS = 30;

/** Our own snapshots: what the application posts and reads back. */
export const snapshotRoutes: readonly Route[] = [
  { path: '/v1/snapshots', methods: { get: listSnapshots }, isForReaders: true },
  { path: '/v1/snapshots/:origin', methods: { get: readSnapshot, put: putSnapshot, post: putSnapshot } },
  { path: '/v1/damaged', methods: { get: listDamaged }, isForReaders: true },
];

async function putSnapshot(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const wait = queryWord(request, 'wait', ['replicated']);
  const timeoutMs = timeoutMsOf(request, DEFAULT_WAIT_SECONDS);
  const fresh = {
    origin: originOf(request),
    workload: workloadOf(request),
    ...parseUploadHeaders(request, context.limits.snapshotMaxBytes),
    content: contentOf(exchange),
  };
  const gone = goneSignal(response);
  const accepted = await context.api.putSnapshot(fresh, gone);
  // Also on a 504: the caller learns which version goes on waiting.
  response.setHeader(HEADER.version, String(accepted.version));
  if (wait === undefined) sendJson(response, 202, receiptOf(accepted));
  else sendJson(response, 200, receiptOf(await context.api.awaitReplicated(accepted, timeoutMs, gone)));
}

function receiptOf({ workload, origin, version, bytes, sha256, takenAt, replication }: OutgoingView): object {
  return { workload, origin, version, bytes, sha256, takenAt, replication };
}

function listSnapshots({ request, response, context }: Exchange): void {
  const hasHistory = queryWord(request, 'history', ['true', 'false']) === 'true';
  const workload = workloadOf(request);
  sendJson(response, 200, hasHistory ? context.api.ownVersions(workload) : context.api.outgoing(workload));
}

async function listDamaged({ response, context }: Exchange): Promise<void> {
  sendJson(response, 200, await context.api.damaged());
}

async function readSnapshot(exchange: Exchange): Promise<void> {
  const { request, context } = exchange;
  await sendSnapshot(exchange, context.api.openOutgoing(originOf(request), workloadOf(request), versionOf(request)));
}
