import { isIPv4, isIPv6 } from 'node:net';

/** A machine of a peer as the operator wrote it; `port` is null when the default is meant. */
export interface Machine {
  /** In lower case; IPv6 without brackets, in its canonical form. */
  readonly host: string;
  readonly port: number | null;
}

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const HOST_MAX = 253;

/**
 * A host name, an IPv4 or an IPv6 address in its canonical form; null when it is none of them. Names that a URL would
 * take for an address in disguise (`127.1`, `0x7f.1`) are refused: one could think that they were looked at as such.
 */
export function parseHost(text: string): string | null {
  if (isIPv4(text)) return text;
  // A zone (`fe80::1%eth0`) has no place in a URL.
  if (isIPv6(text)) return text.includes('%') ? null : new URL(`http://[${text}]`).hostname.slice(1, -1);
  const name = text.toLowerCase();
  if (name.length > HOST_MAX) return null;
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return null;
  return /^([0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? null : name;
}

/** A port to connect to: 1 to 65535; null when the text is none. */
export function parsePort(text: string): number | null {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
}

/** `host`, `host:port`, `[ipv6]`, `[ipv6]:port` or a bare IPv6 address; otherwise why it is none of them. */
export function parseMachine(text: string): Machine | string {
  if (text.includes('//')) return `${JSON.stringify(text)} is a URL; give host or host:port`;
  const bare = isIPv6(text) ? parseHost(text) : null;
  if (bare !== null) return { host: bare, port: null };
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text);
  const [, ipv6, name, portText] = match ?? [];
  const host = ipv6 === undefined ? parseHost(name ?? '') : isIPv6(ipv6) ? parseHost(ipv6) : null;
  if (host === null) return `${JSON.stringify(text)} has no valid host; right are host, host:port and [ipv6]:port`;
  if (portText === undefined) return { host, port: null };
  const port = parsePort(portText);
  return port === null ? `the port of ${JSON.stringify(text)} must be 1 to 65535` : { host, port };
}

/** `host:port`, an IPv6 address in brackets. */
export function addressText(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** All addresses of the machine. */
function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Whether listeners on the two hosts with one port would be in each other's way. */
export function overlaps(a: string, b: string): boolean {
  if (a === b || isWildcard(a) || isWildcard(b)) return true;
  // Which of the two a name means is for the resolver to say; usually 127.0.0.1, on some machines ::1.
  const hasName = a === 'localhost' || b === 'localhost';
  return hasName && [a, b].every((host) => ['localhost', '127.0.0.1', '::1'].includes(host));
}
