import type { GatewayEvent } from '../../core/events.ts';

interface Kept {
  readonly event: GatewayEvent;
  readonly line: string;
}

/** The newest events in memory, in order: every one that is not durable yet, and as many before it as fit. */
export class RecentEvents {
  readonly #limits: { readonly events: number; readonly chars: number };
  #kept: Kept[] = [];
  /** The first one in `#kept` that counts; those before it are dropped in bulk. */
  #first = 0;
  #chars = 0;

  constructor(limits: { readonly events: number; readonly chars: number }) {
    this.#limits = limits;
  }

  get newestId(): number {
    return this.#kept.at(-1)?.event.id ?? 0;
  }

  get oldestId(): number {
    return this.#kept[this.#first]?.event.id ?? 0;
  }

  add(event: GatewayEvent, line: string): void {
    this.#kept.push({ event, line });
    this.#chars += line.length;
  }

  /** Up to `limit` events with an id above `after`. */
  read(after: number, limit: number): GatewayEvent[] {
    const start = this.#indexAbove(after);
    return this.#kept.slice(start, start + Math.max(0, limit)).map((kept) => kept.event);
  }

  /** Drops what exceeds the limits and is durable; the newest always stays. @returns the id up to which it was dropped, 0 for none */
  trim(durableId: number): number {
    let dropped = 0;
    for (;;) {
      const oldest = this.#kept[this.#first];
      const count = this.#kept.length - this.#first;
      const isTooMuch = count > this.#limits.events || this.#chars > this.#limits.chars;
      if (oldest === undefined || count <= 1 || !isTooMuch || oldest.event.id > durableId) break;
      this.#first += 1;
      this.#chars -= oldest.line.length;
      dropped = oldest.event.id;
    }
    if (this.#first > this.#kept.length / 2) {
      this.#kept = this.#kept.slice(this.#first);
      this.#first = 0;
    }
    return dropped;
  }

  /** The first place whose id is above `after`. */
  #indexAbove(after: number): number {
    let low = this.#first;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#kept[middle]?.event.id ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
