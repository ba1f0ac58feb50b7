import type { Request, Response } from 'express';
import * as v from 'valibot';
import { GatewayError, messageOf } from '../../errors.ts';
import { parseBoundedJson } from '../../wire/bounded-json.ts';
import type { Exchange } from './exchange.ts';

/** Whether the client announced a body; only then is there anything to read, to drain or to be early for. */
export function hasBody(request: Request): boolean {
  return request.headers['transfer-encoding'] !== undefined || (declaredBytes(request) ?? 0) > 0;
}

/** Content-Length; null when there is none. The parser has already refused one that is no number. */
export function declaredBytes(request: Request): number | null {
  const text = request.headers['content-length'];
  return text === undefined ? null : Number(text);
}

/** Whether the client still holds its body back until it is asked for. */
export function isHeldBack(request: Request, response: Response): boolean {
  return /100-continue/i.test(request.headers.expect ?? '') && !continued.has(response);
}

/** `100 Continue` is sent only when the body is really read: what is refused before is never sent over. */
const continued = new WeakSet<Response>();

/**
 * The body, chunk by chunk. Leaving it early does not cut the connection, so that the refusal can still be answered.
 *
 * @throws GatewayError `interrupted` when the client goes away, or sends nothing for too long while we are reading
 */
export async function* contentOf({
  request,
  response,
  context,
}: Exchange): AsyncGenerator<Uint8Array, void, undefined> {
  if (isHeldBack(request, response)) {
    continued.add(response);
    response.writeContinue();
  }
  const onIdle = (): void => {
    request.destroy(new GatewayError('interrupted', 'Nothing of the body came for too long.'));
  };
  request.on('timeout', onIdle);
  const chunks: AsyncIterator<Uint8Array, unknown, undefined> = request.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      // The time runs while we wait for the client, not while the client waits for our disk.
      request.socket.setTimeout(context.limits.bodyIdleMs);
      const next = await chunks.next();
      request.socket.setTimeout(0);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError('interrupted', `The body was not complete: ${messageOf(error)}.`, { cause: error });
  } finally {
    request.off('timeout', onIdle);
    request.socket.setTimeout(0);
    await chunks.return?.();
  }
}

/** Reads a body of at most the bound. @throws GatewayError `too-large` as soon as that is known, `interrupted` */
async function readBounded(exchange: Exchange): Promise<Buffer> {
  const { request, context } = exchange;
  const { jsonBytes } = context.limits;
  const tooLarge = (): GatewayError => new GatewayError('too-large', `The body may have at most ${jsonBytes} bytes.`);
  if (!hasBody(request)) return Buffer.alloc(0);
  if ((declaredBytes(request) ?? 0) > jsonBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const isHere = new AbortController();
  void interruptWhenLate(exchange, isHere.signal);
  try {
    for await (const chunk of contentOf(exchange)) {
      bytes += chunk.length;
      if (bytes > jsonBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } finally {
    isHere.abort();
  }
  return Buffer.concat(chunks);
}

/** A byte now and then is progress, and yet no client needs so long for so little. */
async function interruptWhenLate({ request, context }: Exchange, isHere: AbortSignal): Promise<void> {
  await context.clock.sleep(context.limits.jsonMs, isHere);
  if (!isHere.aborted) request.destroy(new GatewayError('interrupted', 'The body was not complete in time.'));
}

/** Takes a body that nobody asked for off the connection. @throws as `readJson` */
export async function ignoreBody(exchange: Exchange): Promise<void> {
  await readBounded(exchange);
}

/** The name of an unknown field is the caller's text: this much of it comes back. */
const FIELD_SHOWN = 100;

/**
 * The JSON object of the body, checked; fields that the schema does not know are left out, or refused where it is strict.
 * No body is an empty object.
 *
 * @throws GatewayError `bad-request` with the field at fault, `too-large`, `interrupted`
 */
export async function readJson<Schema extends v.GenericSchema>(
  exchange: Exchange,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  assertJsonType(exchange.request);
  return parse(await readBounded(exchange), schema);
}

/**
 * The body of a request that needs none. One of any type without a byte is none; what has fields is held against the
 * schema, because whoever sent them meant something by them. @throws as `readJson`
 */
export async function readNoFields(exchange: Exchange, schema: v.GenericSchema): Promise<void> {
  const bytes = await readBounded(exchange);
  if (bytes.length === 0) return;
  assertJsonType(exchange.request);
  parse(bytes, schema);
}

function parse<Schema extends v.GenericSchema>(bytes: Buffer, schema: Schema): v.InferOutput<Schema> {
  const result = v.safeParse(schema, bytes.length === 0 ? {} : parseJson(bytes), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = v.getDotPath(issue)?.slice(0, FIELD_SHOWN) ?? '(body)';
  throw new GatewayError('bad-request', `${field}: ${problemOf(issue, schema)}`, { field });
}

function problemOf(issue: v.BaseIssue<unknown>, schema: v.GenericSchema): string {
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const known = 'entries' in schema ? Object.keys(schema.entries as object) : [];
    return `is no field of this request, which ${known.length === 0 ? 'takes none' : `takes ${known.join(', ')}`}`;
  }
  return issue.received === 'undefined' ? 'is required' : issue.message;
}

/** A web page can send any other type to us without asking first. */
function assertJsonType(request: Request): void {
  assertIdentityEncoding(request);
  const type = request.headers['content-type'];
  if (type === undefined || /^application\/([a-z0-9.+-]+\+)?json *(;|$)/i.test(type)) return;
  throw new GatewayError('bad-request', 'The body must be application/json.', { field: 'content-type' });
}

/** @throws GatewayError `bad-request`: what is stored is what was sent, and a packed body would be neither */
export function assertIdentityEncoding(request: Request): void {
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding.trim().toLowerCase() === 'identity') return;
  throw new GatewayError('bad-request', 'The body must not be content-encoded.', { field: 'content-encoding' });
}

function parseJson(bytes: Buffer): object {
  const parsed = parseBoundedJson(bytes);
  if (!parsed.ok) throw new GatewayError('bad-request', `The body ${parsed.problem}.`, { field: '(body)' });
  const { value } = parsed;
  // The schema library would take an array for an object without fields.
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new GatewayError('bad-request', 'The body is no JSON object.', { field: '(body)' });
}
