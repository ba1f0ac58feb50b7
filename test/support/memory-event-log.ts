import type { GatewayEvent } from '../../src/core/events.ts';
import type { EventLog } from '../../src/ports/event-log.ts';
import { Lanes } from '../../src/adapters/storage/lanes.ts';
import type { MemoryDisk } from './memory-disk.ts';

/** The event log over a memory disk: bounded by a number of events. What the disk refused goes out with the next. */
export class MemoryEventLog implements EventLog {
  readonly #disk: MemoryDisk;
  readonly #life: number;
  readonly #maxEvents: number;
  readonly #lanes = new Lanes();
  #events: GatewayEvent[];
  #newestId: number;

  constructor(options: { readonly disk: MemoryDisk; readonly maxEvents?: number }) {
    this.#disk = options.disk;
    this.#life = options.disk.life;
    this.#maxEvents = options.maxEvents ?? 20_000;
    this.#events = [...options.disk.events];
    this.#newestId = this.#events.at(-1)?.id ?? 0;
  }

  get newestId(): number {
    return this.#newestId;
  }

  get oldestId(): number {
    return this.#events[0]?.id ?? 0;
  }

  append(event: GatewayEvent): Promise<void> {
    if (!Number.isSafeInteger(event.id) || event.id <= this.#newestId) {
      return Promise.reject(new RangeError(`the id of an event must grow: ${event.id} after ${this.#newestId}`));
    }
    this.#newestId = event.id;
    this.#events.push(event);
    if (this.#events.length > this.#maxEvents) this.#events = this.#events.slice(-this.#maxEvents);
    return this.#lanes.run('events', () => this.#disk.change(this.#life, () => this.#flush(event.id)));
  }

  flush(): Promise<void> {
    return this.#lanes.run('events', () => this.#disk.change(this.#life, () => this.#flush(this.#newestId)));
  }

  read(after: number, limit: number): Promise<GatewayEvent[]> {
    const start = firstAbove(this.#events, after);
    return Promise.resolve(this.#events.slice(start, start + Math.max(0, limit)));
  }

  async close(): Promise<void> {
    await this.#lanes.idle();
  }

  /** Everything up to the id that is not on the disk yet, in order. */
  #flush(upTo: number): void {
    const stored = this.#disk.events;
    const from = firstAbove(this.#events, stored.at(-1)?.id ?? 0);
    stored.push(...this.#events.slice(from, firstAbove(this.#events, upTo)));
    if (stored.length > this.#maxEvents) stored.splice(0, stored.length - this.#maxEvents);
  }
}

function firstAbove(events: readonly GatewayEvent[], id: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.id ?? 0) > id) high = middle;
    else low = middle + 1;
  }
  return low;
}
