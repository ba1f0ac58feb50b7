import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { problemOf, type GatewayError } from '../../../src/errors.ts';

export interface Seen {
  /** "GET /v1/status". */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Answer = (response: ServerResponse, seen: Seen) => unknown;

/** A local API that answers by the book it is given, and remembers what it was asked. */
export class ScriptedGateway {
  readonly url: string;
  readonly seen: Seen[] = [];
  readonly #answers = new Map<string, Answer[]>();
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
  }

  static async start(): Promise<ScriptedGateway> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedGateway(server);
  }

  /** The answers to a request, one after the other; the last one stays. */
  on(line: string, ...answers: Answer[]): this {
    this.#answers.set(line, answers);
    return this;
  }

  get lines(): string[] {
    return this.seen.map(({ line }) => line);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      // The client broke off: what it had sent by then is what was seen.
    }
    const seen = {
      line: `${request.method ?? ''} ${request.url ?? ''}`,
      headers: request.headers,
      body: Buffer.concat(chunks),
    };
    this.seen.push(seen);
    const answers = this.#answers.get(seen.line) ?? [];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    await (answer ?? json(404, { title: 'not scripted', detail: seen.line }))(response, seen);
  }
}

export function json(status: number, value: unknown): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
}

export function problem(error: GatewayError): Answer {
  return json(error.status, problemOf(error));
}

export function text(status: number, body: string, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

/** Sends some lines of a stream of events, then ends it as `ending` says. */
export function events(lines: string, ending: 'break' | 'end' | 'stay'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(lines, () => {
      if (ending === 'break') response.destroy();
      if (ending === 'end') response.end();
    });
  };
}
