import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body, parsed; its shape is the caller's to know. */
  json<T>(): T;
}

export interface HttpCall {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly json?: unknown;
}

/** One request on a connection of its own: none is left over that a killed gateway could have broken. */
export async function httpCall(url: string, call: HttpCall = {}): Promise<HttpAnswer> {
  const body = call.json === undefined ? call.body : JSON.stringify(call.json);
  const headers = {
    ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    ...call.headers,
  };
  const req = request(url, { method: call.method ?? 'GET', headers, agent: false });
  req.end(body);
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const content = Buffer.concat(chunks);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: content,
    json: <T>() => JSON.parse(content.toString()) as T,
  };
}
