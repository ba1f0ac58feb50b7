import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { messageOf } from '../errors.ts';
import { MIB, SECOND_MS } from '../units.ts';
import { CliError, EXIT } from './exit-status.ts';
import { awaitAnswerAfterFailedWrite } from './late-answer.ts';
import { noGateway, problemError, unreachable } from './local-api-errors.ts';
import type { Target } from './target.ts';

export interface Exchange {
  readonly method?: 'GET' | 'PUT' | 'POST';
  /** Path and query, already encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON when it is a value, a stream's bytes otherwise. */
  readonly json?: unknown;
  readonly content?: AsyncIterable<Uint8Array>;
  /** How long nothing may move on the connection; Infinity for a stream of events. */
  readonly idleMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Longer than a healthy gateway ever takes for an answer that it does not have to wait for. */
export const IDLE_MS = 15 * SECOND_MS;
/** A gateway verifies a snapshot whole before its first byte, and makes it durable before it answers. */
export const TRANSFER_IDLE_MS = 120 * SECOND_MS;
const ANSWER_MAX_BYTES = 64 * MIB;

/**
 * The gateway's local API, over plain node:http: it starts faster than fetch, streams with a length, and has no
 * timeouts but the ones given here. One connection a request, so that no idle one keeps the process.
 */
export class LocalApi {
  readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  /**
   * The answer's head, whatever its status; the caller reads or destroys the body.
   *
   * @throws CliError (unreachable), and whatever reading `content` throws
   */
  async send(exchange: Exchange): Promise<IncomingMessage> {
    const { request: open } =
      this.target.url.protocol === 'https:' ? await import('node:https') : await import('node:http');
    const body = exchange.json === undefined ? undefined : JSON.stringify(exchange.json);
    const request = open(this.#options(exchange, body));
    const answered = this.#answer(request, exchange);
    awaitAnswerAfterFailedWrite(request);
    if (exchange.content === undefined) {
      request.end(body);
      return answered;
    }
    // An early answer (too large, no room) ends the sending; then its failure is no news.
    pipeline(Readable.from(exchange.content, { objectMode: false, highWaterMark: MIB }), request).catch(
      () => undefined,
    );
    return answered;
  }

  /** As `send`, with a status of 2xx, or 206 where a range was asked for. @throws CliError for a problem too */
  async open(exchange: Exchange): Promise<IncomingMessage> {
    const answer = await this.send(exchange);
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    const text = await readText(answer).catch(() => '');
    throw problemError(this.target, answer, text);
  }

  /** The answer's JSON. @throws CliError; (unreachable) when it is no JSON, because then it is no gateway's */
  async json(exchange: Exchange): Promise<unknown> {
    const answer = await this.open({ ...exchange, headers: { accept: 'application/json', ...exchange.headers } });
    if (answer.statusCode === 204) {
      answer.resume();
      return null;
    }
    let text: string;
    try {
      text = await readText(answer);
    } catch (error) {
      throw unreachable(this.target, `the answer broke off: ${messageOf(error)}`);
    }
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw noGateway(this.target, `the answer to ${exchange.path} is no JSON`);
    }
  }

  #options(exchange: Exchange, body: string | undefined): RequestOptions {
    const { url, socket, token } = this.target;
    const idleMs = exchange.idleMs ?? IDLE_MS;
    return {
      protocol: url.protocol,
      // URL keeps the brackets of an IPv6 address, which a connection does not want.
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port,
      ...(socket === undefined ? {} : { socketPath: socket }),
      // The path is sent as it is: URL would take an origin of "%2e%2e" for a step up.
      path: url.pathname.replace(/\/$/, '') + exchange.path,
      method: exchange.method ?? 'GET',
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        // A snapshot's digest and ranges are those of its own bytes.
        'accept-encoding': 'identity',
        ...exchange.headers,
      },
      agent: false,
      ...(idleMs === Infinity ? {} : { timeout: idleMs }),
      ...(exchange.signal === undefined ? {} : { signal: exchange.signal }),
    };
  }

  #answer(request: ClientRequest, exchange: Exchange): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request.once('response', resolve);
      request.once('socket', (socket) => socket.setKeepAlive(true, IDLE_MS));
      request.once('timeout', () => {
        const seconds = (exchange.idleMs ?? IDLE_MS) / SECOND_MS;
        request.destroy(unreachable(this.target, `nothing came for ${seconds} s`));
      });
      // It stays on after the answer: a connection that breaks later ends the body, and is told there.
      request.on('error', (error) => reject(this.#failure(error, exchange.signal)));
    });
  }

  #failure(error: Error, signal: AbortSignal | undefined): Error {
    if (signal?.aborted === true) return new CliError(EXIT.failed, 'interrupted');
    // What reading the content threw comes out here as it is.
    if (error instanceof CliError || !('code' in error)) return error;
    return unreachable(this.target, error);
  }
}

/** The body as text, bounded. */
async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_MAX_BYTES) throw new Error(`it is longer than ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
