import { Lanes } from '../../src/adapters/storage/lanes.ts';
import type { HistoryLog } from '../../src/ports/history.ts';
import type { HistoryEntry } from '../../src/ports/ownership-api.ts';
import type { MemoryDisk } from './memory-disk.ts';

/** The history of decisions over a memory disk: bounded by a number of entries. What the disk refused goes out with the next. */
export class MemoryHistory implements HistoryLog {
  readonly #disk: MemoryDisk;
  readonly #life: number;
  readonly #most: number;
  readonly #lanes = new Lanes();
  #entries: HistoryEntry[];

  constructor(options: { readonly disk: MemoryDisk; readonly maxEntries?: number }) {
    this.#disk = options.disk;
    this.#life = options.disk.life;
    this.#most = options.maxEntries ?? 20_000;
    this.#entries = [...options.disk.history];
  }

  get newestId(): number {
    return this.#entries.at(-1)?.id ?? 0;
  }

  append(entry: HistoryEntry): Promise<void> {
    if (!Number.isSafeInteger(entry.id) || entry.id <= this.newestId) {
      return Promise.reject(new RangeError(`the id of an entry must grow: ${entry.id} after ${this.newestId}`));
    }
    this.#entries = [...this.#entries, entry].slice(-this.#most);
    return this.#write(entry.id);
  }

  flush(): Promise<void> {
    return this.#disk.history.at(-1)?.id === this.#entries.at(-1)?.id ? Promise.resolve() : this.#write(this.newestId);
  }

  read(after: number, limit: number): Promise<HistoryEntry[]> {
    return Promise.resolve(this.#entries.filter((entry) => entry.id > after).slice(0, Math.max(0, limit)));
  }

  async close(): Promise<void> {
    await this.#lanes.idle();
  }

  /** Everything up to the id that is not on the disk yet, in order. */
  #write(upTo: number): Promise<void> {
    return this.#lanes.run('history', () =>
      this.#disk.change(this.#life, () => {
        const stored = this.#disk.history;
        const last = stored.at(-1)?.id ?? 0;
        stored.push(...this.#entries.filter((entry) => entry.id > last && entry.id <= upTo));
        if (stored.length > this.#most) stored.splice(0, stored.length - this.#most);
      }),
    );
  }
}
