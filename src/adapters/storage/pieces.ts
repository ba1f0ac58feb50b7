import { KIB } from '../../units.ts';

/** A smaller chunk is copied: it may be a corner of a large buffer, and gathering it would keep all of that. */
export const COPIED_BELOW_BYTES = 8 * KIB;

/** Gathers chunks of any size, and gives them out in pieces of one size. */
export class Pieces {
  readonly #pieceBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk.byteLength < COPIED_BELOW_BYTES ? Buffer.from(chunk) : chunk);
    this.#bytes += chunk.byteLength;
  }

  /** The next piece, whole unless there is less, in one buffer. */
  take(): Buffer {
    const piece = Buffer.allocUnsafe(Math.min(this.#pieceBytes, this.#bytes));
    let at = 0;
    for (const part of this.takeParts()) {
      piece.set(part, at);
      at += part.byteLength;
    }
    return piece;
  }

  /** The same in the parts in which it came, without copying them. */
  takeParts(): readonly Uint8Array[] {
    const parts: Uint8Array[] = [];
    let missing = Math.min(this.#pieceBytes, this.#bytes);
    this.#bytes -= missing;
    let used = 0;
    for (const chunk of this.#chunks) {
      if (missing === 0) break;
      const part = chunk.subarray(0, missing);
      parts.push(part);
      missing -= part.byteLength;
      if (part.byteLength < chunk.byteLength) this.#chunks[used] = chunk.subarray(part.byteLength);
      else used += 1;
    }
    this.#chunks = this.#chunks.slice(used);
    return parts;
  }
}
