import type { Log } from '../../src/ports/log.ts';
import type { Records } from '../../src/ports/records.ts';
import { LatestWrites } from '../../src/adapters/file/latest-writes.ts';
import { assertFolderName, parseRecordName } from '../../src/adapters/file/record-names.ts';
import type { MemoryDisk } from './memory-disk.ts';

/** Records over a memory disk; a text there that is no JSON is damage, as in a file. */
export class MemoryRecords implements Records {
  readonly #disk: MemoryDisk;
  readonly #log: Log | undefined;
  readonly #writes: LatestWrites;

  constructor(options: { readonly disk: MemoryDisk; readonly log?: Log }) {
    const { disk, log } = options;
    const { life } = disk;
    this.#disk = disk;
    this.#log = log;
    this.#writes = new LatestWrites((name, text) =>
      disk.change(life, () => {
        if (text === null) disk.records.delete(name);
        else disk.records.set(name, text);
      }),
    );
  }

  async read(name: string): Promise<unknown> {
    parseRecordName(name);
    await this.#writes.idle(name);
    const text = this.#disk.records.get(name);
    if (text === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      return value;
    } catch {
      this.#disk.records.delete(name);
      this.#log?.error({ record: name }, 'A record is damaged; it was set aside and counts as missing');
      return undefined;
    }
  }

  async write(name: string, value: unknown): Promise<void> {
    parseRecordName(name);
    await this.#writes.put(name, JSON.stringify(value));
  }

  async remove(name: string): Promise<void> {
    parseRecordName(name);
    await this.#writes.put(name, null);
  }

  async list(folder: string): Promise<string[]> {
    assertFolderName(folder);
    await this.#writes.idle();
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...this.#disk.records.keys()].filter((name) => name.startsWith(prefix)).sort();
  }
}
