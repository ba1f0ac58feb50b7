import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../errors.ts';

/** These need no token: a load balancer or an orchestrator asks them. */
export const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/primary', '/standby']);
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

interface Token {
  reveal(): string;
}

export interface Policy {
  /** The address that the API was told to listen on, and the port that it has; null: it listens on a Unix socket. */
  readonly address: { readonly host: string; readonly port: number } | null;
  readonly token: Token | null;
  /** Its bearer may only read; there is none without `token`. */
  readonly readToken: Token | null;
}

export interface Asked {
  readonly method: string;
  /** The target as it stands in the request line. */
  readonly url: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

/** What the caller may do: everything, or look. */
export type Access = 'all' | 'read';

/** Says what the caller may do, or why it may do nothing. */
export type Guard = (asked: Asked) => Access | GatewayError;

/**
 * Makes the judge of who may ask.
 *
 * With a token, its bearer may, under whatever name it reached us. Without one the API trusts whoever reaches it, and a
 * browser on this machine reaches it for any web page: so the Host must be our own (a page that had its name rebound
 * to our address sends its own), and nothing may come from another web origin. No browser reaches a Unix socket by
 * itself, so there the Host says nothing and may be anything; what a proxy passes on of a foreign page is refused.
 */
export function makeGuard({ address, token, readToken }: Policy): Guard {
  const authorities = address === null ? null : ownAuthorities(address.host, address.port);
  return (asked) => {
    const malformed = malformedIn(asked);
    if (malformed !== null) return malformed;
    if (token === null) {
      return hostProblem(asked.headers, authorities) ?? pageProblem(asked, authorities, false) ?? 'all';
    }
    if (OPEN_PATHS.has(asked.path)) return 'all';
    return pageProblem(asked, null, true) ?? bearerAccess(asked.headers, token, readToken);
  };
}

/**
 * What clients, proxies and we could read in different ways. A target with a host in it overrules the Host header (RFC
 * 9112 §3.2.2) and is only meant for proxies; of two Host headers Node.js would show us the first alone.
 */
function malformedIn({ url, rawHeaders }: Asked): GatewayError | null {
  if (!url.startsWith('/')) return new GatewayError('bad-request', 'The request target is no path.', { field: 'path' });
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  return hosts.length > 1 ? new GatewayError('bad-request', 'There is more than one Host.', { field: 'host' }) : null;
}

function hostProblem(headers: IncomingHttpHeaders, authorities: ReadonlySet<string> | null): GatewayError | null {
  if (authorities?.has((headers.host ?? '').toLowerCase()) !== false) return null;
  return new GatewayError('forbidden-host', 'The Host header does not name this API.', { field: 'host' });
}

/** Both are compared, whatever the first says, so that the time does not tell which of them was near. */
function bearerAccess(headers: IncomingHttpHeaders, token: Token, readToken: Token | null): Access | GatewayError {
  const isAll = isBearer(headers.authorization, token.reveal());
  const isRead = readToken !== null && isBearer(headers.authorization, readToken.reveal());
  if (isAll) return 'all';
  if (isRead) return 'read';
  return new GatewayError('unauthorized', 'The local API wants its bearer token (localApiToken).');
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

/**
 * A page of another web origin may change nothing, also where a proxy adds the token to whatever it passes on. Where
 * no token is wanted it may not read either: it would not see the answer, but it could keep us busy. Following a link
 * to us is no reading by a page.
 */
function pageProblem(
  { method, headers }: Asked,
  authorities: ReadonlySet<string> | null,
  mayRead: boolean,
): GatewayError | null {
  if (!isForeign(headers, authorities)) return null;
  if (SAFE_METHODS.has(method) && (mayRead || isFollowedLink(headers))) return null;
  const what = SAFE_METHODS.has(method) ? 'read' : 'change';
  return new GatewayError('forbidden-host', `A page of another web origin may not ${what} anything here.`, {
    field: 'origin',
  });
}

/**
 * Whether a browser says that the request was made by a page that is not ours. Programs send none of these headers.
 * Without names of our own (`authorities` null) a page is ours that came from where the request went.
 */
function isForeign(headers: IncomingHttpHeaders, authorities: ReadonlySet<string> | null): boolean {
  const site = headers['sec-fetch-site'];
  // `same-site` is another port of this machine: another program's page.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (headers.origin === undefined) return false;
  // A proxy may have changed the Host on the way; the browser has compared before that.
  if (authorities === null && site === 'same-origin') return false;
  const [, scheme, authority] = /^(https?):\/\/([^/]+)$/.exec(headers.origin.toLowerCase()) ?? [];
  if (authority === undefined) return true;
  return authorities === null
    ? authority !== (headers.host ?? '').toLowerCase()
    : scheme !== 'http' || !authorities.has(authority);
}

/** A whole page in a window of its own, and no request that a script made: those have an Origin. */
function isFollowedLink(headers: IncomingHttpHeaders): boolean {
  const isPage = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return isPage && headers.origin === undefined;
}
