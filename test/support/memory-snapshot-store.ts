import { createHash } from 'node:crypto';
import { keyText, moved, type SnapshotKey, type SnapshotPlace, type StoredSnapshot } from '../../src/core/snapshot.ts';
import { GatewayError } from '../../src/errors.ts';
import { isoTime } from '../../src/ports/clock.ts';
import type {
  ByteRange,
  DamagedContent,
  PutSnapshot,
  SnapshotReader,
  SnapshotStore,
} from '../../src/ports/snapshot-store.ts';
import { chunksOf, ContentMeter } from '../../src/adapters/storage/content.ts';
import { Lanes } from '../../src/adapters/storage/lanes.ts';
import { setAsideByWithdrawal, SnapshotIndex } from '../../src/adapters/storage/snapshot-index.ts';
import { assertRange, damaged, notThere } from '../../src/adapters/storage/damaged.ts';
import { assertAdmissible, assertStorable, rowOf } from '../../src/adapters/storage/snapshot-row.ts';
import type { MemoryDisk } from './memory-disk.ts';

export interface MemorySnapshotStoreOptions {
  readonly disk: MemoryDisk;
  /** Stores of one disk are told apart by it. */
  readonly name: string;
  readonly wallMs: () => number;
  readonly maxOrigins?: number;
  readonly onDamage?: (damage: { readonly snapshot: StoredSnapshot; readonly reason: string }) => void;
}

const BLOCK_BYTES = 1 << 16;

