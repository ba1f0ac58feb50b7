import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { StoredSnapshot } from '../../core/snapshot.ts';
import { systemCode, type Disk } from './disk.ts';
import { Folders } from './folders.ts';
import { ignore } from '../storage/lanes.ts';
import type { Received } from './receive.ts';
import { QUARANTINE_FOLDER, TEMP_FOLDER, versionPaths, type VersionPaths } from './snapshot-paths.ts';
import { printRow } from '../storage/snapshot-row.ts';

/**
 * The files of a store's versions, and the order in which they are written.
 *
 * A version exists when its row file does: the row is renamed into place after the bytes and removed before them. So
 * a crash between leaves bytes without a row, which were never promised to anybody. A row is only ever replaced by
 * rename; nothing is deleted to be inserted again. Whoever calls holds the key: two calls for one version never overlap.
 */
export class SnapshotFiles {
  readonly root: string;
  readonly folders: Folders;
  readonly #disk: Disk;
  /** Once it was there it is never made again: that it is gone says that the disk is, and an empty mount point is left. */
  #hasTempFolder = false;
  #temps = 0;

  constructor(disk: Disk, root: string) {
    this.root = root;
    this.folders = new Folders(disk, root);
    this.#disk = disk;
  }

  paths(row: Pick<StoredSnapshot, 'key' | 'version'>): VersionPaths {
    return versionPaths(this.root, row.key, row.version);
  }

  /** A path that nobody else uses; the process's number of it makes it unique, the random part keeps runs apart. */
  tempPath(): string {
    this.#temps += 1;
    return join(this.root, TEMP_FOLDER, `${this.#temps}-${randomBytes(4).toString('hex')}`);
  }

  /** Writes a new version; durable and complete when it resolves, and not there at all when it throws. */
  async commit(row: StoredSnapshot, received: Received): Promise<void> {
    const paths = this.paths(row);
    const tempBytes = received.temp ?? this.tempPath();
    const tempRow = this.tempPath();
    try {
      // The three go to the disk together; the system makes one journal entry of them where it can.
      await allOf([
        this.folders.ensure(...paths.segments),
        received.pieces === null ? Promise.resolve() : this.#write(tempBytes, received.pieces),
        this.#write(tempRow, [Buffer.from(printRow(row))]),
      ]);
      await this.#rename(tempBytes, paths.bytes, paths.segments);
    } catch (error) {
      await this.#drop(tempBytes, tempRow);
      throw error;
    }
    try {
      await this.#disk.rename(tempRow, paths.row);
      await this.folders.sync(paths.folder);
    } catch (error) {
      // It was not promised, and must not turn up after a restart as if it had been.
      await this.#drop(paths.row, paths.bytes, tempRow);
      throw error;
    }
  }

  /** Replaces the row of a version and puts its bytes where its place says. */
  async rewrite(row: StoredSnapshot): Promise<void> {
    const paths = this.paths(row);
    const temp = this.tempPath();
    try {
      await this.#write(temp, [Buffer.from(printRow(row))]);
      await this.#disk.rename(temp, paths.row);
    } catch (error) {
      await this.#drop(temp);
      throw error;
    }
    await this.folders.sync(paths.folder);
    if (row.place !== 'lost') await this.settle(row);
  }

  /**
   * Puts the bytes where the row says: into quarantine when the application rejected them, so that nobody takes them
   * for good ones by mistake, else beside the row. Idempotent; a crash before it is made good at the next start.
   */
  async settle(row: StoredSnapshot): Promise<void> {
    const paths = this.paths(row);
    const isOut = row.place === 'quarantined';
    if (isOut) await this.folders.ensure(QUARANTINE_FOLDER, ...paths.segments);
    const [from, to] = isOut ? [paths.bytes, paths.quarantined] : [paths.quarantined, paths.bytes];
    try {
      await this.#disk.rename(from, to);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw error;
    }
    await this.#syncMove(dirname(from), dirname(to));
  }

  /**
   * Moves damaged files away, with a file beside them that says why. Missing ones are no error. The names are new
   * ones each time: what was damaged before is kept as well.
   */
  async quarantine(files: readonly string[], segments: readonly string[], reason: string): Promise<void> {
    await this.folders.ensure(QUARANTINE_FOLDER, ...segments);
    const folder = join(this.root, QUARANTINE_FOLDER, ...segments);
    const mark = `damaged-${randomBytes(4).toString('hex')}`;
    for (const path of files) {
      await this.#disk.rename(path, join(folder, `${mark}-${basename(path)}`)).catch(unlessMissing);
      await this.#syncMove(dirname(path), folder);
    }
    // Said last: on a full disk moving still works and is what matters; writing does not.
    await this.#write(join(folder, `${mark}.reason`), [Buffer.from(`${reason}\n`)]).catch(ignore);
    await this.folders.sync(folder);
  }

  /** Removes a version: the row first. Idempotent. */
  async remove(row: StoredSnapshot, isLast: boolean): Promise<void> {
    const paths = this.paths(row);
    await this.#disk.unlink(paths.row);
    await this.folders.sync(paths.folder).catch(unlessMissing);
    await this.#disk.unlink(paths.bytes);
    await this.#disk.unlink(paths.quarantined);
    if (!isLast) return;
    this.folders.forget(paths.folder);
    await this.#disk.removeFolder(paths.folder);
  }

  /** Deletes bytes that no row speaks of. */
  async deleteOrphan(path: string): Promise<void> {
    await this.#disk.unlink(path);
  }

  /** Makes our own folder, unless it was there already in this run. */
  async makeTempFolder(): Promise<void> {
    if (this.#hasTempFolder) return;
    await this.#disk.makeFolder(join(this.root, TEMP_FOLDER));
    this.#hasTempFolder = true;
  }

  /** Writes and removes a little; makes our own folder when a start on a full disk could not. */
  async probe(): Promise<void> {
    await this.makeTempFolder();
    const temp = this.tempPath();
    try {
      await this.#write(temp, [Buffer.alloc(4096, 'crossdc ')]);
    } finally {
      await this.#drop(temp);
    }
  }

  /** Removes what is left of a content that was received and not committed. */
  async discard(received: Received): Promise<void> {
    if (received.temp !== null) await this.#drop(received.temp);
  }

  async #write(path: string, pieces: readonly Uint8Array[]): Promise<void> {
    const file = await this.#disk.create(path);
    try {
      await file.write(pieces);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Renames into the folder of a key; makes the folder again if somebody removed it while we ran. */
  async #rename(from: string, to: string, segments: readonly string[]): Promise<void> {
    try {
      await this.#disk.rename(from, to);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.folders.forget(dirname(to));
      await this.folders.ensure(...segments);
      await this.#disk.rename(from, to);
    }
  }

  /** The new name becomes durable before the old one is gone: a crash between leaves both rather than none. */
  async #syncMove(from: string, to: string): Promise<void> {
    await this.folders.sync(to);
    await this.folders.sync(from);
  }

  async #drop(...paths: readonly string[]): Promise<void> {
    for (const path of paths) await this.#disk.unlink(path).catch(ignore);
  }
}

function unlessMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error;
}

/** Waits for all, also when one fails: what is still under way would otherwise write after its failure was handled. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
