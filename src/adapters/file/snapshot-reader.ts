import type { StoredSnapshot } from '../../core/snapshot.ts';
import type { ByteRange, SnapshotReader } from '../../ports/snapshot-store.ts';
import { MIB } from '../../units.ts';
import { assertRange, damaged } from '../storage/damaged.ts';
import { ContentCheck, contentBlocks, storedBytesOf } from '../storage/encryption.ts';
import type { Keyring } from '../storage/keyring.ts';
import type { DiskReader } from './disk.ts';
import { ignore } from '../storage/lanes.ts';
import { withStoreErrors } from './store-error.ts';

/** Read at once: less is slow, more is memory. */
const BLOCK_BYTES = MIB;

/**
 * Why an open file is not the content that its row describes; null when it is. Reads one block while it checks another.
 *
 * @throws GatewayError `encryption-key-missing`: then nobody knows
 */
export async function contentProblem(
  file: DiskReader,
  row: StoredSnapshot,
  how: { readonly keyring: Keyring; readonly pace: ((bytes: number) => Promise<void>) | undefined },
): Promise<string | null> {
  const stored = storedBytesOf(row);
  const size = await file.size();
  if (size !== stored) return `it has ${size} of ${stored} bytes`;
  const check = new ContentCheck(row, how.keyring);
  let current = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, stored));
  let other = Buffer.allocUnsafe(current.byteLength);
  let position = 0;
  let reading = readInto(file, current, position, stored);
  while (position < stored) {
    const got = await reading;
    if (got === 0) return `it ends after ${position} of ${stored} bytes`;
    position += got;
    if (position < stored) {
      reading = readInto(file, other, position, stored);
      reading.catch(ignore);
    }
    const problem = check.take(current.subarray(0, got));
    if (problem !== null) {
      // The file is closed next; what is being read of it must have ended.
      await reading.catch(ignore);
      return problem;
    }
    await how.pace?.(got);
    [current, other] = [other, current];
  }
  return check.finish();
}

async function readInto(file: DiskReader, block: Buffer, position: number, end: number): Promise<number> {
  return position >= end ? 0 : file.read(block.subarray(0, Math.min(block.byteLength, end - position)), position);
}

/** Hands out a verified version from the very file that was verified: a rename meanwhile changes nothing. */
export class FileSnapshotReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #file: DiskReader;
  readonly #store: string;
  readonly #keyring: Keyring;
  #isStarted = false;
  #closing: Promise<void> | null = null;

  /** @param store the name of the store, for errors */
  constructor(snapshot: StoredSnapshot, file: DiskReader, by: { readonly store: string; readonly keyring: Keyring }) {
    this.snapshot = snapshot;
    this.#file = file;
    this.#store = by.store;
    this.#keyring = by.keyring;
  }

  stream(range?: ByteRange): AsyncIterable<Uint8Array> {
    if (this.#isStarted) throw new Error('a snapshot reader can be streamed once');
    if (range !== undefined) assertRange(this.snapshot, range);
    this.#isStarted = true;
    return this.#content(range?.start ?? 0, range === undefined ? this.snapshot.bytes : range.end + 1);
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.close();
    return this.#closing;
  }

  async *#content(start: number, end: number): AsyncGenerator<Uint8Array> {
    // What is decrypted is another buffer than what was read: that one can be read into again.
    const length = Math.min(BLOCK_BYTES, storedBytesOf(this.snapshot));
    const spare = this.snapshot.encryption === undefined ? null : [0, 1].map(() => Buffer.allocUnsafe(length));
    const stored = (from: number, to: number): AsyncIterable<Uint8Array> => this.#blocks(from, to, spare);
    try {
      yield* contentBlocks(this.snapshot, this.#keyring, stored, { start, end });
    } finally {
      await this.close();
    }
  }

  /** What is stored, in the buffers of `spare` in turn where there are any. One block is read ahead while the consumer has another. */
  async *#blocks(start: number, end: number, spare: readonly Buffer[] | null): AsyncGenerator<Uint8Array> {
    let reads = 0;
    const read = (position: number): Promise<Uint8Array> => {
      reads += 1;
      const length = Math.min(BLOCK_BYTES, end - position);
      return this.#block(spare?.[reads % 2]?.subarray(0, length) ?? Buffer.allocUnsafe(length), position);
    };
    let ahead: Promise<Uint8Array> | null = null;
    try {
      for (let position = start; position < end;) {
        const block = await (ahead ?? read(position));
        if (block.byteLength === 0) throw damaged(this.snapshot, 'it became shorter while it was read');
        position += block.byteLength;
        ahead = position < end ? read(position) : null;
        ahead?.catch(ignore);
        yield block;
      }
    } finally {
      await ahead?.catch(ignore);
    }
  }

  async #block(block: Buffer, position: number): Promise<Uint8Array> {
    const got = await withStoreErrors(this.#store, () => this.#file.read(block, position));
    return block.subarray(0, got);
  }
}
