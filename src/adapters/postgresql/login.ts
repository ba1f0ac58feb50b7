import { GatewayError } from '../../errors.ts';
import { Connection, type Login } from './connection.ts';
import { ConnectionLost, sqlStateOf } from './database-error.ts';
import { hostText, type Host } from './target.ts';

/**
 * Settings of every connection of ours, whatever the server, the database or the user has. A vanished gateway's
 * connections, and with them its lock, are freed by the server after 10 + 3 × 5 s. A statement ends on the server
 * before nobody waits for it any more. The search path is empty, so that no name of ours can mean somebody else's object.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  lock_timeout: '0',
  search_path: '',
  statement_timeout: '9s',
  tcp_keepalives_count: '3',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  transaction_timeout: '0',
};

/** What the server says of itself. */
export interface ServerFacts {
  readonly encoding: string;
  /** In which the user's new tables would be; null when there is none. */
  readonly schema: string | null;
  readonly isReadOnly: boolean;
  readonly hasFsync: boolean;
}

interface FactsRow {
  readonly encoding: string;
  readonly schema: string | null;
  readonly recovery: boolean;
  readonly read_only: string;
  readonly fsync: string;
}

const FACTS = `
  SELECT pg_catalog.current_setting('server_encoding') AS encoding, pg_catalog.current_schema()::text AS schema,
         pg_catalog.pg_is_in_recovery() AS recovery, pg_catalog.current_setting('transaction_read_only') AS read_only,
         pg_catalog.current_setting('fsync') AS fsync`;

// Joined with what the server has: an older one does not know every setting. Durable is what COMMIT has answered, so
// synchronous_commit may be weaker than the server's default, but not off.
const SET = `
  SELECT pg_catalog.set_config(s.name, w.value, false)
  FROM pg_catalog.pg_settings s
  JOIN unnest($1::text[], $2::text[]) AS w(name, value) ON w.name = s.name
  UNION ALL
  SELECT pg_catalog.set_config('synchronous_commit', 'on', false)
  WHERE pg_catalog.current_setting('synchronous_commit') = 'off'`;

/** A connection with our settings. @throws DatabaseError, ConnectionLost */
export async function logIn(login: Login, host: Host): Promise<{ connection: Connection; facts: ServerFacts }> {
  const connection = await Connection.open(login, host);
  try {
    const { rows } = await connection.query<FactsRow>(FACTS);
    const row = rows[0];
    if (row === undefined) throw new Error('the database says nothing of itself');
    await connection.query(SET, [Object.keys(SETTINGS), Object.values(SETTINGS)]);
    const { encoding, schema } = row;
    const isReadOnly = row.recovery || row.read_only === 'on';
    return { connection, facts: { encoding, schema, isReadOnly, hasFsync: row.fsync === 'on' } };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/**
 * The first host that takes writes.
 *
 * @throws ConnectionLost when none does, with what each one said; GatewayError `store-foreign` for another encoding
 */
export async function logInToWritable(login: Login): Promise<{ connection: Connection; facts: ServerFacts }> {
  const problems: ConnectionLost[] = [];
  for (const host of login.connection.hosts) {
    const attempt = await logIn(login, host).catch((error: unknown) => {
      if (!(error instanceof ConnectionLost)) throw error;
      problems.push(error);
      return null;
    });
    if (attempt === null) continue;
    const { connection, facts } = attempt;
    if (!facts.isReadOnly) {
      assertEncoding(connection, facts, login);
      return attempt;
    }
    connection.destroy();
    problems.push(new ConnectionLost(`${hostText(host)}: it takes no writes (a replica, or set to read-only)`));
  }
  const [first] = problems;
  if (problems.length === 1 && first !== undefined) throw first;
  throw new ConnectionLost(problems.map(({ message }) => message).join('; '), {
    sqlState: first === undefined ? undefined : sqlStateOf(first),
    cause: first,
  });
}

function assertEncoding(connection: Connection, { encoding }: ServerFacts, login: Login): void {
  if (encoding === 'UTF8') return;
  connection.destroy();
  throw new GatewayError(
    'store-foreign',
    `The database "${login.connection.database}" is in ${encoding}, and names of snapshots are in UTF-8. Make a database ` +
      "with ENCODING 'UTF8' and name it in dataSnapshotJdbcUrl.",
    { facts: { encoding } },
  );
}
