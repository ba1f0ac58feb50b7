import type { ChecksView } from '../../ports/gateway-api.ts';
import { sendJson, type Exchange, type Route } from './exchange.ts';

/** Prometheus' text exposition format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** What orchestrators, load balancers and Prometheus ask. */
export const healthRoutes: readonly Route[] = [
  {
    path: '/healthz',
    methods: { get: ({ response, context }) => sendJson(response, ...checked(context.api.healthz())) },
    isForReaders: true,
  },
  {
    path: '/readyz',
    methods: { get: ({ response, context }) => sendJson(response, ...checked(context.api.readyz())) },
    isForReaders: true,
  },
  { path: '/metrics', methods: { get: sendMetrics }, isForReaders: true },
];

/** The status that goes with the checks, and the checks. */
export function checked(view: ChecksView): [200 | 503, ChecksView] {
  return [view.status === 'ok' ? 200 : 503, view];
}

async function sendMetrics({ response, context }: Exchange): Promise<void> {
  const text = Buffer.from(await context.metrics());
  response.writeHead(200, { 'content-type': METRICS_TYPE, 'content-length': text.length });
  response.end(text);
}
