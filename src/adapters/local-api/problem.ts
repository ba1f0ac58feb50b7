import { randomUUID } from 'node:crypto';
import { GatewayError, messageOf, problemOf } from '../../errors.ts';
import { declaredBytes, hasBody, isHeldBack } from './body.ts';
import { goneSignal, type Exchange } from './exchange.ts';

/**
 * Answers a request that failed. Of an error that is none of the catalogue nothing leaves but a request id, under
 * which the log has the cause. A client that has gone gets nothing, and that is no error.
 */
export async function sendFailure(exchange: Exchange, thrown: unknown): Promise<void> {
  const { request, response, context } = exchange;
  const error = asGatewayError(thrown);
  if (error === null || error.status === 500) {
    const requestId = randomUUID();
    if (!response.headersSent) response.setHeader('crossdc-request-id', requestId);
    const facts = { requestId, method: request.method, path: request.path, error: messageOf(thrown) };
    context.log.error({ ...facts, stack: stackOf(thrown) }, 'A request to the local API failed');
  }
  if (response.destroyed || response.closed) return;
  if (response.headersSent) {
    // Half an answer is out. Only a cut connection tells the client that the rest never comes.
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(problemOf(error)));
  if (error?.code === 'unauthorized') response.setHeader('www-authenticate', 'Bearer realm="crossdc"');
  if (error?.code === 'read-only-token')
    response.setHeader('www-authenticate', 'Bearer realm="crossdc", error="insufficient_scope"');
  if (error?.status === 503) response.setHeader('retry-after', '1');
  response.setHeader('content-type', 'application/problem+json');
  response.setHeader('content-length', body.length);
  response.statusCode = error?.status ?? 500;
  if (request.method === 'HEAD') response.end();
  else if (isStillSending(exchange)) await answerWhileSending(exchange, body);
  else {
    response.end(body);
    // Node.js takes the rest off the connection only of a body that nobody began to read.
    request.resume();
  }
}

/** The router's own refusals (a `%` that is no percent-encoding) are 400s of ours. */
function asGatewayError(thrown: unknown): GatewayError | null {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof Error && 'status' in thrown && thrown.status === 400) {
    return new GatewayError('bad-request', 'The path is not valid percent-encoding.', { field: 'path', cause: thrown });
  }
  return null;
}

function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack : undefined;
}

/**
 * Whether more of the body may be on its way than we take off the connection for nothing; of a connection that ends
 * with this answer any body is more, because one that comes after its end breaks it.
 */
function isStillSending({ request, response, context }: Exchange): boolean {
  if (!hasBody(request) || request.complete || isHeldBack(request, response)) return false;
  if (!response.shouldKeepAlive) return true;
  const declared = declaredBytes(request);
  return declared === null || declared > context.limits.drainBytes;
}

/**
 * A connection that is closed while input waits at it is reset, and the client never sees why. So the whole answer is
 * sent, a bounded part of the body is read and thrown away, and the client is given a moment to notice. We end our half
 * of the connection first and leave the other half to the client (RFC 9112 §9.6): even the empty write by which it ends
 * its body would fail at a closed Unix socket, and take the answer with it.
 */
async function answerWhileSending({ request, response, context }: Exchange, body: Buffer): Promise<void> {
  const { drainBytes, lingerMs } = context.limits;
  const gone = goneSignal(response);
  const done = new AbortController();
  const finish = (): void => done.abort();
  gone.addEventListener('abort', finish);
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > drainBytes) request.pause();
  });
  // Null while another answer is still on its way before this one.
  request.once('end', () => response.socket?.end());
  request.on('error', finish);
  response.setHeader('connection', 'close');
  response.write(body);
  request.resume();
  await context.clock.sleep(lingerMs, done.signal);
  response.end();
}
