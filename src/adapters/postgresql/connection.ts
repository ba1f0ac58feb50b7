import { Client, DatabaseError } from 'pg';
import { messageOf } from '../../errors.ts';
import { SECOND_MS } from '../../units.ts';
import { CopyOut } from './copy.ts';
import { ConnectionLost, isFatal, reasonOf } from './database-error.ts';
import { ignore } from '../storage/lanes.ts';
import { hostText, tlsChoices, type DatabaseConnection, type Host, type TlsChoice } from './target.ts';

/** To make a connection, with TLS and login. Raised: a dead host among several delays longer; lowered: a slow one is given up. */
const CONNECT_MS = 5 * SECOND_MS;
/** For one statement. Raised: a database that hangs is noticed later; lowered: one that is busy is taken for hanging. */
const STATEMENT_MS = 10 * SECOND_MS;
/** First probe of a silent connection; the system's own default is two hours. */
const KEEP_ALIVE_MS = 10 * SECOND_MS;

export interface Result<Row> {
  readonly rows: readonly Row[];
  readonly rowCount: number;
  /** INSERT, COMMIT … as the server has done it, which for a COMMIT may be ROLLBACK. */
  readonly command: string;
}

/** How long a database is waited for, in milliseconds. A test has less of it. */
export interface Patience {
  readonly connectMs: number;
  readonly statementMs: number;
}

const PATIENCE: Patience = { connectMs: CONNECT_MS, statementMs: STATEMENT_MS };

export interface Login {
  readonly connection: DatabaseConnection;
  readonly applicationName: string;
  readonly patience?: Patience | undefined;
}

/**
 * One connection, one statement at a time, each bounded. A connection that was lost, or did not answer in time, is
 * broken and stays so: whoever has it throws it away. No event of it can end the process.
 */
export class Connection {
  readonly #client: Client;
  readonly #statementMs: number;
  readonly host: Host;
  /** Called once, when it breaks; not when it is ended in order. */
  onBroken: () => void = ignore;
  #isBroken = false;
  /** What broke it while nobody waited; the next statement says no more than that it cannot be sent. */
  #cause: unknown;
  #hasHung = false;

  private constructor(client: Client, host: Host, statementMs: number) {
    this.#client = client;
    this.host = host;
    this.#statementMs = statementMs;
    client.on('error', (error) => {
      this.#cause ??= error;
      this.#break();
    });
    client.on('end', () => this.#break());
  }

  /** @throws DatabaseError, ConnectionLost */
  static async open(login: Login, host: Host): Promise<Connection> {
    const choices = tlsChoices(login.connection, host);
    for (const [i, tls] of choices.entries()) {
      try {
        return await Connection.#connect(login, host, tls);
      } catch (error) {
        if (i === choices.length - 1 || !isWithoutTls(error)) throw error;
      }
    }
    throw new Error('there is always a choice');
  }

  static async #connect(login: Login, host: Host, tls: TlsChoice): Promise<Connection> {
    const { database, user, password } = login.connection;
    const { patience = PATIENCE } = login;
    const client = new Client({
      ...host,
      database,
      user,
      // Neither the environment nor a file in the user's home: a gateway's configuration says all of it.
      password: () => {
        if (password === null) throw new ConnectionLost('the database wants a password, and none is configured');
        return password.reveal();
      },
      ssl: tls,
      sslnegotiation: 'postgres',
      application_name: login.applicationName,
      connectionTimeoutMillis: patience.connectMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    // Before anything else: an error without a listener would end the process.
    client.on('error', ignore);
    try {
      await client.connect();
    } catch (error) {
      client.connection.stream.destroy();
      throw lost(error, host);
    }
    return new Connection(client, host, patience.statementMs);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether it broke because the database did not answer: then others will not be answered either. */
  get hasHung(): boolean {
    return this.#hasHung;
  }

  /** @throws DatabaseError, ConnectionLost */
  async query<Row = Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<Result<Row>> {
    const { rows, rowCount, command } = await this.#bounded(this.#client.query<object>(text, [...values]));
    return { rows: rows as Row[], rowCount: rowCount ?? 0, command };
  }

  /** The whole answer of a binary `COPY … TO STDOUT`, which must be a small one. */
  copyOut(text: string, expectedBytes: number): Promise<Buffer> {
    return this.#bounded(
      new Promise<Buffer>((resolve, reject) => {
        this.#client.query(
          new CopyOut(text, expectedBytes, (error, bytes) => {
            if (error === null) resolve(bytes);
            else reject(error);
          }),
        );
      }),
    );
  }

  /** At once, whatever is under way: the server rolls it back. */
  destroy(): void {
    this.#break();
    this.#client.connection.stream.destroy();
  }

  /** In order; never throws. */
  async end(): Promise<void> {
    if (this.#isBroken) return;
    this.onBroken = ignore;
    this.#isBroken = true;
    const timer = setTimeout(() => this.#client.connection.stream.destroy(), SECOND_MS);
    await this.#client.end().catch(ignore);
    clearTimeout(timer);
  }

  #break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.onBroken();
  }

  async #bounded<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new ConnectionLost(`${hostText(this.host)}: no answer for ${this.#statementMs / SECOND_MS} s`));
        this.#hasHung = true;
        this.destroy();
      }, this.#statementMs);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      const judged = lost(this.#cause ?? error, this.host);
      if (judged instanceof ConnectionLost) this.destroy();
      throw judged;
    } finally {
      clearTimeout(timer);
      work.catch(ignore);
    }
  }
}

/** What the client throws is either the server's answer or the loss of the connection. */
function lost(error: unknown, host: Host): unknown {
  if (error instanceof ConnectionLost) return error;
  const where = hostText(host);
  if (!(error instanceof DatabaseError)) return new ConnectionLost(`${where}: ${messageOf(error)}`, { cause: error });
  if (!isFatal(error)) return error;
  return new ConnectionLost(`${where}: ${reasonOf(error)}`, { sqlState: error.code, cause: error });
}

/** Whether plain may work where TLS did not: the server has none, or the handshake failed, or its rules want plain. */
function isWithoutTls(error: unknown): boolean {
  if (!(error instanceof ConnectionLost)) return false;
  return error.sqlState === '28000' || /SSL|TLS|EPROTO/i.test(error.message);
}
