import type { StoredSnapshot } from '../../core/snapshot.ts';
import type { ByteRange, SnapshotReader } from '../../ports/snapshot-store.ts';
import { GatewayError } from '../../errors.ts';
import { assertRange, damaged } from '../storage/damaged.ts';
import { ContentCheck, storedBytesOf } from '../storage/encryption.ts';
import type { Keyring } from '../storage/keyring.ts';
import { ignore } from '../storage/lanes.ts';
import type { Connection } from './connection.ts';
import { chunkRowsBytes, parseChunkRows } from './copy.ts';
import { CHUNK_BYTES } from './rows.ts';
import type { TableNames } from './table-names.ts';

/** Pieces read by one statement. Raised: more memory for each reader; lowered: more waiting for answers. */
const PIECES_AT_ONCE = 2;

export type Pace = (bytes: number) => Promise<void>;

/** Reads the content of one row by its pieces. */
export class ContentReader {
  readonly connection: Connection;
  readonly #names: TableNames;
  readonly #id: bigint;
  readonly #row: StoredSnapshot;
  /** Of what is stored. */
  readonly #bytes: number;

  constructor(connection: Connection, names: TableNames, which: { id: bigint; row: StoredSnapshot }) {
    this.connection = connection;
    this.#names = names;
    this.#id = which.id;
    this.#row = which.row;
    this.#bytes = storedBytesOf(which.row);
  }

  get row(): StoredSnapshot {
    return this.#row;
  }

  /**
   * Why the content is not what its row describes; null when it is.
   * @param how.keep given the pieces
   * @throws GatewayError `encryption-key-missing`: then nobody knows
   */
  async problem(how: {
    readonly keyring: Keyring;
    readonly pace: Pace | undefined;
    readonly keep: (piece: Buffer) => unknown;
  }): Promise<string | null> {
    const bytes = this.#bytes;
    const check = new ContentCheck(this.#row, how.keyring);
    let position = 0;
    for await (const pieces of this.#batches(0, this.#pieces)) {
      for (const piece of pieces) {
        if (piece === null) return `the piece after ${position} of ${bytes} bytes is missing or has another length`;
        const problem = check.take(piece);
        if (problem !== null) return problem;
        how.keep(piece);
        position += piece.byteLength;
        await how.pace?.(piece.byteLength);
      }
    }
    if (await this.#hasMore()) return `it has more than its ${bytes} bytes`;
    return check.finish();
  }

  /** What is stored from `start` up to, not with, `end`. */
  async *blocks(start: number, end: number): AsyncGenerator<Buffer> {
    let position = start - (start % CHUNK_BYTES);
    for await (const pieces of this.#batches(position / CHUNK_BYTES, Math.ceil(end / CHUNK_BYTES))) {
      for (const piece of pieces) {
        if (piece === null) throw damaged(this.#row, 'it became shorter while it was read');
        const from = Math.max(0, start - position);
        yield piece.subarray(from, Math.min(piece.byteLength, end - position));
        position += piece.byteLength;
      }
    }
  }

  get #pieces(): number {
    return Math.ceil(this.#bytes / CHUNK_BYTES);
  }

  /** Pieces from `first` up to, not with, `end`, one batch read ahead; null for one that is not what it should be. */
  async *#batches(first: number, end: number): AsyncGenerator<readonly (Buffer | null)[]> {
    let ahead: Promise<readonly (Buffer | null)[]> | null = null;
    try {
      for (let number = first; number < end; number += PIECES_AT_ONCE) {
        const batch: readonly (Buffer | null)[] = await (ahead ?? this.#read(number, end));
        ahead = number + PIECES_AT_ONCE < end ? this.#read(number + PIECES_AT_ONCE, end) : null;
        ahead?.catch(ignore);
        yield batch;
      }
    } finally {
      // The connection is not free before its last answer has come.
      await ahead?.catch(ignore);
    }
  }

  async #read(first: number, end: number): Promise<readonly (Buffer | null)[]> {
    const numbers = Array.from({ length: Math.min(PIECES_AT_ONCE, end - first) }, (_, i) => first + i);
    // One too large is not sent at all; one too many shows what was put beside ours.
    const rows = parseChunkRows(
      await this.connection.copyOut(
        `COPY (SELECT number, CASE WHEN octet_length(bytes) <= ${CHUNK_BYTES} THEN bytes END
               FROM ${this.#names.sql.chunk}
               WHERE snapshot = ${this.#id} AND number >= ${first} AND number < ${first + numbers.length}
               ORDER BY number LIMIT ${numbers.length + 1}) TO STDOUT (FORMAT binary)`,
        chunkRowsBytes(numbers.length, Math.min(numbers.length * CHUNK_BYTES, this.#bytes - first * CHUNK_BYTES)),
      ),
    );
    return numbers.map((number) => {
      const found = rows.filter((row) => row.number === number);
      const bytes = found.length === 1 ? found[0]?.bytes : null;
      return bytes?.byteLength === Math.min(CHUNK_BYTES, this.#bytes - number * CHUNK_BYTES) ? bytes : null;
    });
  }

  async #hasMore(): Promise<boolean> {
    const { rowCount } = await this.connection.query(
      `SELECT 1 FROM ${this.#names.sql.chunk} WHERE snapshot = $1 AND (number < 0 OR number >= $2) LIMIT 1`,
      [this.#id.toString(), this.#pieces],
    );
    return rowCount > 0;
  }
}

/** Hands out what was verified: from memory, or from the state of the database in which it was verified. */
export class PostgresSnapshotReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #blocks: (start: number, end: number) => AsyncIterable<Uint8Array>;
  readonly #end: () => Promise<void>;
  #isStarted = false;
  #reading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  /** @param end gives back what the blocks are read from; called once */
  constructor(
    snapshot: StoredSnapshot,
    blocks: (start: number, end: number) => AsyncIterable<Uint8Array>,
    end: () => Promise<void>,
  ) {
    this.snapshot = snapshot;
    this.#blocks = blocks;
    this.#end = end;
  }

  stream(range?: ByteRange): AsyncIterable<Uint8Array> {
    if (this.#isStarted) throw new Error('a snapshot reader can be streamed once');
    if (range !== undefined) assertRange(this.snapshot, range);
    this.#isStarted = true;
    return this.#stream(range?.start ?? 0, range === undefined ? this.snapshot.bytes : range.end + 1);
  }

  /** Waits for the answer that is under way, and for no more. */
  close(): Promise<void> {
    this.#closing ??= this.#reading.catch(ignore).then(this.#end);
    return this.#closing;
  }

  async *#stream(start: number, end: number): AsyncGenerator<Uint8Array> {
    const blocks = this.#blocks(start, end)[Symbol.asyncIterator]();
    try {
      for (;;) {
        // To end here as if all had come would pass a part for the whole.
        if (this.#closing !== null) throw new GatewayError('interrupted', 'The snapshot was closed while it was read.');
        const reading = blocks.next();
        this.#reading = reading;
        const next = await reading;
        if (next.done === true) break;
        yield next.value;
      }
    } finally {
      await blocks.return?.();
      await this.close();
    }
  }
}
