import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SnapshotKey } from '../../core/snapshot.ts';
import { keyText } from '../../core/snapshot.ts';
import { KIB } from '../../units.ts';
import type { MasterKey } from './keyring.ts';

/**
 * The form of an encrypted content: a header, then the content in chunks, each encrypted and authenticated by itself
 * with AES-256-GCM, so that it is written and read as a stream and from any place.
 *
 * It is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its
 * Nonce-Reuse Misuse-Resistance", 2015) as age and Tink have it: the nonce is the number of the chunk and whether it is
 * the last one. So a chunk that is missing, doubled, put elsewhere or added at the end is found like a flipped bit.
 * Each content has a key of its own, derived with HKDF-SHA-256 (RFC 5869) from the master key and 32 random bytes of
 * the header: no nonce can repeat, however much a master key encrypts. The derivation takes in the whole header, and
 * whose content it is: one that is put in another origin's place is not read as that one's.
 *
 * | at | bytes | what |
 * |---|---|---|
 * | 0 | 8 | `CROSSDCE` |
 * | 8 | 1 | the number of this form, 1 |
 * | 9 | 1 | the binary logarithm of a chunk's bytes, 16 |
 * | 10 | 2 | zero |
 * | 12 | 4 | the id of the master key |
 * | 16 | 32 | random |
 * | 48 | 16 | what only the master key gives: another key under its id is told apart from damage |
 * | 64 | 8 | the beginning of the SHA-256 of all before: damage here is told apart from another key |
 */
export const HEADER_BYTES = 72;
/** Of the content in one chunk. On what was measured 64 KiB are as fast as 1 MiB, and a range reads less. Changing it needs a new form. */
export const CHUNK_BYTES = 64 * KIB;
const CHUNK_LOG2 = 16;
export const TAG_BYTES = 16;

const MAGIC = 'CROSSDCE';
const FORM = 1;
const SALT_AT = 16;
const CHECK_AT = 48;
const CHECK_BYTES = 16;
const DIGEST_AT = 64;
const NONCE_BYTES = 12;
/** The number of a chunk ends here in its nonce; the byte after it says whether it is the last. */
const NUMBER_AT = NONCE_BYTES - 5;
const CIPHER = 'aes-256-gcm';
const OPTIONS = { authTagLength: TAG_BYTES };

/** Chunks of a content; an empty one has one, so that there is something that can be authenticated. */
export function chunksIn(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / CHUNK_BYTES));
}

/** How long a content is when it is encrypted. */
export function sealedBytes(bytes: number): number {
  return HEADER_BYTES + bytes + chunksIn(bytes) * TAG_BYTES;
}

/** The key of one content. */
export class ContentKey {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** For a new content. */
  static make(master: MasterKey, owner: SnapshotKey): { readonly key: ContentKey; readonly header: Buffer } {
    const header = Buffer.alloc(HEADER_BYTES);
    header.write(MAGIC, 'latin1');
    header[8] = FORM;
    header[9] = CHUNK_LOG2;
    header.write(master.id, 12, 'hex');
    randomBytes(CHECK_AT - SALT_AT).copy(header, SALT_AT);
    const { key, check } = derive(master, header, owner);
    check.copy(header, CHECK_AT);
    digestOf(header).copy(header, DIGEST_AT);
    return { key: new ContentKey(key), header };
  }

  /** Of a content that is there; `damaged` is what is wrong with the header, `other` that this is not its master key. */
  static of(
    header: Buffer,
    master: MasterKey,
    owner: SnapshotKey,
  ): { readonly key: ContentKey } | { readonly damaged: string } | { readonly other: true } {
    if (header.toString('latin1', 0, MAGIC.length) !== MAGIC || !digestOf(header).equals(header.subarray(DIGEST_AT)))
      return { damaged: 'its header is not that of an encrypted snapshot' };
    if (header[8] !== FORM || header[9] !== CHUNK_LOG2 || header.readUInt16BE(10) !== 0)
      return { damaged: 'its header is of a form that is not known' };
    const id = header.toString('hex', 12, SALT_AT);
    if (id !== master.id) return { damaged: `its header names the key ${id} and its row ${master.id}` };
    const { key, check } = derive(master, header, owner);
    if (!timingSafeEqual(check, header.subarray(CHECK_AT, DIGEST_AT))) return { other: true };
    return { key: new ContentKey(key) };
  }

  /** The chunk as it is stored, in the parts in which it comes, its tag at the end. */
  seal(number: number, isLast: boolean, chunk: readonly Uint8Array[]): Buffer[] {
    const cipher = createCipheriv(CIPHER, this.#key, nonceOf(number, isLast), OPTIONS);
    const sealed = chunk.map((part) => cipher.update(part));
    cipher.final();
    return [...sealed, cipher.getAuthTag()];
  }

  /** The chunk as it was; null when it is not this one, or not as it was written. */
  open(number: number, isLast: boolean, sealed: Uint8Array): Buffer | null {
    const end = sealed.byteLength - TAG_BYTES;
    if (end < 0) return null;
    const decipher = createDecipheriv(CIPHER, this.#key, nonceOf(number, isLast), OPTIONS);
    decipher.setAuthTag(sealed.subarray(end));
    const chunk = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch {
      return null;
    }
    return chunk;
  }
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(number, NUMBER_AT);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

function derive(
  master: MasterKey,
  header: Buffer,
  owner: SnapshotKey,
): { readonly key: Buffer; readonly check: Buffer } {
  const salt = header.subarray(SALT_AT, CHECK_AT);
  const bound = header.subarray(0, CHECK_AT);
  // A digest, because the names may be longer than what a derivation takes in.
  const whose = createHash('sha256').update(keyText(owner)).digest();
  const take = (purpose: string, bytes: number, ...more: Buffer[]): Buffer =>
    Buffer.from(hkdfSync('sha256', master.key, salt, Buffer.concat([Buffer.from(purpose), bound, ...more]), bytes));
  return {
    key: take('crossdc snapshot content', 32, whose),
    // Not bound to the owner: a content in another's place is damage, and not another key.
    check: take('crossdc snapshot key check', CHECK_BYTES),
  };
}

function digestOf(header: Buffer): Buffer {
  return createHash('sha256')
    .update(header.subarray(0, DIGEST_AT))
    .digest()
    .subarray(0, HEADER_BYTES - DIGEST_AT);
}
