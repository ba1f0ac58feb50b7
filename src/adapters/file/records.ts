import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Log } from '../../ports/log.ts';
import type { Records } from '../../ports/records.ts';
import { realDisk, systemCode, type Disk } from './disk.ts';
import { Folders, makeRoot } from './folders.ts';
import { LatestWrites } from './latest-writes.ts';
import { ignore } from '../storage/lanes.ts';
import { assertFolderName, parseRecordName } from './record-names.ts';
import { seal, unseal, type Unsealed } from '../storage/sealed-document.ts';
import { isUnreadable, storeError, unlessPassing, withStoreErrors } from './store-error.ts';

const TEMP_FOLDER = '.tmp';
const SUFFIX = '.json';

export interface FileRecordsOptions {
  /** The folder; made when it is missing. */
  readonly root: string;
  readonly log: Log;
  readonly disk?: Disk | undefined;
}

/**
 * Records as files: `<root>/<name>.json`, each replaced whole. Of several writes of one name that wait, only the last
 * reaches the disk; all of them resolve when it is durable. Names on the disk that begin with a dot are ours.
 */
export class FileRecords implements Records {
  readonly #options: FileRecordsOptions;
  readonly #disk: Disk;
  readonly #folders: Folders;
  readonly #writes: LatestWrites;
  #temps = 0;

  private constructor(options: FileRecordsOptions) {
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    this.#folders = new Folders(this.#disk, options.root);
    this.#writes = new LatestWrites((name, text) => this.#carryOut(name, text));
  }

  /** @throws GatewayError `store-full`, `store-unavailable` */
  static async open(options: FileRecordsOptions): Promise<FileRecords> {
    const records = new FileRecords(options);
    await withStoreErrors('records', async () => {
      await makeRoot(records.#disk, options.root);
      await records.#disk.makeFolder(join(options.root, TEMP_FOLDER)).catch(unlessPassing);
      const left = (await readdir(join(options.root, TEMP_FOLDER)).catch(unlessMissing)) ?? [];
      for (const name of left) await records.#disk.unlink(join(options.root, TEMP_FOLDER, name)).catch(ignore);
      await records.#syncBelow(options.root);
    });
    return records;
  }

  /** What a killed process had renamed may be visible and not yet durable: it is, before anybody acts on it. */
  async #syncBelow(folder: string): Promise<void> {
    const entries: Dirent[] = (await readdir(folder, { withFileTypes: true }).catch(unlessMissing)) ?? [];
    for (const entry of entries)
      if (entry.isDirectory() && !entry.name.startsWith('.')) await this.#syncBelow(join(folder, entry.name));
    await this.#disk.syncFolder(folder).catch(ignore);
  }

  async read(name: string): Promise<unknown> {
    const path = this.#path(name);
    await this.#writes.idle(name);
    return withStoreErrors('records', async () => {
      const document = await this.#document(name, path);
      if (document === undefined) return undefined;
      if (document.kind === 'value') return document.value;
      if (document.kind === 'newer') {
        this.#options.log.error(
          { record: name, format: document.format },
          'A newer version wrote this record; it is left alone and not used',
        );
        return undefined;
      }
      await this.#setAside(name, path, document.problem);
      return undefined;
    });
  }

  /** A record is condemned neither for one bad read nor on a disk that fails as a whole: that may pass. */
  async #document(name: string, path: string): Promise<Unsealed | undefined> {
    const first = await readFile(path, 'utf8').then(unseal, unreadable);
    if (first?.kind !== 'damaged') return first;
    const second = await readFile(path, 'utf8').then(unseal, unreadable);
    if (second?.kind !== 'damaged' || (await this.#takesWrites())) return second;
    this.#options.log.error(
      { record: name, problem: second.problem },
      'A record cannot be read on a disk that takes no writes; it counts as missing now and is left as it is',
    );
    return undefined;
  }

  async #takesWrites(): Promise<boolean> {
    try {
      const path = this.#tempPath();
      await (await this.#disk.create(path)).close();
      await this.#disk.unlink(path);
      return true;
    } catch {
      return false;
    }
  }

  async write(name: string, value: unknown): Promise<void> {
    parseRecordName(name);
    // Printed now: the caller may go on changing what it gave.
    await this.#writes.put(name, seal(value));
  }

  async remove(name: string): Promise<void> {
    parseRecordName(name);
    await this.#writes.put(name, null);
  }

  /** Whole names, as `read` takes them, of the records below the folder, at any depth; of all for an empty folder. */
  async list(folder: string): Promise<string[]> {
    assertFolderName(folder);
    await this.#writes.idle();
    return withStoreErrors('records', async () => (await this.#namesBelow(folder)).sort());
  }

  async close(): Promise<void> {
    await this.#writes.idle();
  }

  async #namesBelow(folder: string): Promise<string[]> {
    const entries: Dirent[] =
      (await readdir(join(this.#options.root, folder), { withFileTypes: true }).catch(unlessMissing)) ?? [];
    const names: string[] = [];
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) names.push(...(await this.#namesBelow(name)));
      else if (entry.isFile() && name.endsWith(SUFFIX)) names.push(name.slice(0, -SUFFIX.length));
    }
    return names;
  }

  async #carryOut(name: string, text: string | null): Promise<void> {
    const path = this.#path(name);
    try {
      if (text === null) await this.#unlink(path);
      else await this.#replace(path, parseRecordName(name).folders, text);
    } catch (error) {
      throw storeError(error, 'records', { record: name });
    }
  }

  async #replace(path: string, folders: readonly string[], text: string): Promise<void> {
    const temp = this.#tempPath();
    try {
      await this.#folders.ensure(...folders);
      const file = await this.#disk.create(temp);
      try {
        await file.write([Buffer.from(text)]);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#disk.rename(temp, path);
    } catch (error) {
      this.#folders.forget(dirname(path));
      // It could not be made at a start on a full disk; the next attempt finds it.
      if (systemCode(error) === 'ENOENT')
        await this.#disk.makeFolder(join(this.#options.root, TEMP_FOLDER)).catch(ignore);
      await this.#disk.unlink(temp).catch(ignore);
      throw error;
    }
    await this.#folders.sync(dirname(path));
  }

  async #unlink(path: string): Promise<void> {
    await this.#disk.unlink(path);
    await this.#folders.sync(dirname(path)).catch(unlessMissing);
  }

  async #setAside(name: string, path: string, problem: string): Promise<void> {
    this.#options.log.error({ record: name, problem }, 'A record is damaged; it was set aside and counts as missing');
    const segment = path.slice(dirname(path).length + 1);
    const aside = join(dirname(path), `.damaged-${randomBytes(4).toString('hex')}-${segment}`);
    await this.#disk.rename(path, aside).catch((error: unknown) => {
      this.#options.log.warn({ record: name, code: systemCode(error) }, 'A damaged record could not be set aside');
    });
  }

  #tempPath(): string {
    this.#temps += 1;
    return join(this.#options.root, TEMP_FOLDER, `${this.#temps}-${randomBytes(4).toString('hex')}`);
  }

  #path(name: string): string {
    const { folders, last } = parseRecordName(name);
    return join(this.#options.root, ...folders, `${last}${SUFFIX}`);
  }
}

/** undefined: there is none. */
function unreadable(error: unknown): { readonly kind: 'damaged'; readonly problem: string } | undefined {
  if (isUnreadable(error)) return { kind: 'damaged', problem: `it cannot be read (${systemCode(error) ?? ''})` };
  unlessMissing(error);
  return undefined;
}

function unlessMissing(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
}
