import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../errors.ts';
import { ignore } from '../storage/lanes.ts';
import type { Connection, Login } from './connection.ts';
import { sqlStateOf } from './database-error.ts';
import { isStillHolder, lockTables, takeOver } from './holder.ts';
import { logIn, logInToWritable, type ServerFacts } from './login.ts';
import { dueMigrations, lookAtTables, migrate } from './schema.ts';
import { assertNames, tableNames, type TableChoice, type TableNames } from './table-names.ts';

/** Idle connections that are kept for the next work. More take places of other users of the server; fewer cost logins. */
const IDLE_KEPT = 4;
const TOO_MANY_CONNECTIONS = '53300';
/** How long work waits for one of our own connections where the server has no place for another. */
const FULL_PATIENCE_MS = 10_000;
const FULL_POLL_MS = 100;
/** A shutdown does not wait longer for a database that hangs. */
const UNLOCK_MS = 1000;

export interface SessionOptions extends TableChoice {
  readonly login: Login;
  /** The name of the store, for errors. */
  readonly name: string;
  /** Whether the lock may still be that of our own connection of before. */
  readonly isPatient: boolean;
}

/**
 * The right to use the tables, from one login to its loss: a connection that holds the lock, the number under which
 * writes count, and connections to the same server for the work. A broken session is thrown away whole, and what was
 * in memory is read again by the next one: the database may have been restored or another have taken over.
 */
export class Session {
  readonly names: TableNames;
  readonly facts: ServerFacts;
  readonly #options: SessionOptions;
  /** Has the lock; for reading the rows, and for nothing that another could wait behind. */
  readonly home: Connection;
  readonly #token: string;
  readonly #idle: Connection[] = [];
  readonly #leased = new Set<Connection>();
  readonly #waiting = new Set<() => void>();
  #connecting = 0;
  #isBroken = false;

  private constructor(
    options: SessionOptions,
    home: Connection,
    more: { readonly names: TableNames; readonly facts: ServerFacts; readonly token: string },
  ) {
    this.#options = options;
    this.home = home;
    this.names = more.names;
    this.facts = more.facts;
    this.#token = more.token;
    home.onBroken = () => this.break();
    if (home.isBroken) this.#isBroken = true;
  }

