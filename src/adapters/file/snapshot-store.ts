import { keyText, moved, type SnapshotKey, type SnapshotPlace, type StoredSnapshot } from '../../core/snapshot.ts';
import { isoTime } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { DamagedContent, PutSnapshot, SnapshotReader, SnapshotStore } from '../../ports/snapshot-store.ts';
import { GatewayError, messageOf } from '../../errors.ts';
import { discardDamaged, listDamaged } from './damaged-files.ts';
import { realDisk, type Disk } from './disk.ts';
import { Lanes, Slots } from '../storage/lanes.ts';
import { receive, type Received } from './receive.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import { setAsideByWithdrawal, SnapshotIndex } from '../storage/snapshot-index.ts';
import { OutgoingContent } from '../storage/encryption.ts';
import { NO_KEYS, type Keyring } from '../storage/keyring.ts';
import { damaged, notThere } from '../storage/damaged.ts';
import { prepareRoot, repairStore, type Damage } from './snapshot-repair.ts';
import { assertAdmissible, assertStorable, rowOf } from '../storage/snapshot-row.ts';
import { scanStore, type Scan } from './snapshot-scan.ts';
import { verify, type Pace, type Verified } from './snapshot-verify.ts';
import { storeError, withStoreErrors } from './store-error.ts';

/** Commits at once. More gain nothing on one disk; fewer leave it idle between two fsyncs. */
const COMMITS_AT_ONCE = 16;
export const DEFAULT_MAX_ORIGINS = 100_000;

export interface FileSnapshotStoreOptions {
  /** The folder; made when it is missing. One process at a time (`StateLock`). */
  readonly root: string;
  /** How an operator knows the store: outgoing, held, returned. */
  readonly name: string;
  readonly log: Log;
  /** Milliseconds since 1970; for `storedAt` and `placedAt` alone. */
  readonly wallMs: () => number;
  /** Told of every version or file that turned out to be unusable, at open and later. Must not throw. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
  /** The most keys; 100,000 unless said otherwise. Raising it costs memory, about 1 KiB a version. */
  readonly maxOrigins?: number | undefined;
  /** Encrypts what is stored from now on, and reads what is encrypted; without one nothing is encrypted. */
  readonly keyring?: Keyring | undefined;
  /** The real one, unless a test gives another. */
  readonly disk?: Disk | undefined;
}

/**
 * Snapshots as files: `<root>/<data centre>/<workload>/<origin>/<version>.snapshot` has exactly the application's bytes,
 * or what encryption made of them, `<version>.json` beside it the row. `SnapshotFiles` has the order of writing, `scanStore` what a start makes of
 * what it finds. Writes of one key are one after the other, from the decision on the version to its being durable;
 * receiving a body is not part of that, so that a slow sender holds up nobody.
 */
export class FileSnapshotStore implements SnapshotStore {
  readonly kind = 'file';
  readonly isKnown = true;
  readonly #options: FileSnapshotStoreOptions;
  readonly #disk: Disk;
  readonly #keyring: Keyring;
  readonly #files: SnapshotFiles;
  readonly #index = new SnapshotIndex();
  readonly #lanes = new Lanes();
  readonly #slots = new Slots(COMMITS_AT_ONCE);
  #foreign: readonly string[] = [];
  #newKeys = 0;
  #isClosed = false;

  private constructor(options: FileSnapshotStoreOptions) {
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    this.#keyring = options.keyring ?? NO_KEYS;
    this.#files = new SnapshotFiles(this.#disk, options.root);
  }

  /**
   * Reads what is there. Damage is told and set aside, never a reason to refuse.
   * @throws GatewayError `store-full`, `store-unavailable` when the root itself cannot be made or listed
   */
  static async open(options: FileSnapshotStoreOptions): Promise<FileSnapshotStore> {
    const store = new FileSnapshotStore(options);
    await withStoreErrors(options.name, () => store.#load());
    return store;
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
    return this.#foreign;
  }

  async put(request: PutSnapshot, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredSnapshot> {
    return this.#use(async () => {
      assertStorable(request);
      this.#assertRoom(request.key);
      const received = await receive(request, content, signal, {
        disk: this.#disk,
        path: this.#files.tempPath(),
        stored: new OutgoingContent(this.#keyring, request.key),
      });
      try {
        return await this.#lanes.run(keyText(request.key), () =>
          this.#slots.run(() => this.#commit(request, received)),
        );
      } finally {
        await this.#files.discard(received);
      }
    });
  }

