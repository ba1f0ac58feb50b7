import { GatewayError } from '../../errors.ts';
import type { RequestRow } from '../../ports/ownership-api.ts';
import { SECOND_MS } from '../../units.ts';
import { healthBody, messageBody, requestBody } from './bodies.ts';
import { readJson } from './body.ts';
import { goneSignal, sendJson, sendNothing, type Exchange, type Route } from './exchange.ts';
import { queryWord, workloadOf } from './parameters.ts';

/** What the application or an operator asks of the gateway as a whole. */
export const requestRoutes: readonly Route[] = [
  { path: '/v1/snapshot-requests', methods: { post: requestSnapshots } },
  { path: '/v1/messages', methods: { post: specialMessage } },
  { path: '/v1/health', methods: { put: setHealth } },
];

async function requestSnapshots(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const wait = queryWord(request, 'wait', ['accepted', 'replicated']);
  const workload = workloadOf(request);
  const { origins, timeout } = await readJson(exchange, requestBody);
  const asked = {
    ...(workload === undefined ? {} : { workload }),
    origins: origins === undefined ? null : [...new Set(origins)],
    timeoutMs: timeout === undefined ? null : timeout * SECOND_MS,
  };
  const gone = goneSignal(response);
  const { requestId } = await context.api.requestSnapshots(asked);
  if (wait === undefined) {
    sendJson(response, 202, { requestId });
    return;
  }
  const { isComplete, rows } = await context.api.awaitRequest(requestId, wait, asked.timeoutMs, gone);
  if (!isComplete) throw notInTime({ requestId, rows });
  sendJson(response, 200, { requestId, rows });
}

/** The rows go with it: which origins the caller has to do without is what it wants to know. */
function notInTime(answer: { requestId: string; rows: readonly RequestRow[] }): GatewayError {
  const texts = (['missing', 'accepted'] as const).flatMap((state) => {
    const count = answer.rows.filter((row) => row.state === state).length;
    return count === 0 ? [] : [`${count} ${state === 'missing' ? 'not posted' : 'posted, but not at every peer'}`];
  });
  const detail = `Of ${answer.rows.length} origins that were asked for, in time: ${texts.join(', ')}.`;
  return new GatewayError('not-in-time', detail, { facts: { answer } });
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
