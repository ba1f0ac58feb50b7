import type { SnapshotKey } from '../../src/core/snapshot.ts';
import {
  PostgresSnapshotStore,
  type PostgresSnapshotStoreOptions,
} from '../../src/adapters/postgresql/snapshot-store.ts';
import type { DatabaseConnection } from '../../src/adapters/postgresql/target.ts';
import { Secret } from '../../src/secret.ts';
import { recordingLog } from '../unit/adapters/file/folder.ts';

/** What a URL of the tests' server says, as the configuration would have it. */
export function connectionOf(url: string): DatabaseConnection {
  const { hostname, port, pathname, username, password, searchParams } = new URL(url);
  return {
    hosts: [{ host: searchParams.get('host') ?? hostname, port: Number(port === '' ? 5432 : port) }],
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    password: password === '' ? null : new Secret(decodeURIComponent(password)),
    sslMode: 'disable',
    sslRootCert: null,
    sslCert: null,
    sslKey: null,
  };
}

export const TABLE = 'crossdc_snapshot';

export function storeOptions(
  url: string,
  change: Partial<PostgresSnapshotStoreOptions> = {},
): PostgresSnapshotStoreOptions {
  return {
    connection: connectionOf(url),
    table: { schema: null, name: TABLE },
    keyColumn: 'id',
    name: 'held',
    log: recordingLog(),
    wallMs: () => Date.UTC(2026, 0, 2),
    applicationName: 'crossdc-gateway test',
    ...change,
  };
}

export function openStore(
  url: string,
  change: Partial<PostgresSnapshotStoreOptions> = {},
): Promise<PostgresSnapshotStore> {
  return PostgresSnapshotStore.open(storeOptions(url, change));
}

/** A condition that selects the row of a version, and the values for it. */
export function versionOf(key: SnapshotKey, version: number): [string, readonly unknown[]] {
  return [
    'data_center = $1 AND workload = $2 AND origin = $3 AND version = $4 AND damaged IS NULL',
    [key.dataCenter, key.workload, key.origin, version],
  ];
}