  open(key: SnapshotKey, version: number): Promise<SnapshotReader> {
    return this.#open(key, version);
  }

  #open(key: SnapshotKey, version: number, pace?: Pace): Promise<SnapshotReader> {
    return this.#use(async () => {
      const first = await this.#verified(key, version, pace);
      if (first.kind === 'good') return first.reader;
      // Read once more, now that nobody writes: it may have been moved or filled again meanwhile, and nothing is
      // condemned for one bad read.
      return this.#lanes.run(keyText(key), async () => {
        const second = await this.#verified(key, version);
        if (second.kind === 'good') return second.reader;
        await this.#lose(second.row, second.problem);
        throw damaged(second.row, second.problem);
      });
    });
  }

  async verify(key: SnapshotKey, version: number, pace: (bytes: number) => Promise<void>): Promise<void> {
    const reader = await this.#open(key, version, pace);
    await reader.close();
  }

  async move(
    key: SnapshotKey,
    version: number,
    to: { place: Exclude<SnapshotPlace, 'lost'>; reason: string | null },
  ): Promise<void> {
    await this.#change(key, version, (row) =>
      row.place === 'lost' || row.place === to.place ? row : moved(row, { ...to, at: this.#now() }),
    );
  }

  async markDelivered(key: SnapshotKey, version: number, delivery: string): Promise<void> {
    await this.#change(key, version, (row) => (row.deliveredBy === delivery ? row : { ...row, deliveredBy: delivery }));
  }

  async remove(key: SnapshotKey, version: number): Promise<void> {
    await this.#inLane(key, async () => {
      const row = this.#index.find(key, version);
      if (row === undefined) return;
      // What this withdrawal set aside must be so on the disk before the withdrawal is gone; it was tried before.
      if (row.withdrawn) {
        const older = this.rowsOf(key).filter((other) => other.version < version && other.place === 'set-aside');
        for (const other of older) await this.#files.rewrite(other);
      }
      await this.#files.remove(row, this.rowsOf(key).length === 1);
      this.#index.delete(key, version);
    });
  }

  damaged(): Promise<readonly DamagedContent[]> {
    return this.#use(() => listDamaged(this.#options.root));
  }

  async discardDamaged(id: string): Promise<void> {
    await this.#use(() => discardDamaged(this.#disk, this.#options.root, id));
  }

  async probe(): Promise<void> {
    await this.#use(() => this.#files.probe());
    this.#keyring.assertReads(this.rows(), this.#options.name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#lanes.idle();
  }

  async #load(): Promise<void> {
    const { root, log } = this.#options;
    await prepareRoot(this.#disk, this.#files);
    const scan = await scanStore(root, this.#now());
    await repairStore(scan, {
      files: this.#files,
      disk: this.#disk,
      log,
      onDamage: (damage) => this.#tellDamage(damage),
    });
    this.#index.set(scan.rows);
    this.#foreign = scan.foreign;
    if (scan.foreign.length > 0) {
      const some = scan.foreign.slice(0, 20);
      log.warn(
        { store: this.#options.name, count: scan.foreign.length, some },
        'The store has files that are not ours; they are left alone',
      );
    }
    await this.#finishWithdrawals(scan);
  }

  /** A crash may have come between a withdrawal and the setting aside of what it beats. */
  async #finishWithdrawals(scan: Scan): Promise<void> {
    const withdrawn = new Map(scan.rows.filter((row) => row.withdrawn).map((row) => [keyText(row.key), row.key]));
    for (const key of withdrawn.values()) await this.#setAsideBeaten(key);
  }

  async #commit(request: PutSnapshot, received: Received): Promise<StoredSnapshot> {
    const rows = this.rowsOf(request.key);
    const { bytes, sha256 } = received;
    const version = request.version(rows[0], { bytes, sha256 });
    assertAdmissible(rows, version, sha256);
    const isNew = rows.length === 0;
    if (isNew) this.#assertRoom(request.key);
    this.#newKeys += isNew ? 1 : 0;
    try {
      const row = rowOf(request, received, { version, storedAt: this.#now() });
      await this.#files.commit(row, received);
      this.#index.set([row]);
      await this.#setAsideBeaten(row.key);
      return row;
    } finally {
      this.#newKeys -= isNew ? 1 : 0;
    }
  }

  /**
   * Sets aside what a withdrawal beats. The withdrawal is durable already and decides, also after a restart; so a row
   * that cannot be rewritten now is no failure of the caller's.
   */
  async #setAsideBeaten(key: SnapshotKey): Promise<void> {
    const beaten = setAsideByWithdrawal(this.rowsOf(key), this.#now());
    this.#index.set(beaten);
    for (const row of beaten) {
      await this.#files.rewrite(row).catch((error: unknown) => {
        this.#options.log.warn(
          { ...row.key, version: row.version, problem: messageOf(error) },
          'A withdrawn version could not be set aside on disk yet',
        );
      });
    }
  }

  async #change(key: SnapshotKey, version: number, change: (row: StoredSnapshot) => StoredSnapshot): Promise<void> {
    await this.#inLane(key, async () => {
      const row = this.#index.find(key, version);
      if (row === undefined) return;
      const changed = change(row);
      if (changed === row) return;
      await this.#files.rewrite(changed);
      this.#index.set([changed]);
      await this.#setAsideBeaten(key);
    });
  }

  async #verified(key: SnapshotKey, version: number, pace?: Pace): Promise<Verified> {
    const row = this.#index.find(key, version);
    if (row === undefined) throw notThere(key, version);
    if (row.place === 'lost') throw damaged(row, 'it was lost before');
    return verify(row, {
      disk: this.#disk,
      files: this.#files,
      store: this.#options.name,
      keyring: this.#keyring,
      pace,
    });
  }

  /** The bytes are moved first: whatever fails after that, nobody can take them for good ones. */
  async #lose(row: StoredSnapshot, reason: string): Promise<void> {
    const lost = moved(row, { place: 'lost', at: this.#now(), reason });
    const paths = this.#files.paths(row);
    const { key, version } = row;
    this.#index.set([lost]);
    this.#options.log.error({ ...key, version, reason }, 'A stored snapshot is damaged');
    try {
      await this.#files.quarantine(
        [row.place === 'quarantined' ? paths.quarantined : paths.bytes],
        paths.segments,
        reason,
      );
      await this.#files.rewrite(lost);
    } catch (error) {
      this.#options.log.error(
        { ...key, version, problem: messageOf(error) },
        'A damaged snapshot could not be set aside on disk',
      );
    }
    this.#tellDamage({ snapshot: lost, version: { key, version }, path: paths.segments.join('/'), reason });
  }

  #now(): string {
    return isoTime(this.#options.wallMs());
  }

  #tellDamage(damage: Damage): void {
    this.#options.onDamage?.(damage);
  }

  #assertRoom(key: SnapshotKey): void {
    const most = this.#options.maxOrigins ?? DEFAULT_MAX_ORIGINS;
    if (this.rowsOf(key).length > 0 || this.#index.keys + this.#newKeys < most) return;
    throw new GatewayError(
      'store-full',
      `The store "${this.#options.name}" has ${most} origins and takes no new one.`,
      {
        facts: { ...key, maxOrigins: most },
      },
    );
  }

  #inLane(key: SnapshotKey, work: () => Promise<void>): Promise<void> {
    return this.#use(() => this.#lanes.run(keyText(key), () => this.#slots.run(work)));
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new GatewayError('store-unavailable', `The store "${this.#options.name}" is closed.`);
    try {
      return await work();
    } catch (error) {
      throw storeError(error, this.#options.name);
    }
  }
}
