import type { Connection as WireConnection, Submittable } from 'pg';

/** What a binary COPY begins with: signature, flags, length of an extension (PostgreSQL, "COPY", File Formats). */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const HEADER_BYTES = SIGNATURE.byteLength + 8;
const NULL_LENGTH = -1;
const TRAILER = -1;
/** Before the bytes of a row of (number integer, bytes bytea): the number of fields, and each one's length. */
const ROW_BYTES = 14;

/** A row of (number integer, bytes bytea); null where the piece was too large to be one of ours. */
export interface ChunkRow {
  readonly number: number;
  readonly bytes: Buffer | null;
}

/**
 * A `COPY … TO STDOUT` whose whole answer is small: it is gathered in memory and handed over at the end. A large content
 * is read by many of them, so that a consumer that pauses leaves no half-read answer on a connection; `pg-copy-streams`
 * would hold one open, and takes over the socket of a connection that may be lost meanwhile.
 */
export class CopyOut implements Submittable {
  readonly #text: string;
  readonly #done: (error: Error | null, bytes: Buffer) => void;
  #gathered: Buffer;
  #length = 0;

  /**
   * @param expectedBytes of the answer; more is taken, too
   * @param done called once, when the connection is ready for the next statement, or with an error
   */
  constructor(text: string, expectedBytes: number, done: (error: Error | null, bytes: Buffer) => void) {
    this.#text = text;
    this.#gathered = Buffer.allocUnsafe(expectedBytes);
    this.#done = done;
  }

  submit(connection: WireConnection): void {
    connection.query(this.#text);
  }

  handleCopyData(message: { readonly chunk: Buffer }): void {
    const { chunk } = message;
    const length = this.#length + chunk.byteLength;
    if (length > this.#gathered.byteLength) this.#gathered = Buffer.concat([this.#gathered], 2 * length);
    // Copied: the parser uses its buffer again for what comes next.
    chunk.copy(this.#gathered, this.#length);
    this.#length = length;
  }

  handleError(error: Error): void {
    this.#done(error, Buffer.alloc(0));
  }

  handleReadyForQuery(): void {
    this.#done(null, this.#gathered.subarray(0, this.#length));
  }

  // The client calls these for every kind of statement.
  handleCommandComplete(): void {
    return undefined;
  }

  handleRowDescription(): void {
    return undefined;
  }
}

/** The rows of a binary COPY of (number integer, bytes bytea). The bytes are views of what is given. */
export function parseChunkRows(copied: Buffer): ChunkRow[] {
  if (!copied.subarray(0, SIGNATURE.byteLength).equals(SIGNATURE)) throw new Error('this is no binary COPY');
  const rows: ChunkRow[] = [];
  let at = HEADER_BYTES + copied.readUInt32BE(HEADER_BYTES - 4);
  while (copied.readInt16BE(at) !== TRAILER) {
    const number = copied.readInt32BE(at + 6);
    const length = copied.readInt32BE(at + 10);
    at += ROW_BYTES;
    rows.push({ number, bytes: length === NULL_LENGTH ? null : copied.subarray(at, at + length) });
    at += Math.max(0, length);
  }
  return rows;
}

/** The length of an answer with so many rows and so many bytes in all of them. */
export function chunkRowsBytes(rows: number, bytes: number): number {
  return HEADER_BYTES + rows * ROW_BYTES + bytes + COPY_TRAILER.byteLength;
}

/** What it ends with. */
const COPY_TRAILER: Buffer = Buffer.from([0xff, 0xff]);
