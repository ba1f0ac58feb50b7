import { join } from 'node:path';
import type { Log } from '../../ports/log.ts';
import { GatewayError } from '../../errors.ts';
import { MIB } from '../../units.ts';
import { realDisk, type Disk } from './disk.ts';
import { Folders, makeRoot } from './folders.ts';
import { printEntry, type JournalEntry } from './journal-lines.ts';
import { JournalSegments } from './journal-segments.ts';
import { RecentEntries } from './recent-entries.ts';
import { storeError, unlessPassing, withStoreErrors } from './store-error.ts';

export interface JournalOptions {
  /** The folder of the segments; made when it is missing. */
  readonly root: string;
  /** A folder below it, where they lie instead; one that a full disk refuses now is made when the first segment is. */
  readonly folder?: string | undefined;
  readonly log: Log;
  readonly disk?: Disk | undefined;
  /** Bytes of a segment before the next is begun; 4 MiB unless said otherwise. */
  readonly segmentBytes?: number | undefined;
  /** Segments kept; 16 unless said otherwise. Raising either keeps entries longer and takes disk. */
  readonly segments?: number | undefined;
  /** The newest entries are answered from memory; 2,000 unless said otherwise. */
  readonly recentEntries?: number | undefined;
  /** Entries that wait for a disk that does not take them; 10,000 unless said otherwise. Then the oldest are given up. */
  readonly backlog?: number | undefined;
}

/** What the entries of a journal are. */
export interface JournalKind<E extends JournalEntry> {
  /** The name of the store, as an operator knows it. */
  readonly store: string;
  /** Takes untrusted text; null for what is no entry. One of a kind that only a newer version knows is handed on. */
  readonly parse: (line: string) => E | null;
}

/** Characters of recent entries in memory: the event of a delivery of many origins is a large one. */
const RECENT_CHARS = 16 * MIB;
const BATCH_ENTRIES = 1000;
const BATCH_CHARS = MIB;

interface Unwritten {
  readonly id: number;
  readonly line: string;
  /** null once its caller was told that it is not durable. */
  waiter: { readonly resolve: () => void; readonly reject: (reason: unknown) => void } | null;
}

/**
 * A journal as lines of JSON in segments: the event log, the history of decisions. What is appended while a write runs
 * goes out together with the next one: one fsync for all. An entry is readable from the moment of `append`, whether or
 * not the disk takes it; one that it did not take is written, in its order, before the next.
 */
export class Journal<E extends JournalEntry> {
  readonly #options: JournalOptions;
  readonly #kind: JournalKind<E>;
  readonly #segments: JournalSegments<E>;
  readonly #recent: RecentEntries<E>;
  #unwritten: Unwritten[] = [];
  /** How many of the first in `#unwritten` are being written. */
  #inFlight = 0;
  #writing: Promise<void> | null = null;
  /** Everything above this id is in memory; what is not above it is read from the segments. */
  #memoryFrom = 0;
  /** Entries up to this id no longer belong to the journal: some of them never reached the disk. */
  #givenUpTo = 0;
  #durableId = 0;
  #newestId = 0;

  private constructor(options: JournalOptions, kind: JournalKind<E>, segments: JournalSegments<E>) {
    this.#options = options;
    this.#kind = kind;
    this.#segments = segments;
    this.#recent = new RecentEntries({ entries: options.recentEntries ?? 2000, chars: RECENT_CHARS });
  }

  /** Reads what is there; a torn end and damaged lines are skipped. @throws GatewayError `store-full`, `store-unavailable` */
  static async open<E extends JournalEntry>(options: JournalOptions, kind: JournalKind<E>): Promise<Journal<E>> {
    return withStoreErrors(kind.store, async () => {
      const disk = options.disk ?? realDisk;
      const below = options.folder === undefined ? [] : [options.folder];
      const folders = new Folders(disk, options.root);
      await makeRoot(disk, options.root);
      await folders.ensure(...below).catch(unlessPassing);
      const segments = await JournalSegments.open({
        root: join(options.root, ...below),
        makeRoot: () => folders.ensure(...below),
        disk,
        log: options.log,
        segmentBytes: options.segmentBytes ?? 4 * MIB,
        segments: options.segments ?? 16,
        parse: kind.parse,
      });
      const journal = new Journal(options, kind, segments);
      await journal.#load();
      return journal;
    });
  }

  get newestId(): number {
    return this.#newestId;
  }

  get oldestId(): number {
    const [first] = this.#recent.read(this.#givenUpTo, 1);
    const stored = this.#segments.oldestId;
    return stored <= this.#givenUpTo ? (first?.id ?? 0) : Math.min(stored, first?.id ?? stored);
  }

