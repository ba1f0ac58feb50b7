import type { PeerInbox } from '../../ports/peer-inbox.ts';
import { PROTOCOL } from '../../units.ts';
import { parsePeerMessage, type PeerMessage } from '../../wire/messages.ts';
import { DATA_CENTER_NAME } from '../../wire/names.ts';
import { HEADER, parseEnvelope, type SnapshotEnvelope } from '../../wire/snapshot-headers.ts';
import { authenticate } from './authentication.ts';
import { parseJson } from './bounded-body.ts';
import type { Exchange } from './exchange.ts';
import type { ListenerLimits } from './listener-limits.ts';
import { MESSAGE_MAX_BYTES } from './options.ts';
import { routeOf } from './paths.ts';
import { ListenerRefusal } from './refusal.ts';
import { quoted } from './safe-text.ts';

/** What the three requests of the peer protocol need. */
export interface HandlerContext {
  readonly inbox: PeerInbox;
  readonly limits: ListenerLimits;
  /** `dataSnapshotMaxBytes`. */
  readonly maxBytes: number;
}

/**
 * Answers one request of a peer: decodes, makes one call of the inbox, encodes.
 *
 * @throws GatewayError what the request is refused with; anything else is a defect
 */
export async function handle(exchange: Exchange, context: HandlerContext): Promise<void> {
  const { req } = exchange;
  authenticate(req);
  const route = routeOf(req.method ?? '', req.url ?? '');
  switch (route.kind) {
    case 'message':
      return handleMessage(exchange, context);
    case 'snapshot':
      return handleSnapshot(exchange, context, route.origin);
    case 'inventory':
      handleInventory(exchange, context);
      return;
    case 'bad-origin':
      throw new ListenerRefusal('bad-request', `The origin ${route.problem}.`, 'origin');
    case 'not-allowed':
      exchange.res.setHeader('allow', route.allow);
      throw new ListenerRefusal('method-not-allowed', `The path takes ${route.allow}.`);
    case 'unknown':
      throw new ListenerRefusal('not-found', `The peer protocol has no path ${quoted(req.url ?? '')}.`);
  }
}

async function handleMessage(exchange: Exchange, { inbox, limits }: HandlerContext): Promise<void> {
  refuseEncoding(exchange);
  const body = await exchange.body(MESSAGE_MAX_BYTES, limits.idleTimeoutMs);
  const answer = await inbox.receiveMessage(decodeMessage(body), exchange.from);
  exchange.answer(200, answer);
}

async function handleSnapshot(exchange: Exchange, context: HandlerContext, origin: string): Promise<void> {
  refuseEncoding(exchange);
  const envelope = decodeEnvelope(exchange, origin);
  if (envelope.description.bytes > context.maxBytes) {
    throw new ListenerRefusal('snapshot-too-large', `A snapshot has at most ${String(context.maxBytes)} bytes here.`);
  }
  const content = exchange.content(context.limits.bodyTimeoutMs);
  await context.inbox.receiveSnapshot(envelope, content, exchange.signal);
  const { version, sha256 } = envelope.description;
  exchange.answer(200, { origin, version, sha256 });
}

function handleInventory(exchange: Exchange, { inbox }: HandlerContext): void {
  const dataCenter = exchange.req.headers[HEADER.dataCenter];
  if (typeof dataCenter !== 'string' || !DATA_CENTER_NAME.test(dataCenter)) {
    throw new ListenerRefusal('bad-request', 'The caller must name its data centre.', HEADER.dataCenter);
  }
  exchange.answer(200, inbox.inventory(dataCenter, exchange.from));
}

function decodeMessage(body: Uint8Array): PeerMessage {
  const parsed = parsePeerMessage(parseJson(body));
  switch (parsed.kind) {
    case 'message':
      return parsed.message;
    case 'wrong-protocol':
      throw wrongProtocol(JSON.stringify(parsed.protocol), 'protocol');
    case 'invalid':
      throw new ListenerRefusal('bad-request', `The message is not valid: ${quoted(parsed.problem)}.`, parsed.field);
  }
}

function decodeEnvelope({ req }: Exchange, origin: string): SnapshotEnvelope {
  const parsed = parseEnvelope(req.headers, origin);
  if (parsed.ok) return parsed.value;
  const protocol = req.headers[HEADER.protocol];
  if (parsed.field === HEADER.protocol && typeof protocol === 'string') throw wrongProtocol(protocol, HEADER.protocol);
  throw new ListenerRefusal('bad-request', `The header ${parsed.field} ${parsed.problem}.`, parsed.field);
}

function wrongProtocol(theirs: string, field: string): ListenerRefusal {
  const shown = /^[0-9]{1,10}$/.test(theirs) ? theirs : quoted(theirs);
  const detail = `This gateway speaks protocol ${String(PROTOCOL)}, the peer speaks protocol ${shown}: upgrade the older of the two.`;
  return new ListenerRefusal('wrong-protocol', detail, field);
}

function refuseEncoding({ req }: Exchange): void {
  const encoding = req.headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw new ListenerRefusal('bad-request', 'No content encoding was agreed.', 'content-encoding');
}
