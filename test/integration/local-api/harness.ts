import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { inspect } from 'node:util';
import type { LocalApiLimits } from '../../../src/adapters/local-api/limits.ts';
import { LocalApiServer } from '../../../src/adapters/local-api/server.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { MIB } from '../../../src/units.ts';
import { FakeGatewayApi } from '../../support/fake-gateway-api.ts';
import { assertMatchesOpenApi, openapi } from '../../support/openapi.ts';
import { toldSecrets } from '../../support/told-secrets.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** Parsed, when the type says JSON. */
  readonly json: unknown;
}

export interface Ask {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

export interface LoggedLine {
  readonly level: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly sentence: string;
}

interface HarnessOptions {
  readonly token?: string;
  readonly readToken?: string;
  readonly limits?: Partial<LocalApiLimits>;
  readonly host?: string;
  readonly socket?: string;
}

/** A local API on a free port over a gateway in memory. */
export class Harness {
  readonly api = new FakeGatewayApi();
  readonly lines: LoggedLine[] = [];
  readonly server: LocalApiServer;
  /** 0 on a socket. */
  port = 0;
  readonly #socket: string | undefined;
  #onLine: () => void = () => undefined;

  readonly #note =
    (level: string) =>
    (facts: Readonly<Record<string, unknown>>, sentence: string): void => {
      this.lines.push({ level, facts, sentence });
      this.#onLine();
    };

  constructor(options: HarnessOptions = {}) {
    const { token, readToken, socket } = options;
    this.#socket = socket;
    for (const value of [token, readToken]) {
      if (value !== undefined) toldSecrets.register([{ kind: 'a token of the local API', value }]);
    }
    this.server = new LocalApiServer({
      host: options.host ?? '127.0.0.1',
      port: 0,
      api: this.api,
      ...(socket === undefined ? {} : { socket }),
      token: token === undefined ? null : { reveal: () => token },
      ...(readToken === undefined ? {} : { readToken: { reveal: () => readToken } }),
      metrics: () => Promise.resolve('# HELP crossdc_peer_up Up.\n'),
      limits: { snapshotMaxBytes: 4 * MIB, ...options.limits },
      clock: new SystemClock(),
      log: {
        debug: this.#note('debug'),
        info: this.#note('info'),
        warn: this.#note('warn'),
        error: this.#note('error'),
      },
      openapi,
    });
  }

  async start(): Promise<this> {
    const place = await this.server.listen();
    if ('port' in place) this.port = place.port;
    return this;
  }

  async stop(): Promise<void> {
    await this.server.close(0);
    toldSecrets.hear('the log of the local API', inspect(this.lines, { depth: 8 }));
    toldSecrets.settle();
  }

  /** The first line of the log, now or when it is written. */
  async logged(): Promise<LoggedLine> {
    while (this.lines[0] === undefined) await new Promise<void>((resolve) => (this.#onLine = resolve));
    return this.lines[0];
  }

  get base(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** Asks on a connection of its own, path and headers as they are given, and reads the whole answer. */
  async ask(method: string, path: string, { headers = {}, body }: Ask = {}): Promise<Reply> {
    const place = this.#socket === undefined ? { host: '127.0.0.1', port: this.port } : { socketPath: this.#socket };
    const request = httpRequest({ ...place, method, path, headers, agent: false });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // An answer may come, and its connection be closed, while a refused body is still being sent.
    request.on('error', () => undefined);
    const reply = await readReply(response);
    toldSecrets.hear(`the answer to ${method} ${path}`, JSON.stringify(reply.headers) + reply.text);
    return reply;
  }

  /** As `ask`, and holds the answer against docs/openapi.json. */
  async checked(method: string, path: string, ask: Ask = {}): Promise<Reply> {
    const reply = await this.ask(method, path, ask);
    const contentType = reply.headers['content-type'] ?? null;
    assertMatchesOpenApi({ method, path, status: reply.status, contentType, body: reply.json });
    return reply;
  }

  async postJson(path: string, value: unknown, method = 'POST'): Promise<Reply> {
    return this.checked(method, path, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
  }

  /** A connection on which a test writes whatever it likes. */
  async dial(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  /** Writes the text and reads until the server closes. */
  async raw(text: string | Buffer): Promise<string> {
    const socket = await this.dial();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.write(text);
    await once(socket, 'close');
    return Buffer.concat(chunks).toString();
  }
}

export async function readReply(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  const isJson = /^application\/(problem\+)?json/.test(response.headers['content-type'] ?? '') && text !== '';
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    bytes,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** The last part of a problem's type, and its field. */
export function problemOf(reply: Reply): { status: number; code: string; field: string | undefined } {
  const body = reply.json as { type: string; status: number; field?: string };
  return { status: reply.status, code: body.type.replace('urn:crossdc:problem:', ''), field: body.field };
}
