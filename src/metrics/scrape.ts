import type { TelemetrySource } from '../ports/telemetry.ts';

export type ScrapedPeer = ReturnType<TelemetrySource['peers']>[number];

/**
 * What the gateway says of itself, asked once for each scrape: every gauge of one answer tells of one moment, and
 * walking the peers costs the same with one gauge or with twenty.
 *
 * Invariant: the families read it while a scrape collects, so `refresh` comes before the registry is asked.
 */
export class Scrape {
  readonly #source: () => TelemetrySource | null;
  #peers: readonly ScrapedPeer[] = [];
  #deliveriesOpen = 0;
  #ownership: ReturnType<TelemetrySource['ownership']> = [];
  #scrubCompletedMs: number | null = null;
  #archives: ReturnType<TelemetrySource['archives']> = [];
  #certificates: ReturnType<TelemetrySource['certificates']> = [];

  /** @param source null while the gateway is not built yet: then there are no peers and nothing is open */
  constructor(source: () => TelemetrySource | null) {
    this.#source = source;
  }

  refresh(): void {
    const source = this.#source();
    this.#peers = source?.peers() ?? [];
    this.#deliveriesOpen = source?.deliveriesOpen() ?? 0;
    this.#ownership = source?.ownership() ?? [];
    this.#scrubCompletedMs = source?.scrubCompletedMs() ?? null;
    this.#archives = source?.archives() ?? [];
    this.#certificates = source?.certificates() ?? [];
  }

  get peers(): readonly ScrapedPeer[] {
    return this.#peers;
  }

  get deliveriesOpen(): number {
    return this.#deliveriesOpen;
  }

  get ownership(): ReturnType<TelemetrySource['ownership']> {
    return this.#ownership;
  }

  get scrubCompletedMs(): number | null {
    return this.#scrubCompletedMs;
  }

  get certificates(): ReturnType<TelemetrySource['certificates']> {
    return this.#certificates;
  }

  get archives(): ReturnType<TelemetrySource['archives']> {
    return this.#archives;
  }
}