  /**
   * Logs in, looks, locks, makes or changes the tables where that is due, and takes over.
   *
   * @throws GatewayError `store-foreign`, `store-unavailable` when another gateway has the tables; DatabaseError, ConnectionLost
   */
  static async open(options: SessionOptions): Promise<Session> {
    assertNames(options);
    const { connection, facts } = await logInToWritable(options.login);
    try {
      const names = tableNames(schemaOf(options, facts), options);
      await lookAtTables(connection, names);
      await lockTables(connection, names, options.isPatient);
      await bringUpToDate(connection, names);
      const token = await takeOver(connection, names);
      return new Session(options, connection, { names, facts, token });
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** From now on nobody uses it; what is under way on its connections fails or is not counted. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.home.destroy();
    for (const connection of this.#idle.splice(0)) connection.destroy();
    for (const wake of this.#waiting) wake();
  }

  /** Ends it in order; the lock is free when this resolves. What is still under way is broken off. */
  async close(): Promise<void> {
    const isInOrder = !this.#isBroken;
    this.#isBroken = true;
    for (const connection of this.#leased) connection.destroy();
    for (const wake of this.#waiting) wake();
    const ending = this.#idle.splice(0).map((connection) => connection.end());
    if (isInOrder) await Promise.race([this.#unlock(), sleep(UNLOCK_MS)]);
    await Promise.all([...ending, this.home.end()]);
  }

  /** A connection for one piece of work, to be given back with `release`. @throws DatabaseError, ConnectionLost, GatewayError */
  async lease(): Promise<Connection> {
    const deadline = performance.now() + FULL_PATIENCE_MS;
    for (;;) {
      this.assertUsable();
      const idle = this.#idle.pop();
      if (idle?.isBroken === true) continue;
      const connection = idle ?? (await this.#connect(deadline));
      if (connection === null) continue;
      if (this.#isBroken) connection.destroy();
      this.assertUsable();
      this.#leased.add(connection);
      return connection;
    }
  }

  /** Takes a connection back that has no transaction open; a broken one may come back as well. */
  release(connection: Connection): void {
    this.#leased.delete(connection);
    const [next] = this.#waiting;
    // A database that did not answer here will not answer elsewhere; a login finds out sooner than a statement.
    if (connection.hasHung) this.break();
    if (this.#isBroken) connection.destroy();
    else if (!connection.isBroken) this.#keep(connection);
    next?.();
  }

  /**
   * One transaction, whole or not at all: BEGIN, the work, the check that this gateway still may write, then `last`,
   * COMMIT. A COMMIT without an answer leaves open what became of it, so the session is broken: nobody goes on before
   * the rows were read again.
   *
   * @throws GatewayError `store-unavailable`, DatabaseError, ConnectionLost, what the work throws
   */
  async transaction(
    last: (connection: Connection) => Promise<void>,
    first: (connection: Connection) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const connection = await this.lease();
    try {
      await connection.query('BEGIN');
      await first(connection);
      await this.commit(connection, last);
    } catch (error) {
      await rollBack(connection);
      throw error;
    } finally {
      this.release(connection);
    }
  }

  /** The end of a transaction that was begun: the check, the last statements, COMMIT. */
  async commit(connection: Connection, last: (connection: Connection) => Promise<void>): Promise<void> {
    this.assertUsable();
    if (!(await isStillHolder(connection, this.names, this.#token))) {
      this.break();
      throw this.#unavailable('another gateway has taken the tables over');
    }
    await last(connection);
    try {
      const { command } = await connection.query('COMMIT');
      if (command !== 'COMMIT') throw this.#unavailable('the transaction was rolled back');
    } catch (error) {
      connection.destroy();
      this.break();
      throw error;
    }
  }

  /** null when there was no room for another one, but there are others of ours, of which one may be free now. */
  async #connect(deadline: number): Promise<Connection | null> {
    this.#connecting += 1;
    const attempt = await logIn(this.#options.login, this.home.host).catch((error: unknown) => ({ error }));
    this.#connecting -= 1;
    if (!('error' in attempt)) return attempt.connection;
    const isFull = sqlStateOf(attempt.error) === TOO_MANY_CONNECTIONS;
    const hasOthers = this.#leased.size + this.#connecting + this.#idle.length > 0;
    if (!isFull || !hasOthers || performance.now() > deadline) throw attempt.error;
    await this.#oneIsFree();
    return null;
  }

  /** Resolves when a connection comes back, or after a little while: one that was ended makes room as well. */
  #oneIsFree(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, FULL_POLL_MS);
      this.#waiting.add(wake);
    });
  }

  #keep(connection: Connection): void {
    if (this.#idle.length >= IDLE_KEPT) {
      void connection.end();
      return;
    }
    this.#idle.push(connection);
  }

  /** Sooner than by the end of the connection, which the server may notice a little later. */
  async #unlock(): Promise<void> {
    await this.home.query('SELECT pg_advisory_unlock_all()').catch(ignore);
  }

  /** @throws GatewayError `store-unavailable` when it is broken */
  assertUsable(): void {
    if (this.#isBroken) throw this.#unavailable('the connection to the database was lost');
  }

  #unavailable(reason: string): GatewayError {
    return new GatewayError('store-unavailable', `The store "${this.#options.name}" cannot be used: ${reason}.`, {
      facts: { store: this.#options.name, problem: reason },
    });
  }
}

/** Never throws: a connection that cannot be rolled back is destroyed, and the server rolls back. */
export async function rollBack(connection: Connection): Promise<void> {
  if (connection.isBroken) return;
  await connection.query('ROLLBACK').catch(() => connection.destroy());
}

export function schemaOf(options: TableChoice, facts: ServerFacts): string {
  const schema = options.table.schema ?? facts.schema;
  if (schema !== null) return schema;
  throw new GatewayError(
    'store-unavailable',
    'The user of the database has no schema for new tables (search_path): set one, or write it in dataSnapshotTableName, as schema.table.',
  );
}

async function bringUpToDate(connection: Connection, names: TableNames): Promise<void> {
  const found = await lookAtTables(connection, names);
  const due = dueMigrations(found);
  if (due.length === 0) return;
  await connection.query('BEGIN');
  await migrate(connection, names, due);
  await lookAtTables(connection, names);
  await connection.query('COMMIT');
}
