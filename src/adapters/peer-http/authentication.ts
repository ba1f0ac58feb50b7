import type { IncomingMessage } from 'node:http';
import { ListenerRefusal } from './refusal.ts';

/** A request as it is about to leave; header names in lower case. */
export interface OutgoingRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Every request to a peer passes here last. With `peerAuth=none` it says who we are and proves nothing. */
export function sign(request: OutgoingRequest): Record<string, string> {
  return { ...request.headers, 'user-agent': 'crossdc-gateway' };
}

/**
 * Every request of a peer passes here first, before any of it is believed. With `peerAuth=none` the caller may name
 * itself; but a web page in a browser on this machine reaches loopback too, and only a browser sends `Origin`.
 *
 * @throws ListenerRefusal `forbidden-host`
 */
export function authenticate(req: IncomingMessage): void {
  if (req.headers.origin !== undefined || req.headers['sec-fetch-site'] !== undefined) {
    throw new ListenerRefusal('forbidden-host', 'A web page has no business with the peer listener.');
  }
}
