import type { IncomingMessage } from 'node:http';
import { callerOf, type Caller } from '../peer-auth/caller.ts';
import type { PeerTrust } from '../peer-auth/peer-trust.ts';
import { ListenerRefusal } from './refusal.ts';

/**
 * Every request of a peer passes here first, before any of it is believed. Where nothing is asked for the caller may
 * name itself; but a web page in a browser on this machine reaches loopback too, and only a browser sends `Origin`.
 *
 * @throws ListenerRefusal `forbidden-host`, and what `callerOf` refuses with
 */
export async function admit(trust: PeerTrust, req: IncomingMessage): Promise<Caller> {
  if (req.headers.origin !== undefined || req.headers['sec-fetch-site'] !== undefined) {
    throw new ListenerRefusal('forbidden-host', 'A web page has no business with the peer listener.');
  }
  const { method = '', url: target = '', headers, socket } = req;
  return callerOf(trust, socket, { method, target, headers });
}
