import { Counter, Gauge, type Registry } from 'prom-client';
import type { Scrape, ScrapedPeer } from './scrape.ts';

/** What every family of metrics is built with. */
export interface FamilyContext {
  readonly registry: Registry;
  readonly scrape: Scrape;
}

/** The value for whatever is not known beforehand: a label that took any text would grow a series for each text. */
export const OTHER = 'other';

/** The value itself when it is one of the known ones, else `other`. */
export function bounded(known: readonly string[], value: string): string {
  return known.includes(value) ? value : OTHER;
}

/**
 * What may be added to a counter or observed: prom-client throws at a negative or non-finite number, and a metric that
 * is wrong must not stop the heartbeat that it counts.
 */
export function amount(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0;
}

interface Described {
  readonly name: string;
  readonly help: string;
}

/** A counter whose every known series stands at 0 from the start: a rate over a series that appears with 1 misses that 1. */
export function knownCounter<T extends string>(
  registry: Registry,
  described: Described,
  label: T,
  known: readonly string[],
): Counter<T> {
  const counter = new Counter<T>({ ...described, labelNames: [label], registers: [registry] });
  for (const value of known) counter.labels(value).inc(0);
  return counter;
}

/**
 * A counter with a series for each peer, present with 0 as soon as the gateway knows the peer. A peer's name may be
 * learned, so the series are made when they are scraped and not when the counter is.
 */
export function peerCounter({ registry, scrape }: FamilyContext, described: Described): Counter<'peer'> {
  return new Counter({
    ...described,
    labelNames: ['peer'] as const,
    registers: [registry],
    collect() {
      for (const { peer } of scrape.peers) this.inc({ peer }, 0);
    },
  });
}

/** As `peerCounter`, with a series for each peer and each known value of a second label. */
export function peerCounterBy<T extends string>(
  { registry, scrape }: FamilyContext,
  described: Described,
  label: T,
  known: readonly string[],
): Counter<'peer' | T> {
  return new Counter<'peer' | T>({
    ...described,
    labelNames: ['peer', label],
    registers: [registry],
    collect() {
      for (const { peer } of scrape.peers) for (const value of known) this.labels(peer, value).inc(0);
    },
  });
}

/** A gauge with a series for each peer, read when it is scraped; a peer for which `read` gives null has none. */
export function peerGauge(
  { registry, scrape }: FamilyContext,
  described: Described,
  read: (peer: ScrapedPeer) => number | null,
): Gauge<'peer'> {
  return new Gauge({
    ...described,
    labelNames: ['peer'] as const,
    registers: [registry],
    collect() {
      // A peer whose name was learned, or that tells nothing any more, leaves no series behind.
      this.reset();
      for (const peer of scrape.peers) {
        const value = read(peer);
        if (value !== null) this.set({ peer: peer.peer }, value);
      }
    },
  });
}
