import { KIB } from '../../units.ts';

/** Large pieces are cut, so that a slow line still shows progress within the read timeout. */
const PIECE_BYTES = 128 * KIB;

/** What the feed tells while it is read. */
export interface FeedProgress {
  /** The network took everything so far; the source is asked for more. */
  onTaken(): void;
  /** A piece, or the end, was handed to the network. */
  onHandedOver(): void;
}

/**
 * Hands a snapshot's content to the HTTP client, which asks for the next piece once the socket has taken the last one.
 *
 * The client does not always end what it reads: when the answer comes before the body's end it may go on waiting for a
 * drain that never comes. So the feed, not the client, closes the source.
 */
export class SnapshotFeed implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #expectedBytes: number;
  readonly #progress: FeedProgress;
  #chunk: Uint8Array = new Uint8Array(0);
  #handedBytes = 0;
  #isReading = false;
  /** Its source has nothing more, or failed. */
  #isEnded = false;
  #isClosed = false;
  #failure: Error | undefined;
  #isStarted = false;

  constructor(source: AsyncIterable<Uint8Array>, expectedBytes: number, progress: FeedProgress) {
    this.#source = source[Symbol.asyncIterator]();
    this.#expectedBytes = expectedBytes;
    this.#progress = progress;
  }

  /** What was wrong with the source; undefined when nothing was. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether a connection was there and the client began to read. */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next(), return: () => Promise.resolve({ done: true, value: undefined }) };
  }

  /**
   * Closes the source unless it came to its own end. Waits for it, but not for a read that hangs: an operation of the
   * source that never ends must not hold up the outcome. Idempotent.
   */
  async close(): Promise<void> {
    if (this.#isEnded || this.#isClosed) return;
    this.#isClosed = true;
    const closing = Promise.resolve(this.#source.return?.()).catch(() => undefined);
    if (!this.#isReading) await closing;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#isClosed) throw new Error('The feed is closed.');
    this.#isStarted = true;
    this.#progress.onTaken();
    while (this.#chunk.length === 0) {
      if (!(await this.#refill())) {
        this.#progress.onHandedOver();
        return { done: true, value: undefined };
      }
    }
    const piece = this.#chunk.subarray(0, PIECE_BYTES);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.#progress.onHandedOver();
    return { done: false, value: piece };
  }

  /** False at the content's end. @throws what the source throws; an Error when its length is not the announced one */
  async #refill(): Promise<boolean> {
    if (this.#isEnded) return false;
    this.#isReading = true;
    try {
      const next = await this.#source.next();
      if (next.done === true) this.#isEnded = true;
      else this.#chunk = next.value;
    } catch (error) {
      this.#isEnded = true;
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      this.#isReading = false;
    }
    this.#handedBytes += this.#chunk.length;
    if (this.#handedBytes > this.#expectedBytes || (this.#isEnded && this.#handedBytes < this.#expectedBytes)) {
      const had = `${this.#isEnded ? '' : 'at least '}${String(this.#handedBytes)}`;
      this.#failure = new Error(`The content has ${had} bytes, announced were ${String(this.#expectedBytes)}.`);
      throw this.#failure;
    }
    return !this.#isEnded;
  }
}
