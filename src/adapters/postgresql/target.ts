import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { Secret } from '../../secret.ts';
import { ConnectionLost } from './database-error.ts';

/** Where the database is and how to reach it. */
export interface DatabaseConnection {
  /** Tried in order; the first that takes writes is used. A host that begins with `/` is the folder of a Unix socket. */
  readonly hosts: readonly Host[];
  readonly database: string;
  readonly user: string;
  /** Opened for the one moment in which the server asks for it. */
  readonly password: Secret | null;
  /** As libpq means it. */
  readonly sslMode: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** Paths of PEM files; read at each connection, so that renewed ones need no restart. */
  readonly sslRootCert: string | null;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
}

export interface Host {
  readonly host: string;
  readonly port: number;
}

export function isSocket(host: Host): boolean {
  return host.host.startsWith('/');
}

/** For messages: no user, no password. */
export function hostText(host: Host): string {
  if (isSocket(host)) return `${host.host}/.s.PGSQL.${host.port}`;
  return host.host.includes(':') ? `[${host.host}]:${host.port}` : `${host.host}:${host.port}`;
}

export type TlsChoice = false | ConnectionOptions;

/**
 * What to try, in this order. `allow` and `prefer` fall back to plain when the server has no TLS; every other mode has
 * one choice. A Unix socket has no TLS, whatever the mode: so does libpq.
 *
 * @throws ConnectionLost when a file cannot be read
 */
export function tlsChoices(connection: DatabaseConnection, host: Host): readonly TlsChoice[] {
  const { sslMode } = connection;
  if (sslMode === 'disable' || isSocket(host)) return [false];
  const files = {
    ...(connection.sslRootCert === null ? {} : { ca: readPem('sslrootcert', connection.sslRootCert) }),
    ...(connection.sslCert === null ? {} : { cert: readPem('sslcert', connection.sslCert) }),
    ...(connection.sslKey === null ? {} : { key: readPem('sslkey', connection.sslKey) }),
  };
  switch (sslMode) {
    case 'allow':
    case 'prefer':
      return [{ ...files, rejectUnauthorized: false }, false];
    case 'require':
      // A root certificate that is given is meant to be checked (libpq, "34.19.1 Client Verification of Server Certificates").
      return [files.ca === undefined ? { ...files, rejectUnauthorized: false } : { ...files, ...CHAIN_ONLY }];
    case 'verify-ca':
      return [{ ...files, ...CHAIN_ONLY }];
    case 'verify-full':
      return [{ ...files, rejectUnauthorized: true }];
  }
}

/** The chain is verified, the name in the certificate is not. */
const CHAIN_ONLY: ConnectionOptions = { rejectUnauthorized: true, checkServerIdentity: () => undefined };

function readPem(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new ConnectionLost(`${parameter}: the file ${path} cannot be read (${code})`, { cause: error });
  }
}
