import type { DatabaseCheck } from '../adapters/postgresql/check.ts';
import type { Keyring } from '../adapters/storage/keyring.ts';
import { addressText } from '../config/addresses.ts';
import type { DatabaseConfig } from '../config/database.ts';
import { GatewayError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { DamagedVersion, FoundDamage } from '../services/found-damage.ts';

/** The form in which the adapter wants what the configuration says of the database. */
export function databaseOptions(database: DatabaseConfig, dataCenter: string): DatabaseCheck {
  const { hosts, user, password, sslMode, sslRootCert, sslCert, sslKey, table, keyColumn } = database;
  return {
    connection: {
      hosts,
      database: database.database,
      user,
      password,
      sslMode,
      // Without a file a server is verified against the authorities that Node.js trusts.
      sslRootCert: sslRootCert === 'system' ? null : sslRootCert,
      sslCert,
      sslKey,
    },
    table,
    keyColumn,
    name: 'held',
    // Whoever looks at the server's connections sees whose they are.
    applicationName: `crossdc-gateway ${dataCenter}`,
  };
}

/** Where the database is, for people and logs: no password. */
export function databasePlace({ hosts, database, user, table, sslMode }: DatabaseConfig): Record<string, string> {
  return {
    hosts: hosts
      .map(({ host, port }) => (host.startsWith('/') ? `${host}:${port}` : addressText(host, port)))
      .join(','),
    database,
    user,
    table: table.schema === null ? table.name : `${table.schema}.${table.name}`,
    sslMode,
  };
}

/**
 * The held snapshots in PostgreSQL. A database that is away does not keep the gateway from starting.
 *
 * @throws GatewayError `store-foreign` that names the keys: what is there is not ours, and only a person can tell
 */
export async function openDatabaseStore(
  database: DatabaseConfig,
  parts: {
    readonly clock: Clock;
    readonly log: Log;
    readonly foundDamage: FoundDamage;
    readonly keyring: Keyring;
    readonly dataCenter: string;
  },
): Promise<SnapshotStore> {
  const { clock, log, foundDamage, keyring, dataCenter } = parts;
  log.info(databasePlace(database), 'what the peers replicate is held in PostgreSQL');
  // Only who uses it waits for the client to load.
  const { PostgresSnapshotStore } = await import('../adapters/postgresql/snapshot-store.ts');
  const onDamage = (found: Omit<DamagedVersion, 'store'>): void => foundDamage.add({ store: 'held', ...found });
  try {
    const options = { ...databaseOptions(database, dataCenter), log, wallMs: () => clock.wallMs(), onDamage, keyring };
    return await PostgresSnapshotStore.open(options);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'store-foreign') throw error;
    const message = error.message.startsWith('dataSnapshot') ? error.message : `dataSnapshotJdbcUrl: ${error.message}`;
    throw new GatewayError('store-foreign', message, {
      facts: { ...error.facts, ...databasePlace(database) },
      cause: error,
    });
  }
}
