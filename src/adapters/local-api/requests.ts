import { GatewayError } from '../../errors.ts';
import { SECOND_MS } from '../../units.ts';
import { healthBody, messageBody, requestBody } from './bodies.ts';
import { readJson } from './body.ts';
import { sendJson, sendNothing, type Exchange, type Route } from './exchange.ts';
import { queryText } from './parameters.ts';

/** What the application or an operator asks of the gateway as a whole. */
export const requestRoutes: readonly Route[] = [
  { path: '/v1/snapshot-requests', methods: { post: requestSnapshots } },
  { path: '/v1/messages', methods: { post: specialMessage } },
  { path: '/v1/health', methods: { put: setHealth } },
];

async function requestSnapshots(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  if (queryText(request, 'wait') !== undefined) {
    throw new GatewayError('not-built', 'This version cannot wait for the snapshots; ask without wait.', {
      field: 'wait',
    });
  }
  const { origins, timeout } = await readJson(exchange, requestBody);
  const asked = {
    origins: origins === undefined ? null : [...new Set(origins)],
    timeoutMs: timeout === undefined ? null : timeout * SECOND_MS,
  };
  sendJson(response, 202, await context.api.requestSnapshots(asked));
}

async function specialMessage(exchange: Exchange): Promise<void> {
  const { msg } = await readJson(exchange, messageBody);
  await exchange.context.api.specialMessage(msg);
  sendJson(exchange.response, 202, { msg });
}

async function setHealth(exchange: Exchange): Promise<void> {
  const { status, note } = await readJson(exchange, healthBody);
  await exchange.context.api.setApplicationHealth({ status, note: note ?? null });
  sendNothing(exchange.response);
}
