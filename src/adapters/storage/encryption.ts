import { createHash, type Hash } from 'node:crypto';
import type { SnapshotKey, StoredEncryption, StoredSnapshot } from '../../core/snapshot.ts';
import { damaged } from './damaged.ts';
import { keyMissing, type Keyring } from './keyring.ts';
import { Pieces } from './pieces.ts';
import { CHUNK_BYTES, chunksIn, ContentKey, HEADER_BYTES, sealedBytes, TAG_BYTES } from './sealed-chunks.ts';

const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES;

/** How long what is stored for a version is: what its file, or its pieces in a database, must have. */
export function storedBytesOf(row: StoredSnapshot): number {
  return row.encryption?.storedBytes ?? row.bytes;
}

/** A content on its way into a store: as it comes without a key, else encrypted. */
export class OutgoingContent {
  readonly #keyring: Keyring;
  readonly #owner: SnapshotKey;
  readonly #pending = new Pieces(CHUNK_BYTES);
  #key: ContentKey | null = null;
  #number = 0;
  #storedBytes = 0;

  /** @param owner whose content it is: what is known before its version is */
  constructor(keyring: Keyring, owner: SnapshotKey) {
    this.#keyring = keyring;
    this.#owner = owner;
  }

  /** How long a content of so many bytes is when it is stored. */
  storedBytes(bytes: number): number {
    return this.#keyring.current === null || bytes === 0 ? bytes : sealedBytes(bytes);
  }

