import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { ERRORS, type ErrorCode } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { listenOnSocket } from './unix-socket.ts';

export interface SocketAddress {
  readonly socket: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Opens the listener. @returns where it is: with port 0 the system has chosen one. @throws as `net.Server.listen` */
export async function openListener(server: Server, host: string, port: number): Promise<Address> {
  leaveWhenClosing(server);
  server.listen({ host, port });
  await once(server, 'listening');
  const { address, port: taken } = server.address() as AddressInfo;
  return { host: address, port: taken };
}

/** Opens the listener on a Unix socket. @throws as `listenOnSocket` */
export async function openSocket(server: Server, path: string): Promise<SocketAddress> {
  leaveWhenClosing(server);
  await listenOnSocket(server, path);
  return { socket: path };
}

/** A client that keeps its connection for the next request must not hold up our closing. */
function leaveWhenClosing(server: Server): void {
  const onRequest = (_request: IncomingMessage, response: ServerResponse): void => {
    if (!server.listening) response.setHeader('connection', 'close');
    response.once('close', () => {
      if (!server.listening) server.closeIdleConnections();
    });
  };
  server.on('request', onRequest).on('checkContinue', onRequest);
}

/** Takes no new connection, lets what is under way finish for so long, then cuts the rest. */
export async function closeListener(server: Server, clock: Clock, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new AbortController();
  server.close(() => closed.abort());
  server.closeIdleConnections();
  await clock.sleep(graceMs, closed.signal);
  if (closed.signal.aborted) return;
  const ended = once(server, 'close');
  server.closeAllConnections();
  await ended;
}

/** What the parser says of requests that never reach a handler. */
const PARSER_PROBLEMS: Readonly<Record<string, { status: string; code: ErrorCode }>> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', code: 'headers-too-large' },
};

/** What a malformed request is refused with: the answer under way on its connection, if any, and how long to linger. */
export interface Refusing {
  readonly current: ServerResponse | undefined;
  readonly clock: Clock;
  readonly lingerMs: number;
}

/** Answers what is no HTTP request with a problem as well, and cuts the connection when the client had time to read it. */
export async function refuseMalformed(
  error: Error & { code?: string },
  socket: Duplex,
  { current, clock, lingerMs }: Refusing,
): Promise<void> {
  // In the middle of an answer these bytes would be taken for a part of it.
  if (!socket.writable || (current?.headersSent === true && !current.writableFinished)) {
    socket.destroy();
    return;
  }
  const { status, code } = PARSER_PROBLEMS[error.code ?? ''] ?? {
    status: '400 Bad Request',
    code: 'bad-request' as const,
  };
  const { title } = ERRORS[code];
  const body = JSON.stringify({
    type: `urn:crossdc:problem:${code}`,
    title,
    status: ERRORS[code].status,
    detail: detailOf(error),
  });
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...SECURITY_HEADERS.map(([name, value]) => `${name}: ${value}`),
  ];
  const closed = new AbortController();
  socket.once('close', () => closed.abort());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  await clock.sleep(lingerMs, closed.signal);
  socket.destroy();
}

function detailOf(error: Error & { code?: string }): string {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'The header lines are longer than this API takes.';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'The request was not complete in time.';
    default:
      return 'This is no HTTP request.';
  }
}