/** The store of the contract, in memory: no I/O and no time but what the disk's `latency` adds. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly kind = 'memory';
  #isKnown = false;
  readonly #options: MemorySnapshotStoreOptions;
  readonly #life: number;
  readonly #index = new SnapshotIndex();
  readonly #lanes = new Lanes();
  #newKeys = 0;
  #isClosed = false;

  constructor(options: MemorySnapshotStoreOptions) {
    this.#options = options;
    this.#life = options.disk.life;
    if (!options.disk.away.has(options.name)) this.#load();
  }

  get isKnown(): boolean {
    return this.#isKnown;
  }

  #load(): void {
    const keys = this.#options.disk.snapshots.get(this.#options.name)?.values() ?? [];
    this.#index.set([...keys].flatMap((versions) => [...versions.values()].map((stored) => stored.row)));
    this.#isKnown = true;
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

  async put(request: PutSnapshot, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredSnapshot> {
    this.#assertOpen();
    assertStorable(request);
    this.#assertRoom(request.key);
    const meter = new ContentMeter(request);
    const chunks: Uint8Array[] = [];
    for await (const chunk of chunksOf(content, signal)) {
      meter.take(chunk);
      chunks.push(Buffer.from(chunk));
    }
    const measured = meter.finish();
    return this.#lanes.run(keyText(request.key), async () => {
      const rows = this.rowsOf(request.key);
      const version = request.version(rows[0], measured);
      assertAdmissible(rows, version, measured.sha256);
      const isNew = rows.length === 0;
      if (isNew) this.#assertRoom(request.key);
      this.#newKeys += isNew ? 1 : 0;
      try {
        const row = rowOf(request, measured, { version, storedAt: this.#now() });
        const others = rows.filter((other) => other.version !== version);
        const setAside = setAsideByWithdrawal([...others, row], this.#now());
        await this.#write(row.key, [row, ...setAside], Buffer.concat(chunks));
        return row;
      } finally {
        this.#newKeys -= isNew ? 1 : 0;
      }
    });
  }

  async open(key: SnapshotKey, version: number): Promise<SnapshotReader> {
    this.#assertOpen();
    const first = this.#read(key, version);
    if (first.problem === null) return new MemoryReader(first.row, first.bytes);
    return this.#lanes.run(keyText(key), async () => {
      // Looked at once more, now that nobody writes: it may have been filled again, or another reader has lost it.
      const second = this.#read(key, version);
      if (second.problem === null) return new MemoryReader(second.row, second.bytes);
      await this.#lose(second.row, second.problem);
      throw damaged(second.row, second.problem);
    });
  }

  #read(
    key: SnapshotKey,
    version: number,
  ): { row: StoredSnapshot } & ({ problem: null; bytes: Buffer } | { problem: string }) {
    const row = this.#index.find(key, version);
    if (row === undefined) throw notThere(key, version);
    if (row.place === 'lost') throw damaged(row, 'it was lost before');
    const bytes = this.#options.disk.versionsOf(this.#options.name, key).get(version)?.bytes ?? null;
    if (bytes === null) return { row, problem: 'its bytes are missing' };
    const problem = problemOf(bytes, row);
    return problem === null ? { row, problem, bytes } : { row, problem };
  }

  async verify(key: SnapshotKey, version: number, pace: (bytes: number) => Promise<void>): Promise<void> {
    const { snapshot } = await this.open(key, version);
    await pace(snapshot.bytes);
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
    this.#assertOpen();
    await this.#lanes.run(keyText(key), async () => {
      if (this.#index.find(key, version) === undefined) return;
      const { disk, name } = this.#options;
      await disk.change(this.#life, () => disk.versionsOf(name, key).delete(version));
      this.#index.delete(key, version);
    });
  }

  async probe(): Promise<void> {
    this.#assertOpen();
    await this.#options.disk.change(this.#life, () => undefined);
  }

  async damaged(): Promise<readonly DamagedContent[]> {
    this.#assertOpen();
    const { disk, name } = this.#options;
    return Promise.resolve(disk.damagedOf(name).map(({ id, bytes, at, reason }) => ({ id, bytes, at, reason })));
  }

  async discardDamaged(id: string): Promise<void> {
    this.#assertOpen();
    const { disk, name } = this.#options;
    await disk.change(this.#life, () => disk.discardDamaged(name, id));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#lanes.idle();
  }

  async #change(key: SnapshotKey, version: number, change: (row: StoredSnapshot) => StoredSnapshot): Promise<void> {
    this.#assertOpen();
    await this.#lanes.run(keyText(key), async () => {
      const row = this.#index.find(key, version);
      if (row === undefined) return;
      const changed = change(row);
      if (changed === row) return;
      const others = this.rowsOf(key).filter((other) => other !== row);
      const setAside = setAsideByWithdrawal([...others, changed], this.#now());
      await this.#write(key, [changed, ...setAside]);
    });
  }

  async #lose(row: StoredSnapshot, reason: string): Promise<void> {
    const lost = moved(row, { place: 'lost', at: this.#now(), reason });
    // As with files: what cannot be noted on the disk counts for this run all the same.
    await this.#write(row.key, [lost]).catch(() => this.#index.set([lost]));
    this.#options.disk.keepDamaged(this.#options.name, { bytes: row.bytes, at: lost.placedAt, reason });
    this.#options.onDamage?.({ snapshot: lost, reason });
  }

  /** The rows become durable together; the bytes are those of the first, which keeps its own where none are given. */
  async #write(key: SnapshotKey, rows: readonly StoredSnapshot[], bytes?: Buffer): Promise<void> {
    const { disk, name } = this.#options;
    await disk.change(this.#life, () => {
      const versions = disk.versionsOf(name, key);
      rows.forEach((row, i) => {
        const kept = versions.get(row.version)?.bytes ?? null;
        versions.set(row.version, { row, bytes: i === 0 && bytes !== undefined ? bytes : kept });
      });
    });
    // Last by last, so that the last one wins where a version is in the list twice.
    this.#index.set(rows);
  }

  #now(): string {
    return isoTime(this.#options.wallMs());
  }

  #assertOpen(): void {
    if (this.#options.disk.away.has(this.#options.name))
      throw new GatewayError('store-unavailable', 'The database is away.');
    if (!this.#isKnown) this.#load();
    if (this.#isClosed) throw new GatewayError('store-unavailable', `The store "${this.#options.name}" is closed.`);
  }

  #assertRoom(key: SnapshotKey): void {
    const most = this.#options.maxOrigins ?? 100_000;
    if (this.rowsOf(key).length > 0 || this.#index.keys + this.#newKeys < most) return;
    throw new GatewayError('store-full', `The store "${this.#options.name}" has ${most} origins and takes no new one.`);
  }
}

function problemOf(bytes: Buffer, row: StoredSnapshot): string | null {
  if (bytes.byteLength !== row.bytes) return `it has ${bytes.byteLength} of ${row.bytes} bytes`;
  return createHash('sha256').update(bytes).digest('hex') === row.sha256 ? null : 'its SHA-256 is another one';
}

class MemoryReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #bytes: Buffer;
  #isStarted = false;

  constructor(snapshot: StoredSnapshot, bytes: Buffer) {
    this.snapshot = snapshot;
    this.#bytes = bytes;
  }

  stream(range?: ByteRange): AsyncIterable<Uint8Array> {
    if (this.#isStarted) throw new Error('a snapshot reader can be streamed once');
    if (range !== undefined) assertRange(this.snapshot, range);
    this.#isStarted = true;
    return this.#blocks(range === undefined ? this.#bytes : this.#bytes.subarray(range.start, range.end + 1));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async *#blocks(bytes: Buffer): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.byteLength; at += BLOCK_BYTES) {
      yield await Promise.resolve(bytes.subarray(at, at + BLOCK_BYTES));
    }
  }
}
