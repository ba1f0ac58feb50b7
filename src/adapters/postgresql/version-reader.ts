import { keyText, moved, type SnapshotKey, type StoredSnapshot } from '../../core/snapshot.ts';
import type { GatewayError } from '../../errors.ts';
import type { Log } from '../../ports/log.ts';
import type { SnapshotReader } from '../../ports/snapshot-store.ts';
import { damaged, notThere } from '../storage/damaged.ts';
import type { Keyring } from '../storage/keyring.ts';
import type { Lanes } from '../storage/lanes.ts';
import type { Pace } from './content-reader.ts';
import { readVerified, type Lease, type Verified } from './content.ts';
import { databaseError } from './database-error.ts';
import { Permits } from './permits.ts';
import type { ReloadedIndex } from './reloaded-index.ts';
import type { Session } from './session.ts';
import { keepable } from './stored-row.ts';
import { writeLost } from './writes.ts';

/** Versions that are verified at once, and readers of contents above 1 MiB that are open at once. */
const READERS_AT_ONCE = 4;
/** How long a reader waits for its turn before it is told that too much is under way. */
const READER_WAIT_MS = 30_000;

export interface ReaderParts {
  /** The name of the store, for errors. */
  readonly name: string;
  readonly log: Log;
  readonly index: ReloadedIndex;
  readonly keyring: Keyring;
  readonly lanes: Lanes;
  /** For the one write that a reader may have to do. */
  readonly commits: Permits;
  /** RFC 3339. */
  readonly now: () => string;
  /** Whether the store works otherwise. @throws when it does not */
  readonly probe: () => Promise<void>;
}

/** Opens versions, and takes those out of the offer that turn out to be damaged. */
export class VersionReader {
  readonly #parts: ReaderParts;
  readonly #permits = new Permits(READERS_AT_ONCE);

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** @throws GatewayError `not-found`, `snapshot-damaged`, `encryption-key-missing`, `store-unavailable`, `busy`; DatabaseError, ConnectionLost */
  async open(session: Session, key: SnapshotKey, version: number, pace: Pace | undefined): Promise<SnapshotReader> {
    const giveBack = await this.#permits.take({ ms: READER_WAIT_MS });
    let lease: Lease | null = null;
    try {
      const connection = await session.lease();
      const mine: Lease = { session, connection, store: this.#parts.name, giveBack };
      lease = mine;
      const first = await this.#verified(key, version, mine, pace);
      if (first.kind === 'good') return first.reader;
      // Read once more, now that nobody writes: it may have been moved or filled again meanwhile, and nothing is
      // condemned for one bad read.
      return await this.#parts.lanes.run(keyText(key), async () => {
        const second = await this.#verified(key, version, mine, undefined);
        if (second.kind === 'good') return second.reader;
        throw await this.#lose(session, second.row, second.problem);
      });
    } catch (error) {
      if (lease !== null) session.release(lease.connection);
      giveBack();
      throw error;
    }
  }

  async #verified(key: SnapshotKey, version: number, lease: Lease, pace: Pace | undefined): Promise<Verified> {
    // Rows that another session has read say nothing of what this connection reads: it may be another server.
    lease.session.assertUsable();
    const row = this.#parts.index.find(key, version);
    if (row === undefined) throw notThere(key, version);
    if (row.place === 'lost') throw damaged(row, 'it was lost before');
    const { keyring, probe } = this.#parts;
    return readVerified(row, lease, { keyring, pace, probe });
  }

  /**
   * In the key's lane. Where the right to write was lost meanwhile nothing is condemned: another gateway may have removed
   * what was not found. What cannot be noted for any other reason counts in this run all the same.
   */
  async #lose(session: Session, row: StoredSnapshot, reason: string): Promise<GatewayError> {
    const { log, index, commits, now, name } = this.#parts;
    const lost = moved(row, { place: 'lost', at: now(), reason: keepable(reason) });
    const facts = { ...row.key, version: row.version };
    try {
      await commits.run(() => writeLost(session, row, lost));
    } catch (error) {
      if (session.isBroken) throw error;
      const problem = databaseError(error, name);
      log.error(
        { ...facts, problem: problem instanceof Error ? problem.message : 'unknown' },
        'A damaged snapshot could not be set aside in the database',
      );
    }
    index.set([lost]);
    log.error({ ...facts, reason }, 'A stored snapshot is damaged');
    return damaged(row, reason);
  }
}
