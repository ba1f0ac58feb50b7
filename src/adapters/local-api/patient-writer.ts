import type { Response } from 'express';
import type { Clock } from '../../ports/clock.ts';

/**
 * Writes as fast as the client takes it, and no faster: nothing heaps up here for a slow one, and one that takes
 * nothing for too long is cut.
 */
export class PatientWriter {
  readonly #response: Response;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  #isCut = false;

  constructor(response: Response, clock: Clock, patienceMs: number) {
    this.#response = response;
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  /** Whether the client was cut for taking nothing. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Resolves when the client can take more; false when it has gone or was cut, and nothing more need be written. */
  async write(chunk: Uint8Array | string): Promise<boolean> {
    const response = this.#response;
    if (response.destroyed || response.closed) return false;
    if (response.write(chunk)) return true;
    const moved = new AbortController();
    const onMove = (): void => moved.abort();
    response.once('drain', onMove).once('close', onMove);
    await this.#clock.sleep(this.#patienceMs, moved.signal);
    response.off('drain', onMove).off('close', onMove);
    if (!moved.signal.aborted) {
      this.#isCut = true;
      response.destroy();
    }
    return !response.destroyed;
  }
}
