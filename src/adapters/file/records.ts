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
import { seal, unseal } from '../storage/sealed-document.ts';
import { storeError, withStoreErrors } from './store-error.ts';

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
      await records.#disk.makeFolder(join(options.root, TEMP_FOLDER));
      const left = await readdir(join(options.root, TEMP_FOLDER));
      for (const name of left) await records.#disk.unlink(join(options.root, TEMP_FOLDER, name)).catch(ignore);
    });
    return records;
  }

  async read(name: string): Promise<unknown> {
    const path = this.#path(name);
    await this.#writes.idle(name);
    return withStoreErrors('records', async () => {
      const text = await readFile(path, 'utf8').catch(unlessMissing);
      if (text === undefined) return undefined;
      const document = unseal(text);
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
    this.#temps += 1;
    const temp = join(this.#options.root, TEMP_FOLDER, `${this.#temps}-${randomBytes(4).toString('hex')}`);
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

  #path(name: string): string {
    const { folders, last } = parseRecordName(name);
    return join(this.#options.root, ...folders, `${last}${SUFFIX}`);
  }
}

function unlessMissing(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
}
