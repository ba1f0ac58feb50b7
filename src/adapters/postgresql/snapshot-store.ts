import { setTimeout as sleep } from 'node:timers/promises';
import { keyText, moved, type SnapshotKey, type SnapshotPlace, type StoredSnapshot } from '../../core/snapshot.ts';
import { GatewayError } from '../../errors.ts';
import { isoTime } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { DamagedContent, PutSnapshot, SnapshotReader, SnapshotStore } from '../../ports/snapshot-store.ts';
import { OutgoingContent } from '../storage/encryption.ts';
import { NO_KEYS, type Keyring } from '../storage/keyring.ts';
import { ignore, Lanes } from '../storage/lanes.ts';
import { setAsideByWithdrawal } from '../storage/snapshot-index.ts';
import { assertAdmissible, assertStorable, rowOf } from '../storage/snapshot-row.ts';
import type { Patience } from './connection.ts';
import type { Pace } from './content-reader.ts';
import { databaseError } from './database-error.ts';
import { Permits } from './permits.ts';
import { receive, type Received } from './receive.ts';
import { ReloadedIndex } from './reloaded-index.ts';
import { Rows } from './rows.ts';
import { loadIndex } from './load.ts';
import { probeTables } from './probe.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { keepable } from './stored-row.ts';
import { hostText, type DatabaseConnection } from './target.ts';
import { Upload } from './upload.ts';
import { VersionReader } from './version-reader.ts';
import { writeChanged, writeDiscarded, writeRemoved, writeVersion } from './writes.ts';

/** Commits of small contents and of changed rows at once. More share a flush of the server's log; fewer take fewer connections. */
const COMMITS_AT_ONCE = 4;
/** Contents above 1 MiB that are received at once; further ones wait before their first byte is read. */
const UPLOADS_AT_ONCE = 4;
const DEFAULT_MAX_ORIGINS = 100_000;
/** How long `open` waits for the database. Raised: a start takes longer when it hangs; lowered: more starts know no rows at first. */
const OPEN_PATIENCE_MS = 2000;

export interface PostgresSnapshotStoreOptions {
  readonly connection: DatabaseConnection;
  readonly table: { readonly schema: string | null; readonly name: string };
  readonly keyColumn: string;
  /** How an operator knows the store: held. */
  readonly name: string;
  readonly log: Log;
  /** Milliseconds since 1970; for `storedAt` and `placedAt` alone. */
  readonly wallMs: () => number;
  /** Shown in the server's pg_stat_activity, and to a second gateway that is refused. */
  readonly applicationName: string;
  /**
   * Told of every row that turned out to be unusable when rows were read, at the start and after each loss of the
   * database. What a reader finds damaged is told by the error alone. Must not throw.
   */
  readonly onDamage?: (found: { key: SnapshotKey; version: number; reason: string }) => void;
  /** The most keys; 100,000 unless said otherwise. Raising it costs memory, about 1 KiB a version. */
  readonly maxOrigins?: number;
  /** Encrypts what is stored from now on, and reads what is encrypted; without one nothing is encrypted. */
  readonly keyring?: Keyring | undefined;
  /** How long a database that does not answer is waited for: 5 s for a connection, 10 s for a statement, unless said otherwise. */
  readonly patience?: Patience | undefined;
}

/**
 * Snapshots in PostgreSQL: a row a version, its content in pieces of 1 MiB in a second table, all of it visible in one
 * transaction. `Session` has the right to use the tables, and every write is checked against it; rows are answered from
 * memory and read again with every new session.
 */
export class PostgresSnapshotStore implements SnapshotStore {
  readonly kind = 'postgresql';
  readonly #options: PostgresSnapshotStoreOptions;
  readonly #sessions: Sessions;
  readonly #keyring: Keyring;
  readonly #index = new ReloadedIndex();
  readonly #lanes = new Lanes();
  readonly #commits = new Permits(COMMITS_AT_ONCE);
  readonly #uploads = new Permits(UPLOADS_AT_ONCE);
  readonly #reader: VersionReader;
  #newKeys = 0;
  #isKnown = false;
  #isClosed = false;

