import { request, type Dispatcher } from 'undici';
import { messageOf } from '../../errors.ts';
import { KIB } from '../../units.ts';

/** An answer is looked at for one line of text; more than this is not read. */
const ANSWER_BYTES = 4 * KIB;
const LINE_CHARACTERS = 200;

export interface HttpCall {
  readonly dispatcher: Dispatcher;
  readonly method: 'GET' | 'POST';
  /** http or https; `user:password@` in it becomes an Authorization header. */
  readonly url: string;
  /** JSON, for a POST. */
  readonly body?: string;
  readonly timeoutMs: number;
}

/** `detail` is one line for people; the URL is never in it, for it may hold a credential. */
export interface HttpCallResult {
  readonly ok: boolean;
  readonly detail: string;
}

/** One request within one deadline, from connecting to the last byte looked at. Ok is 2xx, a redirect is not. Never rejects. */
export async function callOnce(call: HttpCall, signal: AbortSignal): Promise<HttpCallResult> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) controller.abort();
  const timer = setTimeout(() => controller.abort(), call.timeoutMs);
  try {
    const url = new URL(call.url);
    const answer = await request(withoutCredentials(url), {
      dispatcher: call.dispatcher,
      method: call.method,
      headers: headersOf(call, url),
      signal: controller.signal,
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    const ok = answer.statusCode >= 200 && answer.statusCode < 300;
    const line = await firstLine(answer.body);
    return {
      ok,
      detail: line === '' ? `status ${String(answer.statusCode)}` : `status ${String(answer.statusCode)}: ${line}`,
    };
  } catch (error) {
    if (signal.aborted) return { ok: false, detail: 'the gateway is stopping' };
    if (controller.signal.aborted) return { ok: false, detail: `no answer within ${String(call.timeoutMs / 1000)} s` };
    return { ok: false, detail: describe(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function withoutCredentials(url: URL): URL {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain;
}

function headersOf(call: HttpCall, url: URL): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': 'crossdc-gateway', accept: '*/*' };
  if (call.body !== undefined) headers['content-type'] = 'application/json';
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  return headers;
}

/** The start of the answer; the rest of a long one is not waited for: its connection is closed instead. */
async function firstLine(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= ANSWER_BYTES) break;
  }
  const [line = ''] = Buffer.concat(chunks)
    .toString('utf8')
    .trim()
    .split(/[\r\n]/);
  return line.slice(0, LINE_CHARACTERS);
}

/** Of several addresses that were tried the error has one cause each and no message of its own. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return messageOf(error);
}
