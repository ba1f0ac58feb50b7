import type { PutSnapshot } from '../../ports/snapshot-store.ts';
import type { StoredEncryption } from '../../core/snapshot.ts';
import { MIB } from '../../units.ts';
import { chunksOf, ContentMeter, type Content } from '../storage/content.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { OutgoingContent } from '../storage/encryption.ts';
import { ignore } from '../storage/lanes.ts';
import { COPIED_BELOW_BYTES } from '../storage/pieces.ts';

/** Chunks are gathered up to this and written in one call: sockets give 16 KiB at a time, and a call each is slow. */
const BATCH_BYTES = MIB;
/** The most pieces in one call of the system. */
const BATCH_PIECES = 1024;

/** A content that is complete and matches what was announced: in memory while it is small, else durable in a temp file. */
export type Received = Content & { readonly encryption: StoredEncryption | null } & (
    { readonly pieces: readonly Uint8Array[]; readonly temp: null } | { readonly pieces: null; readonly temp: string }
  );

/** Where a content goes: a larger one into a temp file, whose path nobody else uses; in the form in which it is stored. */
export interface Destination {
  readonly disk: Disk;
  readonly path: string;
  readonly stored: OutgoingContent;
}

/**
 * Takes in a content, hashed on the way. One batch is written while the next arrives, so that memory stays at about
 * two batches whatever the size. What fits into one batch stays in memory: a snapshot that is then refused has never
 * touched the disk, and many small ones at once hold no open files.
 *
 * The temp file is durable when this resolves, and gone when it throws.
 *
 * @throws GatewayError `snapshot-too-large`, `digest-mismatch`, `interrupted`; what the disk throws
 */
export async function receive(
  request: PutSnapshot,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  to: Destination,
): Promise<Received> {
  const meter = new ContentMeter(request);
  const writer = new BatchWriter(to);
  try {
    for await (const chunk of chunksOf(content, signal)) {
      meter.take(chunk);
      for (const part of to.stored.add(chunk)) if (writer.add(part)) await writer.flush();
    }
    const { rest, encryption } = to.stored.finish();
    for (const part of rest) writer.add(part);
    const measured = { ...meter.finish(), encryption };
    const pieces = writer.inMemory();
    if (pieces !== null) return { ...measured, pieces, temp: null };
    await writer.finish();
    return { ...measured, pieces: null, temp: to.path };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** Gathers chunks and writes them batch by batch; at most one write is under way. */
class BatchWriter {
  readonly #temp: Destination;
  #file: DiskFile | null = null;
  #pieces: Uint8Array[] = [];
  #gathered = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(temp: Destination) {
    this.#temp = temp;
  }

  /** @returns whether a batch is complete */
  add(chunk: Uint8Array): boolean {
    this.#pieces.push(chunk.byteLength < COPIED_BELOW_BYTES ? Buffer.from(chunk) : chunk);
    this.#gathered += chunk.byteLength;
    return this.#gathered >= BATCH_BYTES || this.#pieces.length >= BATCH_PIECES;
  }

  /** Starts writing what was gathered, once the batch before is written. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#file ??= await this.#temp.disk.create(this.#temp.path);
    this.#writing = this.#file.write(this.#pieces);
    // Its failure is met at the next await; until then it must not count as unhandled.
    this.#writing.catch(ignore);
    this.#pieces = [];
    this.#gathered = 0;
  }

  /** The whole content, if nothing was written yet. */
  inMemory(): readonly Uint8Array[] | null {
    return this.#file === null ? this.#pieces : null;
  }

  async finish(): Promise<void> {
    await this.flush();
    await this.#writing;
    await this.#file?.sync();
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  /** Leaves nothing behind; what fails here is less than what is being thrown already. */
  async discard(): Promise<void> {
    await this.#writing.catch(ignore);
    await this.#file?.close().catch(ignore);
    await this.#temp.disk.unlink(this.#temp.path).catch(ignore);
  }
}
