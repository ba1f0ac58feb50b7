import type { Request } from 'express';
import { GatewayError } from '../../errors.ts';
import { DATA_CENTER_NAME } from '../../wire/names.ts';
import { sendJson, type Exchange, type Route } from './exchange.ts';
import { originOf, queryText, versionOf, workloadOf } from './parameters.ts';
import { sendSnapshot } from './read-snapshot.ts';

/** What an application starts from. The bytes of each candidate are where its `href` says. */
export const restoreRoutes: readonly Route[] = [
  { path: '/v1/restore', methods: { get: showRestore }, isForReaders: true },
  { path: '/v1/returned/:origin', methods: { get: readReturned } },
];

function showRestore({ request, response, context }: Exchange): void {
  sendJson(response, 200, context.api.restore(workloadOf(request)));
}

async function readReturned(exchange: Exchange): Promise<void> {
  const { request, context } = exchange;
  const version = versionOf(request);
  if (version === undefined) throw new GatewayError('bad-request', 'version is required', { field: 'version' });
  const which = {
    origin: originOf(request),
    workload: workloadOf(request),
    dataCenter: returnerOf(request),
    version,
  };
  await sendSnapshot(exchange, context.api.openReturned(which));
}

/** Who gave it back: two peers may have returned one version. */
function returnerOf(request: Request): string {
  const name = queryText(request, 'dataCenter');
  if (name !== undefined && DATA_CENTER_NAME.test(name)) return name;
  throw new GatewayError('bad-request', 'dataCenter must be the name of the data centre that returned it', {
    field: 'dataCenter',
  });
}
