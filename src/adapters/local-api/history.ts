import { sendJson, type Exchange, type Route } from './exchange.ts';
import { pageLimitOf, queryNumber } from './parameters.ts';

export const historyRoutes: readonly Route[] = [
  { path: '/v1/history', methods: { get: sendHistory }, isForReaders: true },
];

async function sendHistory({ request, response, context }: Exchange): Promise<void> {
  const after = queryNumber(request, 'after', 0) ?? 0;
  sendJson(response, 200, await context.api.ownership.history(after, pageLimitOf(request)));
}
