import type { JournalEntry } from './journal-lines.ts';

interface Kept<E> {
  readonly entry: E;
  readonly line: string;
}

/** The newest entries of a journal in memory, in order: every one that is not durable yet, and as many before it as fit. */
export class RecentEntries<E extends JournalEntry> {
  readonly #limits: { readonly entries: number; readonly chars: number };
  #kept: Kept<E>[] = [];
  /** The first one in `#kept` that counts; those before it are dropped in bulk. */
  #first = 0;
  #chars = 0;

  constructor(limits: { readonly entries: number; readonly chars: number }) {
    this.#limits = limits;
  }

  get newestId(): number {
    return this.#kept.at(-1)?.entry.id ?? 0;
  }

  get oldestId(): number {
    return this.#kept[this.#first]?.entry.id ?? 0;
  }

  add(entry: E, line: string): void {
    this.#kept.push({ entry, line });
    this.#chars += line.length;
  }

  /** Up to `limit` entries with an id above `after`. */
  read(after: number, limit: number): E[] {
    const start = this.#indexAbove(after);
    return this.#kept.slice(start, start + Math.max(0, limit)).map((kept) => kept.entry);
  }

  /** Drops what exceeds the limits and is durable; the newest always stays. @returns the id up to which it was dropped, 0 for none */
  trim(durableId: number): number {
    let dropped = 0;
    for (;;) {
      const oldest = this.#kept[this.#first];
      const count = this.#kept.length - this.#first;
      const isTooMuch = count > this.#limits.entries || this.#chars > this.#limits.chars;
      if (oldest === undefined || count <= 1 || !isTooMuch || oldest.entry.id > durableId) break;
      this.#first += 1;
      this.#chars -= oldest.line.length;
      dropped = oldest.entry.id;
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
      if ((this.#kept[middle]?.entry.id ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
