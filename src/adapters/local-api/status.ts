import { sendJson, type Exchange, type Route } from './exchange.ts';

export const statusRoutes: readonly Route[] = [
  { path: '/', methods: { get: sendHome }, isForReaders: true },
  {
    path: '/v1/status',
    methods: { get: ({ response, context }) => sendJson(response, 200, context.api.status()) },
    isForReaders: true,
  },
  {
    path: '/openapi.json',
    methods: { get: ({ response, context }) => sendJson(response, 200, context.openapi) },
    isForReaders: true,
  },
];

/** Until there is a status page. */
function sendHome({ response }: Exchange): void {
  response.writeHead(302, { location: '/v1/status', 'content-length': '0' });
  response.end();
}