  append(entry: E): Promise<void> {
    if (!Number.isSafeInteger(entry.id) || entry.id <= this.#newestId) {
      return Promise.reject(new RangeError(`the id of an entry must grow: ${entry.id} after ${this.#newestId}`));
    }
    const line = printEntry(entry);
    this.#newestId = entry.id;
    this.#recent.add(entry, line);
    const written = new Promise<void>((resolve, reject) => {
      this.#unwritten.push({ id: entry.id, line, waiter: { resolve, reject } });
    });
    this.#boundBacklog();
    this.#writing ??= this.#writeAll();
    return written;
  }

  flush(): Promise<void> {
    const last = this.#unwritten.at(-1);
    if (last === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const { waiter } = last;
      last.waiter = {
        resolve: () => {
          waiter?.resolve();
          resolve();
        },
        reject: (reason: unknown) => {
          waiter?.reject(reason);
          reject(reason instanceof Error ? reason : new Error(String(reason)));
        },
      };
      this.#writing ??= this.#writeAll();
    });
  }

  async read(after: number, limit: number): Promise<E[]> {
    if (limit <= 0) return [];
    const from = Math.max(after, this.#givenUpTo);
    // Taken before anything is awaited: together with the segments up to here it has no gap.
    const recent = this.#recent.read(from, limit);
    const upTo = this.#memoryFrom;
    if (from >= upTo) return recent;
    const older = await withStoreErrors(this.#kind.store, () => this.#segments.read(from, limit, upTo));
    return [...older, ...recent].slice(0, limit);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#segments.close();
  }

  async #load(): Promise<void> {
    const most = this.#options.recentEntries ?? 2000;
    const { lines, hasOlder } = await this.#segments.loadNewest(most);
    for (const { entry, line } of lines) this.#recent.add(entry, line);
    this.#newestId = this.#recent.newestId;
    this.#durableId = this.#newestId;
    if (hasOlder) this.#memoryFrom = this.#recent.oldestId - 1;
    this.#trim();
  }

  /** Writes batch after batch for as long as somebody waits. Never rejects: every waiter is told for himself. */
  async #writeAll(): Promise<void> {
    // The first turn is given away, so that the appends of one turn go out together.
    await Promise.resolve();
    while (this.#unwritten.some((entry) => entry.waiter !== null)) {
      const batch = this.#nextBatch();
      this.#inFlight = batch.length;
      try {
        await this.#segments.append(Buffer.from(batch.map((entry) => entry.line).join('')), batch[0]?.id ?? 0);
      } catch (error) {
        this.#refuseAll(storeError(error, this.#kind.store));
        continue;
      } finally {
        this.#inFlight = 0;
      }
      this.#unwritten = this.#unwritten.slice(batch.length);
      this.#durableId = batch.at(-1)?.id ?? this.#durableId;
      this.#trim();
      for (const entry of batch) entry.waiter?.resolve();
    }
    // In the same turn as the last look at the queue: an append after it must start a new round.
    this.#writing = null;
  }

  #nextBatch(): Unwritten[] {
    let chars = 0;
    const end = this.#unwritten.findIndex((entry, i) => {
      chars += entry.line.length;
      return i > 0 && (i >= BATCH_ENTRIES || chars > BATCH_CHARS);
    });
    return end < 0 ? [...this.#unwritten] : this.#unwritten.slice(0, end);
  }

  /** The entries stay, in memory and in their order; those who waited for the disk are told. */
  #refuseAll(reason: unknown): void {
    for (const entry of this.#unwritten) {
      entry.waiter?.reject(reason);
      entry.waiter = null;
    }
  }

  #trim(): void {
    this.#memoryFrom = Math.max(this.#memoryFrom, this.#recent.trim(this.#durableId));
  }

  /**
   * A disk that takes nothing for a long time: the oldest waiting entries are given up, and with them all before,
   * so that the journal has no hole. A subscriber that wanted them is told that the log was truncated.
   */
  #boundBacklog(): void {
    const most = this.#options.backlog ?? 10_000;
    if (this.#unwritten.length <= most) return;
    const count = Math.min(Math.ceil(most / 10), this.#unwritten.length - this.#inFlight - 1);
    const dropped = this.#unwritten.splice(this.#inFlight, count);
    const last = dropped.at(-1);
    if (last === undefined) return;
    const reason = new GatewayError(
      'store-unavailable',
      `The store "${this.#kind.store}" cannot be written and too many entries wait for it.`,
    );
    for (const entry of dropped) entry.waiter?.reject(reason);
    this.#givenUpTo = last.id;
    this.#segments.startAnew();
    this.#durableId = Math.max(this.#durableId, last.id);
    this.#options.log.error(
      { store: this.#kind.store, entries: dropped.length, upTo: last.id },
      'A journal could not be written for too long; its oldest entries are given up',
    );
    this.#trim();
  }
}
