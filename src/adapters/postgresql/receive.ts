import type { PutSnapshot } from '../../ports/snapshot-store.ts';
import { KIB } from '../../units.ts';
import { chunksOf, ContentMeter, type Content } from '../storage/content.ts';
import { CHUNK_BYTES } from './rows.ts';
import type { Upload } from './upload.ts';

/** A smaller chunk is copied: it may be a corner of a large buffer, and gathering it would keep all of that. */
const COPIED_BELOW_BYTES = 8 * KIB;

/** A content that is complete and matches what was announced: in memory while it is small, else in an open transaction. */
export type Received = Content & ({ readonly small: Buffer; readonly upload: null } | { readonly upload: Upload });

/**
 * Takes in a content, hashed on the way. What fits into one piece stays in memory and takes no connection, however slow
 * its sender. A larger one goes to the database piece by piece; one that is announced to be larger asks for its place
 * there before its first byte is read.
 *
 * @param begin waits for a place and begins the transaction
 * @throws GatewayError `snapshot-too-large`, `digest-mismatch`, `interrupted`; what the database throws. Then nothing is left
 */
export async function receive(
  request: PutSnapshot,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  begin: () => Promise<Upload>,
): Promise<Received> {
  const meter = new ContentMeter(request);
  const gathered = new Pieces();
  let upload: Upload | null = null;
  try {
    if ((request.expect.bytes ?? 0) > CHUNK_BYTES) upload = await begin();
    for await (const chunk of chunksOf(content, signal)) {
      meter.take(chunk);
      gathered.add(chunk);
      // Only when there is more than a piece: one that is just full may be the whole content.
      while (gathered.bytes > CHUNK_BYTES) {
        upload ??= await begin();
        await upload.write(gathered.take());
      }
    }
    const measured = meter.finish();
    if (upload === null) return { ...measured, small: gathered.take(), upload };
    if (gathered.bytes > 0) await upload.write(gathered.take());
    await upload.finish();
    return { ...measured, upload };
  } catch (error) {
    await upload?.abandon();
    throw error;
  }
}

/** Gathers chunks of any size, and gives them out in pieces. */
class Pieces {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk.byteLength < COPIED_BELOW_BYTES ? Buffer.from(chunk) : chunk);
    this.#bytes += chunk.byteLength;
  }

  /** The next piece, whole unless there is less. */
  take(): Buffer {
    const length = Math.min(CHUNK_BYTES, this.#bytes);
    const piece = Buffer.allocUnsafe(length);
    let at = 0;
    let used = 0;
    for (const chunk of this.#chunks) {
      if (at === length) break;
      const part = chunk.subarray(0, length - at);
      piece.set(part, at);
      at += part.byteLength;
      if (part.byteLength < chunk.byteLength) this.#chunks[used] = chunk.subarray(part.byteLength);
      else used += 1;
    }
    this.#chunks = this.#chunks.slice(used);
    this.#bytes -= length;
    return piece;
  }
}
