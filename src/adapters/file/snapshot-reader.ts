import { createHash } from 'node:crypto';
import type { StoredSnapshot } from '../../core/snapshot.ts';
import type { ByteRange, SnapshotReader } from '../../ports/snapshot-store.ts';
import { MIB } from '../../units.ts';
import { assertRange, damaged } from '../storage/damaged.ts';
import type { DiskReader } from './disk.ts';
import { ignore } from '../storage/lanes.ts';
import { withStoreErrors } from './store-error.ts';

/** Read at once: less is slow, more is memory. */
const BLOCK_BYTES = MIB;

/** Why an open file is not the content that its row describes; null when it is. Reads one block while it hashes another. */
export async function contentProblem(
  file: DiskReader,
  row: StoredSnapshot,
  pace?: (bytes: number) => Promise<void>,
): Promise<string | null> {
  const size = await file.size();
  if (size !== row.bytes) return `it has ${size} of ${row.bytes} bytes`;
  const hash = createHash('sha256');
  let current = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, row.bytes));
  let other = Buffer.allocUnsafe(current.byteLength);
  let position = 0;
  let reading = readInto(file, current, position, row.bytes);
  while (position < row.bytes) {
    const got = await reading;
    if (got === 0) return `it ends after ${position} of ${row.bytes} bytes`;
    position += got;
    if (position < row.bytes) {
      reading = readInto(file, other, position, row.bytes);
      reading.catch(ignore);
    }
    hash.update(current.subarray(0, got));
    await pace?.(got);
    [current, other] = [other, current];
  }
  return hash.digest('hex') === row.sha256 ? null : 'its SHA-256 is another one';
}

async function readInto(file: DiskReader, block: Buffer, position: number, end: number): Promise<number> {
  return position >= end ? 0 : file.read(block.subarray(0, Math.min(block.byteLength, end - position)), position);
}

/** Hands out a verified version from the very file that was verified: a rename meanwhile changes nothing. */
export class FileSnapshotReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #file: DiskReader;
  readonly #store: string;
  #isStarted = false;
  #closing: Promise<void> | null = null;

  /** @param store the name of the store, for errors */
  constructor(snapshot: StoredSnapshot, file: DiskReader, store: string) {
    this.snapshot = snapshot;
    this.#file = file;
    this.#store = store;
  }

  stream(range?: ByteRange): AsyncIterable<Uint8Array> {
    if (this.#isStarted) throw new Error('a snapshot reader can be streamed once');
    if (range !== undefined) assertRange(this.snapshot, range);
    this.#isStarted = true;
    return this.#blocks(range?.start ?? 0, range === undefined ? this.snapshot.bytes : range.end + 1);
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.close();
    return this.#closing;
  }

  /** One block is read ahead while the consumer has another. */
  async *#blocks(start: number, end: number): AsyncGenerator<Uint8Array> {
    let ahead: Promise<Uint8Array> | null = null;
    try {
      for (let position = start; position < end;) {
        const block = await (ahead ?? this.#block(position, end));
        if (block.byteLength === 0) throw damaged(this.snapshot, 'it became shorter while it was read');
        position += block.byteLength;
        ahead = position < end ? this.#block(position, end) : null;
        ahead?.catch(ignore);
        yield block;
      }
    } finally {
      await ahead?.catch(ignore);
      await this.close();
    }
  }

  async #block(position: number, end: number): Promise<Uint8Array> {
    const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, end - position));
    const got = await withStoreErrors(this.#store, () => this.#file.read(block, position));
    return block.subarray(0, got);
  }
}
