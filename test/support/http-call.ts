import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { toldSecrets } from './told-secrets.ts';

export class HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;

  constructor(status: number, headers: IncomingHttpHeaders, body: Buffer) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** The body, parsed; its shape is the caller's to know. */
  json(): unknown {
    return JSON.parse(this.body.toString()) as unknown;
  }
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
  // Once it is answered, a connection that breaks ends the answer, and is met there.
  req.on('error', () => undefined);
  req.end(body);
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const answer = new HttpAnswer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks));
  toldSecrets.hearAnswer(`${call.method ?? 'GET'} ${url}`, answer);
  return answer;
}