  private constructor(options: PostgresSnapshotStoreOptions) {
    this.#options = options;
    this.#keyring = options.keyring ?? NO_KEYS;
    const { connection, applicationName, patience, table, keyColumn, name } = options;
    this.#sessions = new Sessions(
      { login: { connection, applicationName, patience }, table, keyColumn, name },
      (session) => this.#load(session),
    );
    this.#reader = new VersionReader({
      name,
      log: options.log,
      index: this.#index,
      keyring: this.#keyring,
      lanes: this.#lanes,
      commits: this.#commits,
      now: () => this.#now(),
      probe: () => this.#probeTables(),
    });
  }

  /**
   * Reads what is there, or leaves that to the first use when the database is away, hangs or takes its time: `isKnown`
   * tells which. Heartbeats do not wait for a database.
   * @throws GatewayError `store-foreign`
   */
  static async open(options: PostgresSnapshotStoreOptions): Promise<PostgresSnapshotStore> {
    const store = new PostgresSnapshotStore(options);
    const opening = store.#sessions.get();
    const isLate = new AbortController();
    try {
      const isOpen = await Promise.race([
        opening.then(() => true),
        sleep(OPEN_PATIENCE_MS, false, { signal: isLate.signal }),
      ]);
      if (!isOpen) {
        options.log.warn({ store: options.name }, 'The database has not answered yet; nobody waits for it any longer');
        // Whoever uses the store next is told.
        opening.catch(ignore);
      }
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code === 'store-foreign') throw error;
      options.log.warn(
        { store: options.name, code: error.code, problem: error.message },
        'The database cannot be used yet; it is tried again at each use',
      );
    } finally {
      isLate.abort();
    }
    return store;
  }

  get isKnown(): boolean {
    return this.#isKnown;
  }

  get generation(): number {
    return this.#index.generation;
  }

  rows(dataCenter?: string): readonly StoredSnapshot[] {
    return this.#index.rows(dataCenter);
  }

  rowsOf(key: SnapshotKey): readonly StoredSnapshot[] {
    return this.#index.rowsOf(key);
  }

  foreign(): readonly string[] {
    return [];
  }

  put(request: PutSnapshot, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredSnapshot> {
    return this.#use(async () => {
      assertStorable(request);
      this.#assertRoom(request.key);
      const received = await receive(request, content, signal, {
        stored: new OutgoingContent(this.#keyring, request.key),
        begin: () => this.#beginUpload(signal),
      });
      try {
        return await this.#lanes.run(keyText(request.key), () => this.#commit(request, received));
      } finally {
        await received.upload?.abandon();
      }
    });
  }

  open(key: SnapshotKey, version: number): Promise<SnapshotReader> {
    return this.#use((session) => this.#reader.open(session, key, version, undefined));
  }

  async verify(key: SnapshotKey, version: number, pace: Pace): Promise<void> {
    const reader = await this.#use((session) => this.#reader.open(session, key, version, pace));
    await reader.close();
  }

  async move(
    key: SnapshotKey,
    version: number,
    to: { place: Exclude<SnapshotPlace, 'lost'>; reason: string | null },
  ): Promise<void> {
    const reason = to.reason === null ? null : keepable(to.reason);
    await this.#change(key, version, (row) =>
      row.place === 'lost' || row.place === to.place ? row : moved(row, { place: to.place, reason, at: this.#now() }),
    );
  }

  async markDelivered(key: SnapshotKey, version: number, delivery: string): Promise<void> {
    await this.#change(key, version, (row) => (row.deliveredBy === delivery ? row : { ...row, deliveredBy: delivery }));
  }

  async remove(key: SnapshotKey, version: number): Promise<void> {
    await this.#inLane(key, async (session) => {
      if (this.#index.find(key, version) === undefined) return;
      await writeRemoved(session, key, version);
      this.#index.delete(key, version);
    });
  }

  damaged(): Promise<readonly DamagedContent[]> {
    // With a place among the commits: however many ask, no more connections are taken than are said to be.
    return this.#use((session) =>
      this.#commits.run(async () => {
        const connection = await session.lease();
        try {
          return await new Rows(session.names).damaged(connection);
        } finally {
          session.release(connection);
        }
      }),
    );
  }

  async discardDamaged(id: string): Promise<void> {
    if (!/^-?\d{1,18}$/.test(id)) return;
    await this.#use((session) => this.#commits.run(() => writeDiscarded(session, BigInt(id))));
  }

  async probe(): Promise<void> {
    await this.#probeTables();
    this.#keyring.assertReads(this.rows(), this.#options.name);
  }

  async #probeTables(): Promise<void> {
    await this.#use((session) =>
      this.#commits.run(() => session.transaction((connection) => probeTables(connection, session.names))),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#lanes.idle();
    await this.#sessions.close();
  }

  async #load(session: Session): Promise<void> {
    const { name, log, onDamage } = this.#options;
    const index = await loadIndex(session, { store: name, log, now: this.#now(), onDamage });
    this.#index.replace(index);
    this.#isKnown = true;
    log.info({ store: name, host: hostText(session.home.host), origins: index.keys }, 'The database is in use');
  }

  async #beginUpload(signal: AbortSignal): Promise<Upload> {
    const giveBack = await this.#uploads.take({ signal });
    try {
      return await Upload.begin(await this.#sessions.get(), giveBack);
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** In the key's lane: the decision on the version, and what makes it durable. */
  async #commit(request: PutSnapshot, received: Received): Promise<StoredSnapshot> {
    // The session in which the rows were read that decide; another one since then, and the upload is refused.
    const session = await this.#sessions.get();
    const rows = this.rowsOf(request.key);
    const { bytes, sha256 } = received;
    const version = request.version(rows[0], { bytes, sha256 });
    assertAdmissible(rows, version, sha256);
    const isNew = rows.length === 0;
    if (isNew) this.#assertRoom(request.key);
    this.#newKeys += isNew ? 1 : 0;
    try {
      const row = rowOf(request, received, { version, storedAt: this.#now() });
      const others = rows.filter((other) => other.version !== version);
      const beaten = setAsideByWithdrawal([...others, row], this.#now());
      const write = (): Promise<void> => writeVersion(session, { row, beaten }, received);
      // An upload has its connection and its place already.
      await (received.upload === null ? this.#commits.run(write) : write());
      this.#index.set([row, ...beaten]);
      return row;
    } finally {
      this.#newKeys -= isNew ? 1 : 0;
    }
  }

  async #change(key: SnapshotKey, version: number, change: (row: StoredSnapshot) => StoredSnapshot): Promise<void> {
    await this.#inLane(key, async (session) => {
      const row = this.#index.find(key, version);
      if (row === undefined) return;
      const changed = change(row);
      if (changed === row) return;
      const others = this.rowsOf(key).filter((other) => other !== row);
      const beaten = setAsideByWithdrawal([...others, changed], this.#now());
      // A row that is moved below a withdrawal is in both lists; the last one counts.
      const rows = [changed, ...beaten].filter(
        ({ version: v }, i, all) => all.findLastIndex((r) => r.version === v) === i,
      );
      await writeChanged(session, rows);
      this.#index.set(rows);
    });
  }

  #now(): string {
    return isoTime(this.#options.wallMs());
  }

  #assertRoom(key: SnapshotKey): void {
    const most = this.#options.maxOrigins ?? DEFAULT_MAX_ORIGINS;
    if (this.rowsOf(key).length > 0 || this.#index.keys + this.#newKeys < most) return;
    throw new GatewayError(
      'store-full',
      `The store "${this.#options.name}" has ${most} origins and takes no new one.`,
      { facts: { ...key, maxOrigins: most } },
    );
  }

  #inLane(key: SnapshotKey, work: (session: Session) => Promise<void>): Promise<void> {
    return this.#use(() =>
      this.#lanes.run(keyText(key), () => this.#commits.run(async () => work(await this.#sessions.get()))),
    );
  }

  async #use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new GatewayError('store-unavailable', `The store "${this.#options.name}" is closed.`);
    try {
      return await work(await this.#sessions.get());
    } catch (error) {
      throw databaseError(error, this.#options.name);
    }
  }
}
