import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';

/** The database that every server has, and its first user. */
export const ADMINISTRATOR = 'postgres';
/** How long a busy server may take to let somebody in. */
const CONNECT_MS = 60_000;

export interface TestDatabase {
  readonly name: string;
  /** With user and password, who owns the database. */
  readonly url: string;
  /** As a user who may do anything, on a connection of its own. */
  query<T = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<T[]>;
  drop(): Promise<void>;
}

export interface DatabaseOptions {
  /** UTF8 by default. */
  readonly encoding?: string;
}

export interface SharedServer {
  createDatabase(options?: DatabaseOptions): Promise<TestDatabase>;
}

/** Somebody's server on which databases may be created; it is left as it was, once they are dropped. */
export function serverAt(url: string): SharedServer {
  const at = (database: string): string => {
    const place = new URL(url);
    place.pathname = `/${database}`;
    return place.href;
  };
  return {
    createDatabase: (options = {}) =>
      createDatabase({ admin: (name) => (name === ADMINISTRATOR ? url : at(name)), user: at }, options),
  };
}

export interface Places {
  readonly admin: (database: string) => string;
  readonly user: (database: string) => string;
}

/** No name is used twice, not even by tests that run beside these on the same server. */
export async function createDatabase(places: Places, { encoding = 'UTF8' }: DatabaseOptions): Promise<TestDatabase> {
  const name = `crossdc_test_${randomBytes(8).toString('hex')}`;
  const onServer = (sql: string): Promise<unknown> => queryOnce(places.admin(ADMINISTRATOR), sql);
  const owner = decodeURIComponent(new URL(places.user(name)).username);
  const owned = owner === '' ? '' : ` OWNER ${escapeIdentifier(owner)}`;
  await onServer(`CREATE DATABASE ${name}${owned} TEMPLATE template0 LOCALE 'C' ENCODING ${escapeLiteral(encoding)}`);
  return {
    name,
    url: places.user(name),
    query: (sql, params = []) => queryOnce(places.admin(name), sql, params),
    drop: async () => {
      await onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** On a connection of its own, so that nothing is left over that a killed server could have broken. */
export async function queryOnce<T>(url: string, sql: string, params: readonly unknown[] = []): Promise<T[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS });
  // A server that is killed under it is said by the query, or nobody cares.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(sql, [...params])).rows as T[];
  } finally {
    await client.end();
  }
}
