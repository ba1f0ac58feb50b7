import { parseHost, parsePort } from './addresses.ts';
import type { Reading } from './database-reading.ts';

export interface DatabaseHost {
  /** In lower case, IPv6 without brackets; a folder, beginning with `/`, is that of a Unix socket. */
  readonly host: string;
  readonly port: number;
}

const DATABASE_PORT = 5432;
const HOSTS_MAX = 32;

/** The hosts of the URL, or those of its parameters `host` and `port`; this machine when it has neither. */
export function parseHosts(
  text: string,
  parameters: { readonly hosts: string | null; readonly ports: string | null },
  reading: Reading,
): DatabaseHost[] {
  const isTwice = text !== '' && (parameters.hosts !== null || parameters.ports !== null);
  if (isTwice) reading.complain('names its hosts twice, before the / and by the parameters host or port');
  const ports = parameters.ports?.split(',') ?? [];
  const items = (text === '' ? (parameters.hosts ?? '') : text).split(',');
  if (items.length > HOSTS_MAX) reading.complain(`has more than ${HOSTS_MAX} hosts`);
  if (ports.length > 1 && ports.length !== items.length) reading.complain('has not as many ports as hosts');
  return items.slice(0, HOSTS_MAX).map((item, index) => {
    const [host, ownPort] = splitHost(text === '' ? { host: item } : { hostAndPort: item }, reading);
    const portText = ownPort ?? (ports.length > 1 ? ports[index] : ports[0]);
    const port = portText === undefined ? DATABASE_PORT : parsePort(portText);
    if (host === null) reading.complainOfShape(`its host number ${index + 1} is no host name or IP address`);
    if (port === null) reading.complainOfShape(`the port of its host number ${index + 1} must be 1 to 65535`);
    return { host: host ?? '', port: port ?? DATABASE_PORT };
  });
}

function splitHost(
  item: { readonly host: string } | { readonly hostAndPort: string },
  reading: Reading,
): [host: string | null, port: string | undefined] {
  if ('host' in item) return [hostOf(item.host.trim()), undefined];
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(item.hostAndPort);
  if (match === null) return [null, undefined];
  const [, ipv6, name = '', port] = match;
  // What stands in brackets is an address and nothing else.
  const host = ipv6 === undefined ? hostOf(reading.decode(name)) : ipv6.includes(':') ? parseHost(ipv6) : null;
  return [host, port];
}

function hostOf(text: string): string | null {
  if (text === '') return 'localhost';
  return text.startsWith('/') ? text : parseHost(text);
}
