import type { SeededRandom } from './random.ts';

/** One direction of a line between two machines, and what is wrong with it. */
export interface Link {
  /** Nothing gets through, and nobody is told. */
  isCut: boolean;
  /** Share of messages, answers and pieces of transfers that are lost. */
  loss: number;
  latencyMs: number;
  /** Each hop takes up to this much longer, by itself: what was sent later may arrive earlier. */
  jitterMs: number;
  /** Share of messages that arrive twice. */
  duplicates: number;
  /** Share of transfers in which a bit is flipped on the way. */
  corruption: number;
  /** The connection of the next transfers breaks after so many bytes of content; null: it does not. */
  breakAtByte: number | null;
  bytesPerMs: number;
}

export function perfectLink(): Link {
  return {
    isCut: false,
    loss: 0,
    latencyMs: 1,
    jitterMs: 0,
    duplicates: 0,
    corruption: 0,
    breakAtByte: null,
    bytesPerMs: 10_000,
  };
}

/** How long one hop takes now; null when it gets lost. */
export function hopMs(link: Link, random: SeededRandom): number | null {
  if (link.isCut || random.chance(link.loss)) return null;
  return link.latencyMs + (link.jitterMs > 0 ? random.between(0, link.jitterMs) : 0);
}
