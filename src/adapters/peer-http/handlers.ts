import type { PeerInbox } from '../../ports/peer-inbox.ts';
import { PROTOCOL } from '../../units.ts';
import { parsePeerMessage, type PeerMessage } from '../../wire/messages.ts';
import { DATA_CENTER_NAME } from '../../wire/names.ts';
import { HEADER, parseEnvelope, type SnapshotEnvelope } from '../../wire/snapshot-headers.ts';
import { base64urlOfHex, sha256Base64url } from '../../wire/tokens.ts';
import { assertBody, assertSpeaksFor, type Caller } from '../peer-auth/caller.ts';
import { parseJson } from './bounded-body.ts';
import { jsonAnswer, type Answer, type Exchange } from './exchange.ts';
import type { ListenerLimits } from './listener-limits.ts';
import { MESSAGE_MAX_BYTES } from './options.ts';
import { routeOf } from './paths.ts';
import { ListenerRefusal } from './refusal.ts';
import { quoted } from './safe-text.ts';

/** What the three requests of the peer protocol need. */
export interface HandlerContext {
  readonly inbox: PeerInbox;
  /** Who asks, as far as it was proven. */
  readonly caller: Caller;
  readonly limits: ListenerLimits;
  /** `dataSnapshotMaxBytes`. */
  readonly maxBytes: number;
}

/**
 * Answers one request of a peer: decodes, sees that it speaks for itself, makes one call of the inbox, encodes.
 *
 * @throws GatewayError what the request is refused with; anything else is a defect
 */
export async function handle(exchange: Exchange, context: HandlerContext): Promise<Answer> {
  const { req } = exchange;
  const route = routeOf(req.method ?? '', req.url ?? '');
  switch (route.kind) {
    case 'message':
      return handleMessage(exchange, context);
    case 'snapshot':
      return handleSnapshot(exchange, context, route.origin);
    case 'inventory':
      return handleInventory(exchange, context);
    case 'bad-origin':
      throw new ListenerRefusal('bad-request', `The origin ${route.problem}.`, 'origin');
    case 'not-allowed':
      exchange.res.setHeader('allow', route.allow);
      throw new ListenerRefusal('method-not-allowed', `The path takes ${route.allow}.`);
    case 'unknown':
      throw new ListenerRefusal('not-found', `The peer protocol has no path ${quoted(req.url ?? '')}.`);
  }
}

async function handleMessage(exchange: Exchange, { inbox, caller, limits }: HandlerContext): Promise<Answer> {
  refuseEncoding(exchange);
  const body = await exchange.body(MESSAGE_MAX_BYTES, limits.idleTimeoutMs);
  assertBody(caller, sha256Base64url(body));
  const message = decodeMessage(body);
  assertSpeaksFor(caller, message.dataCenterOrigin);
  return jsonAnswer(await inbox.receiveMessage(message, exchange.from));
}

async function handleSnapshot(exchange: Exchange, context: HandlerContext, origin: string): Promise<Answer> {
  refuseEncoding(exchange);
  const envelope = decodeEnvelope(exchange, origin);
  // The bytes are held against this digest when they are all there.
  assertBody(context.caller, base64urlOfHex(envelope.description.sha256));
  assertSpeaksFor(context.caller, envelope.dataCenterOrigin);
  if (envelope.description.bytes > context.maxBytes) {
    throw new ListenerRefusal('snapshot-too-large', `A snapshot has at most ${String(context.maxBytes)} bytes here.`);
  }
  const content = exchange.content(context.limits.bodyTimeoutMs);
  await context.inbox.receiveSnapshot(envelope, content, exchange.signal);
  const { version, sha256 } = envelope.description;
  return jsonAnswer({ origin, version, sha256 });
}

function handleInventory(exchange: Exchange, { inbox, caller }: HandlerContext): Answer {
  const dataCenter = exchange.req.headers[HEADER.dataCenter];
  if (typeof dataCenter !== 'string' || !DATA_CENTER_NAME.test(dataCenter)) {
    throw new ListenerRefusal('bad-request', 'The caller must name its data centre.', HEADER.dataCenter);
  }
  assertBody(caller, sha256Base64url(''));
  assertSpeaksFor(caller, dataCenter);
  return jsonAnswer(inbox.inventory(dataCenter, exchange.from));
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
