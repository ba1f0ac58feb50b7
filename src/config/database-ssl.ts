import type { UsedParameter } from './database-parameters.ts';
import type { Reading } from './database-reading.ts';

/** How a connection is encrypted and the server made sure of, as PostgreSQL's own programs call it. */
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

export interface Ssl {
  /** null: not said. */
  readonly sslMode: SslMode | null;
  /** A file, or `system`. */
  readonly sslRootCert: string | null;
  /** Both or neither. */
  readonly sslCert: string | null;
  readonly sslKey: string | null;
}

/** How the connection is to be encrypted and the server made sure of. */
export function parseSsl(used: ReadonlyMap<UsedParameter, string>, reading: Reading): Ssl {
  const sslRootCert = used.get('sslrootcert') || null;
  const sslCert = used.get('sslcert') || null;
  const sslKey = used.get('sslkey') || null;
  if ((sslCert === null) !== (sslKey === null)) reading.complain('needs both sslcert and sslkey, or neither');
  const said = parseSslMode(used, reading);
  const isSystem = sslRootCert === 'system';
  const sslMode = said ?? (isSystem ? 'verify-full' : null);
  if (isSystem && sslMode !== 'verify-full')
    reading.complain(
      'has sslrootcert=system, which needs sslmode=verify-full: anybody can have a certificate of a public authority',
    );
  const isVerified = sslMode === 'verify-ca' || sslMode === 'verify-full';
  if (isVerified && sslRootCert === null)
    reading.complain(
      `wants the server verified (sslmode=${sslMode}), and nothing says against what: add sslrootcert=FILE, or sslrootcert=system for the authorities that this program trusts by itself`,
    );
  // As psql does: whoever names an authority wants it to be asked.
  return {
    sslMode: sslMode === 'require' && sslRootCert !== null ? 'verify-ca' : sslMode,
    sslRootCert,
    sslCert,
    sslKey,
  };
}

/** `sslmode`, or the `ssl` of pgjdbc, which verifies. */
function parseSslMode(used: ReadonlyMap<UsedParameter, string>, reading: Reading): SslMode | null {
  const text = (used.get('sslmode') ?? '').toLowerCase();
  const mode = SSL_MODES.find((known) => known === text) ?? null;
  if (text !== '' && mode === null) reading.complain(`its sslmode must be one of ${SSL_MODES.join(', ')}`);
  const ssl = used.get('ssl')?.toLowerCase();
  if (ssl !== undefined && !['', 'true', 'false'].includes(ssl)) reading.complain('its ssl must be true or false');
  const wantsSsl = ssl === '' || ssl === 'true';
  if (wantsSsl && mode !== null && ['disable', 'allow', 'prefer'].includes(mode))
    reading.complain(`has ssl=true and sslmode=${mode}, which contradict each other`);
  return mode ?? (wantsSsl ? 'verify-full' : null);
}
