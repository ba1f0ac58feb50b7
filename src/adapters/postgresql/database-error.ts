import { DatabaseError } from 'pg';
import { GatewayError } from '../../errors.ts';

/** The connection is gone, was never made, or did not answer in time: nothing is known of what was under way. */
export class ConnectionLost extends Error {
  /** SQLSTATE, where the server said why before it ended the connection. */
  readonly sqlState: string | undefined;

  constructor(message: string, more: { sqlState?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.name = 'ConnectionLost';
    this.sqlState = more.sqlState;
  }
}

/** No room: disk or quota, as the server sees it. */
const FULL = '53100';

/** What an operator should know of a SQLSTATE (PostgreSQL's appendix A), and what to do. */
export const REASONS: Readonly<Record<string, string>> = {
  '53200': 'the database server is out of memory',
  '53300': 'the database server has no free connection (max_connections, or a limit of the user or the database)',
  '57P01': 'the database server is shutting down, or somebody ended the connection',
  '57P02': 'a process of the database server crashed; it is recovering',
  '57P03': 'the database server is starting up or shutting down',
  '23505':
    'a row with the same number or version is in the table: somebody changed it, or its sequence was not restored',
  '57014': 'the database server took too long for one statement',
  '55P03': 'somebody else has locked the table',
  '25006': 'the database takes no writes: it is a replica, or set to read-only (default_transaction_read_only)',
  '58030': 'the database server cannot read or write its files',
};

/** SQLSTATEs whose own message names what is missing, and says nothing secret: rights, users, databases. */
const TOLD_BY_SERVER = /^(?:42501|28|3D000|3F000|0A000)/;

/** What went wrong, in words for an operator; never a password, an address with one, or a row's content. */
export function reasonOf(error: DatabaseError | ConnectionLost): string {
  if (error instanceof ConnectionLost) return error.message;
  // Only the message: the server's `detail` may quote what is in a row.
  const { code = '', message } = error;
  const reason = REASONS[code];
  if (reason !== undefined) return reason;
  if (TOLD_BY_SERVER.test(code)) return `the database server says: ${message}`;
  return `the database server says: ${message} (${code})`;
}

/**
 * The catalogue's error for whatever a statement threw: the one place where SQLSTATEs are judged. What comes neither
 * from the server nor from the connection is passed on as it is: judged before, or a defect.
 *
 * @param store the name of the store, as an operator knows it
 */
export function databaseError(error: unknown, store: string): unknown {
  if (!(error instanceof DatabaseError) && !(error instanceof ConnectionLost)) return error;
  const reason = reasonOf(error);
  const sqlState = sqlStateOf(error);
  const facts = { store, sqlState: sqlState ?? null, problem: reason };
  if (sqlState === FULL) {
    return new GatewayError('store-full', `There is no room in the store "${store}": the database's disk is full.`, {
      facts,
      cause: error,
    });
  }
  return new GatewayError('store-unavailable', `The store "${store}" cannot be used: ${reason}.`, {
    facts,
    cause: error,
  });
}

export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof ConnectionLost) return error.sqlState;
  return error instanceof DatabaseError ? error.code : undefined;
}

/** Whether the server ends the connection with this error (classes 08 and 57P): it is no answer to the statement alone. */
export function isFatal(error: DatabaseError): boolean {
  return /^(?:08|57P)/.test(error.code ?? '') || error.severity === 'FATAL' || error.severity === 'PANIC';
}

/** Whether a read failed because of what lies on the server's disk: damaged pages, missing pieces, bad sectors. */
export function isUnreadable(error: unknown): boolean {
  return /^(?:XX001|XX002|58030)$/.test(sqlStateOf(error) ?? '');
}
