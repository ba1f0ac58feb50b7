import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { PutSnapshot } from '../../ports/snapshot-store.ts';
import { GatewayError } from '../../errors.ts';
import { ignore } from './lanes.ts';

/** What was received, counted and hashed. */
export interface Content {
  readonly bytes: number;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** Counts and hashes a content on its way, and refuses it as soon as it is known that it cannot be taken. */
export class ContentMeter {
  readonly #hash = createHash('sha256');
  readonly #request: PutSnapshot;
  #bytes = 0;

  /** @throws GatewayError `snapshot-too-large` when the announced length is */
  constructor(request: PutSnapshot) {
    this.#request = request;
    if (request.expect.bytes !== null) this.#assertNotLarger(request.expect.bytes);
  }

  /** @throws GatewayError `snapshot-too-large`, `digest-mismatch` when more came than was announced */
  take(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    this.#assertNotLarger(this.#bytes);
    const announced = this.#request.expect.bytes;
    if (announced !== null && this.#bytes > announced)
      this.#mismatch(`more than the ${announced} announced bytes came`);
    this.#hash.update(chunk);
  }

  /** @throws GatewayError `digest-mismatch` */
  finish(): Content {
    const { bytes, sha256 } = this.#request.expect;
    const content = { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
    if (bytes !== null && bytes !== content.bytes) this.#mismatch(`${content.bytes} of ${bytes} bytes came`);
    if (sha256 !== null && sha256.toLowerCase() !== content.sha256) this.#mismatch('the SHA-256 is another one');
    return content;
  }

  #assertNotLarger(bytes: number): void {
    const { maxBytes, key } = this.#request;
    if (bytes <= maxBytes) return;
    throw new GatewayError(
      'snapshot-too-large',
      `The snapshot is larger than ${maxBytes} bytes (dataSnapshotMaxBytes).`,
      {
        facts: { ...key, maxBytes },
      },
    );
  }

  #mismatch(problem: string): never {
    throw new GatewayError('digest-mismatch', `The snapshot does not match what was announced: ${problem}.`, {
      facts: { ...this.#request.key, expected: this.#request.expect },
    });
  }
}

function interrupted(cause: unknown): GatewayError {
  return new GatewayError('interrupted', 'The snapshot did not arrive to its end; nothing was stored.', { cause });
}

/**
 * The chunks of a source that may fail, or hang for ever: an aborted signal ends it also while a chunk is awaited. A
 * chunk belongs to whoever takes it: the source must not write into it again.
 *
 * @throws GatewayError `interrupted` for whatever the source throws that is not in the catalogue, and when aborted
 */
export async function* chunksOf(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  // One listener for the whole content, not one a chunk: a gigabyte has many chunks.
  let stop: (reason: unknown) => void = ignore;
  const onAbort = (): void => stop(interrupted(signal.reason));
  // Many contents may share one signal, that of a shutdown; Node.js would take their listeners for a leak.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', onAbort);
  let isOver = false;
  try {
    for (;;) {
      if (signal.aborted) throw interrupted(signal.reason);
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        stop = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done === true) {
        isOver = true;
        return;
      }
      if (next.value.byteLength > 0) yield next.value;
    }
  } catch (error) {
    throw error instanceof GatewayError ? error : interrupted(error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: a source that hangs would hang here as well.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(ignore);
  }
}
