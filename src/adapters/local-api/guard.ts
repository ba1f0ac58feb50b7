import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../errors.ts';

/** These need no token: a load balancer or an orchestrator asks them. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/primary', '/standby']);
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface Policy {
  /** The address that the API was told to listen on. */
  readonly host: string;
  /** The port that it does listen on. */
  readonly port: number;
  readonly token: { reveal(): string } | null;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Makes the judge of who may ask.
 *
 * With a token, its bearer may. Without one the API trusts whoever reaches it, and a browser on this machine reaches
 * it for any web page: so the Host must be our own (a page that had its name rebound to our address sends its own),
 * and what changes something must not come from another web origin.
 *
 * @returns the refusal, or null when the request may go on
 */
export function makeGuard(policy: Policy): (asked: Asked) => GatewayError | null {
  const authorities = ownAuthorities(policy.host, policy.port);
  const { token } = policy;
  if (token !== null) {
    return ({ path, headers }) => {
      if (OPEN_PATHS.has(path) || isBearer(headers.authorization, token.reveal())) return null;
      return new GatewayError('unauthorized', 'The local API wants its bearer token (localApiToken).');
    };
  }
  return ({ method, headers }) => {
    if (!authorities.has((headers.host ?? '').toLowerCase())) {
      return new GatewayError('forbidden-host', 'The Host header does not name this API.', { field: 'host' });
    }
    if (SAFE_METHODS.has(method) || !isForeign(headers, authorities)) return null;
    return new GatewayError('forbidden-host', 'A page of another web origin may not change anything here.', {
      field: 'origin',
    });
  };
}

/** What a Host header may say when it means us. */
export function ownAuthorities(host: string, port: number): ReadonlySet<string> {
  const bare = host.toLowerCase();
  const hosts = ['127.0.0.1', 'localhost', '[::1]', bare.includes(':') && !bare.startsWith('[') ? `[${bare}]` : bare];
  // A client leaves out the port that its scheme implies.
  return new Set(hosts.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])));
}

/** Hashes first, so that neither the length nor the place of the first difference shows in the time it takes. */
export function isBearer(header: string | undefined, token: string): boolean {
  const given = /^bearer +(.+)$/i.exec(header ?? '')?.[1];
  if (given === undefined) return false;
  // Node.js decodes headers as Latin-1; the bytes are what the client sent.
  return timingSafeEqual(digest(Buffer.from(given, 'latin1')), digest(Buffer.from(token)));
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Whether a browser says that the request was made by a page that is not ours. Programs send neither header. */
function isForeign(headers: IncomingHttpHeaders, authorities: ReadonlySet<string>): boolean {
  const site = headers['sec-fetch-site'];
  // `same-site` is another port of this machine: another program's page.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (headers.origin === undefined) return false;
  const authority = /^http:\/\/([^/]+)$/.exec(headers.origin.toLowerCase())?.[1];
  if (authority === undefined) return true;
  return !authorities.has(authority);
}
