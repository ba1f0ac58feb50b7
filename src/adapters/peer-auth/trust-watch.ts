import { messageOf } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { SECOND_MS } from '../../units.ts';
import type { PeerTrust } from './peer-trust.ts';
import { readTrust, trustOf, type TrustSources, type TrustTexts } from './trust-files.ts';

/** How often the files are read. They are small; a watch of the file system misses what a mounted secret does. */
const LOOK_MS = 5 * SECOND_MS;

/**
 * Puts renewed certificates and keys in force without a restart: when their files change, or at once when it is asked
 * to. What cannot be used is said once and changes nothing: what was in force stays so, and the files are tried again.
 */
export class TrustWatch {
  readonly #parts: {
    readonly clock: Clock;
    readonly log: Log;
    readonly trust: PeerTrust;
    readonly sources: TrustSources;
  };
  #inForce: TrustTexts;
  #lastProblem = '';
  #looking: Promise<void> = Promise.resolve();

  /** @param inForce the texts of which the trust was made */
  constructor(
    parts: { readonly clock: Clock; readonly log: Log; readonly trust: PeerTrust; readonly sources: TrustSources },
    inForce: TrustTexts,
  ) {
    this.#parts = parts;
    this.#inForce = inForce;
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await this.#parts.clock.sleep(LOOK_MS, signal);
    }
  }

  /** Never rejects. One look at a time. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { log, trust, sources } = this.#parts;
    try {
      const texts = await readTrust(sources);
      const before = this.#inForce;
      const isTlsNew = JSON.stringify(texts.tls) !== JSON.stringify(before.tls);
      const isKeysNew = texts.keys !== before.keys;
      if (isTlsNew || isKeysNew) {
        const material = await trustOf(texts, sources, trust.dataCenter);
        trust.replace({ tls: isTlsNew ? material.tls : null, keys: isKeysNew ? material.keys : null });
        this.#inForce = texts;
        log.info({ certificates: isTlsNew, keys: isKeysNew }, 'what peers prove themselves by was renewed');
      }
      this.#lastProblem = '';
    } catch (error) {
      const problem = messageOf(error);
      if (problem === this.#lastProblem) return;
      this.#lastProblem = problem;
      log.error({ problem }, 'what peers prove themselves by cannot be renewed; what was in force stays so');
    }
  }
}
