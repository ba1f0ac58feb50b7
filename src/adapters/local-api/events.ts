import type { Request } from 'express';
import { GatewayError } from '../../errors.ts';
import { streamEvents } from './event-stream.ts';
import { sendJson, type Exchange, type Route } from './exchange.ts';
import { pageLimitOf, parseNumber, queryNumber, queryText } from './parameters.ts';

const STREAM = 'text/event-stream';
const PAGE = 'application/json';

export const eventRoutes: readonly Route[] = [{ path: '/v1/events', methods: { get: sendEvents }, isForReaders: true }];

async function sendEvents(exchange: Exchange): Promise<void> {
  switch (exchange.request.accepts([STREAM, PAGE])) {
    case STREAM:
      return sendStream(exchange);
    case PAGE:
      return sendPage(exchange);
    default:
      throw new GatewayError('bad-request', `Accept must allow ${STREAM} or ${PAGE}.`, { field: 'accept' });
  }
}

async function sendPage({ request, response, context }: Exchange): Promise<void> {
  const limit = pageLimitOf(request);
  const feed = context.api.events;
  const events = await feed.read(queryNumber(request, 'after', 0) ?? 0, limit);
  sendJson(response, 200, { events, oldestId: feed.oldestId, newestId: feed.newestId });
}

async function sendStream(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const lastId = lastEventId(request);
  if (context.closing.aborted) throw new GatewayError('shutting-down', 'The gateway is shutting down.');
  const isReader = response.locals.access === 'read';
  const leave = (isReader ? context.readingSubscribers : context.subscribers).take();
  if (leave === null) {
    const places = isReader ? context.limits.readingSubscribers : context.limits.subscribers;
    throw new GatewayError('busy', `All ${places} subscribers of events are taken.`);
  }
  try {
    response.writeHead(200, { 'content-type': STREAM });
    response.flushHeaders();
    if (request.method !== 'HEAD') await followEvents(exchange, lastId, isReader);
    response.end();
  } finally {
    leave();
  }
}

/** A dashboard that looks on is no application that would take over the work. */
async function followEvents(exchange: Exchange, lastId: number | null, isReader: boolean): Promise<void> {
  const detach = isReader ? null : exchange.context.api.events.attach();
  try {
    await streamEvents(exchange, lastId);
  } finally {
    detach?.();
  }
}

/**
 * Where to go on: the header that a browser sends when it reconnects, else the query, for clients that cannot set the
 * header at first. null: from now on.
 */
function lastEventId(request: Request): number | null {
  const header = request.get('last-event-id');
  if (header !== undefined && header !== '') return parseNumber(header, 'last-event-id', 0);
  for (const name of ['lastEventId', 'after']) {
    const text = queryText(request, name);
    if (text !== undefined) return parseNumber(text, name, 0);
  }
  return null;
}