  /** @returns what is to be stored next, as far as it is certain */
  add(chunk: Uint8Array): readonly Uint8Array[] {
    if (this.#keyring.current === null) return [chunk];
    this.#pending.add(chunk);
    const sealed: Uint8Array[] = [];
    // A full chunk waits for a byte more: the last one is marked, and this may be it.
    while (this.#pending.bytes > CHUNK_BYTES) sealed.push(...this.#seal(false));
    return sealed;
  }

  /** @returns the rest; nothing for an empty content: a withdrawal has nothing to hide */
  finish(): { readonly rest: readonly Uint8Array[]; readonly encryption: StoredEncryption | null } {
    const { current } = this.#keyring;
    if (current === null || this.#pending.bytes === 0) return { rest: [], encryption: null };
    const rest = this.#seal(true);
    return { rest, encryption: { keyId: current.id, storedBytes: this.#storedBytes } };
  }

  #seal(isLast: boolean): Uint8Array[] {
    const parts: Uint8Array[] = [];
    if (this.#key === null) {
      const { current } = this.#keyring;
      if (current === null) throw new Error('there is no key to encrypt with');
      const { key, header } = ContentKey.make(current, this.#owner);
      this.#key = key;
      parts.push(header);
    }
    parts.push(...this.#key.seal(this.#number, isLast, this.#pending.takeParts()));
    this.#number += 1;
    for (const part of parts) this.#storedBytes += part.byteLength;
    return parts;
  }
}

/**
 * Decrypts what was stored, in the order in which it lies: the header, then the chunks from one on. What it gives out has
 * been authenticated.
 */
class Decryption {
  readonly #row: StoredSnapshot;
  readonly #keyring: Keyring;
  /** Where a chunk is put together that lies in more than one block. */
  readonly #gathered: Buffer;
  readonly #chunks: number;
  #length = 0;
  #need = HEADER_BYTES;
  #key: ContentKey | null = null;
  #number: number;

  /** @throws GatewayError `encryption-key-missing` */
  constructor(row: StoredSnapshot, keyring: Keyring, firstChunk: number) {
    this.#row = row;
    this.#keyring = keyring;
    this.#chunks = chunksIn(row.bytes);
    this.#gathered = Buffer.allocUnsafe(Math.max(HEADER_BYTES, sealedLength(row.bytes, 0)));
    this.#number = firstChunk;
    this.#master();
  }

  /**
   * Takes the next bytes, which the caller may then write over.
   *
   * @returns the content that has become certain, or a text that says what is wrong with it
   * @throws GatewayError `encryption-key-missing`
   */
  push(block: Uint8Array): readonly Buffer[] | string {
    const opened: Buffer[] = [];
    for (let at = 0; at < block.byteLength;) {
      const part = block.subarray(at, at + this.#need - this.#length);
      if (part.byteLength === 0) return 'it has more than its chunks';
      at += part.byteLength;
      const whole = this.#gather(part);
      if (whole === null) break;
      const problem = this.#key === null ? this.#begin(whole) : this.#open(this.#key, whole, opened);
      if (problem !== null) return problem;
      this.#length = 0;
      this.#need = sealedLength(this.#row.bytes, this.#number);
    }
    return opened;
  }

  /** Why the content is not complete; null when every chunk has come. */
  finish(): string | null {
    return this.#number === this.#chunks ? null : `it ends before its chunk ${this.#number + 1} of ${this.#chunks}`;
  }

  /** What is needed next, once all of it is there; copied only where it lies in more than one block. */
  #gather(part: Uint8Array): Uint8Array | null {
    if (part.byteLength === this.#need) return part;
    this.#gathered.set(part, this.#length);
    this.#length += part.byteLength;
    return this.#length < this.#need ? null : this.#gathered.subarray(0, this.#length);
  }

  #begin(header: Uint8Array): string | null {
    const master = this.#master();
    const found = ContentKey.of(Buffer.from(header), master, this.#row.key);
    if ('other' in found) throw keyMissing(this.#row, master.id, true);
    if ('damaged' in found) return found.damaged;
    this.#key = found.key;
    return null;
  }

  #open(key: ContentKey, sealed: Uint8Array, opened: Buffer[]): string | null {
    const isLast = this.#number === this.#chunks - 1;
    const chunk = key.open(this.#number, isLast, sealed);
    this.#number += 1;
    if (chunk === null) return `its chunk ${this.#number} of ${this.#chunks} is not as it was encrypted (AES-256-GCM)`;
    opened.push(chunk);
    return null;
  }

  #master(): NonNullable<ReturnType<Keyring['find']>> {
    const keyId = this.#row.encryption?.keyId ?? '';
    const master = this.#keyring.find(keyId);
    if (master === undefined) throw keyMissing(this.#row, keyId, false);
    return master;
  }
}

/** The stored bytes of a chunk; none of one that is beyond the last. */
function sealedLength(bytes: number, number: number): number {
  if (number >= chunksIn(bytes)) return 0;
  return Math.min(CHUNK_BYTES, bytes - number * CHUNK_BYTES) + TAG_BYTES;
}

/** Compares what is stored for a version with its row, block by block. A block may be written over afterwards. */
export class ContentCheck {
  readonly #row: StoredSnapshot;
  readonly #hash: Hash = createHash('sha256');
  readonly #decryption: Decryption | null;

  /** @throws GatewayError `encryption-key-missing` */
  constructor(row: StoredSnapshot, keyring: Keyring) {
    this.#row = row;
    this.#decryption = row.encryption === undefined ? null : new Decryption(row, keyring, 0);
  }

  /** @returns what is wrong, or null @throws GatewayError `encryption-key-missing` */
  take(block: Uint8Array): string | null {
    const content = this.#decryption === null ? [block] : this.#decryption.push(block);
    if (typeof content === 'string') return content;
    for (const chunk of content) this.#hash.update(chunk);
    return null;
  }

  finish(): string | null {
    const problem = this.#decryption?.finish() ?? null;
    if (problem !== null) return problem;
    return this.#hash.digest('hex') === this.#row.sha256 ? null : 'its SHA-256 is another one';
  }
}

/** What is stored, from `start` up to, not with, `end`. */
export type StoredBlocks = (start: number, end: number) => AsyncIterable<Uint8Array>;

/**
 * A part of the content, from `start` up to, not with, `end`. Of an encrypted one the header is read and the chunks that
 * have a byte of the part.
 *
 * @throws GatewayError `snapshot-damaged` when it changed since it was verified, `encryption-key-missing`
 */
export function contentBlocks(
  row: StoredSnapshot,
  keyring: Keyring,
  stored: StoredBlocks,
  part: { readonly start: number; readonly end: number },
): AsyncIterable<Uint8Array> {
  if (row.encryption === undefined) return stored(part.start, part.end);
  return decrypted(row, keyring, stored, part);
}

async function* decrypted(
  row: StoredSnapshot,
  keyring: Keyring,
  stored: StoredBlocks,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  if (end <= start) return;
  const first = Math.floor(start / CHUNK_BYTES);
  const decryption = new Decryption(row, keyring, first);
  const from = HEADER_BYTES + first * SEALED_BYTES;
  const to = Math.min(storedBytesOf(row), HEADER_BYTES + Math.ceil(end / CHUNK_BYTES) * SEALED_BYTES);
  // From the beginning on it is one part; otherwise the header lies apart.
  const parts =
    first === 0
      ? [{ from: 0, to }]
      : [
          { from: 0, to: HEADER_BYTES },
          { from, to },
        ];
  let position = first * CHUNK_BYTES;
  for (const one of parts) {
    for await (const block of stored(one.from, one.to)) {
      const content = decryption.push(block);
      if (typeof content === 'string') throw damaged(row, content);
      for (const chunk of content) {
        const wanted = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position));
        position += chunk.byteLength;
        if (wanted.byteLength > 0) yield wanted;
      }
    }
  }
  // To end here as if all had come would pass a part for the whole.
  if (position < end) throw damaged(row, 'it became shorter while it was read');
}
