import type { EventBody, GatewayEvent } from '../core/events.ts';
import { nextNumber } from '../core/ordering.ts';
import { isoTime } from '../ports/clock.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { Context } from './context.ts';
import { hangs } from './patience.ts';
import { Broadcast } from './wake.ts';

/** Who is told whether the log could be written. */
export interface LogWatch {
  worked(store: string): void;
  failed(store: string, error: unknown): void;
}

/**
 * The one place where an event comes into being: the same object feeds the log, the metrics, the event stream and the
 * webhook, so that they cannot disagree.
 *
 * An event is durable before anybody outside sees it. When the log cannot be written it is shown all the same: a full
 * disk must not hide that a data centre died, nor may one that hangs.
 */
export class EventHub {
  readonly #context: Context;
  readonly #log: EventLog;
  readonly #changed = new Broadcast();
  #watch: LogWatch | undefined;
  #lastId: number;
  #visibleId: number;
  #attached = 0;

  constructor(context: Context, log: EventLog) {
    this.#context = context;
    this.#log = log;
    this.#visibleId = log.newestId;
    // Even ids that a crash kept from the log are not given again: the next one is at least the wall time.
    this.#lastId = nextNumber(log.newestId, context.clock.wallMs()) - 1;
  }

  /** The watch is built after the hub, because it publishes what it sees. */
  attach(watch: LogWatch): void {
    this.#watch = watch;
  }

  /** How many applications follow the events now; those that may only read are none. */
  get attached(): number {
    return this.#attached;
  }

  /** Counts one that follows, until the function that is returned is called; a second call of it does nothing. */
  follow(): () => void {
    let isHere = true;
    this.#attached += 1;
    return () => {
      if (isHere) this.#attached -= 1;
      isHere = false;
    };
  }

  /** Resolves when the event is visible to subscribers. */
  async publish(body: EventBody): Promise<GatewayEvent> {
    this.#lastId += 1;
    const event: GatewayEvent = { id: this.#lastId, at: isoTime(this.#context.clock.wallMs()), ...body };
    this.#context.telemetry.eventPublished(event);
    this.#context.log.info({ event: summaryOf(event) }, 'event');
    const written = this.#log.append(event).then(
      () => this.#watch?.worked('event-log'),
      (error: unknown) => this.#watch?.failed('event-log', error),
    );
    if (!(await this.#context.patience.inTime(written))) this.#watch?.failed('event-log', hangs('event log'));
    this.#visibleId = Math.max(this.#visibleId, event.id);
    this.#changed.notify();
    return event;
  }

  get newestId(): number {
    return this.#visibleId;
  }

  get oldestId(): number {
    return this.#log.oldestId;
  }

  async read(after: number, limit: number): Promise<readonly GatewayEvent[]> {
    const events = await this.#log.read(after, limit);
    return events.filter((event) => event.id <= this.#visibleId);
  }

  async changed(after: number, signal: AbortSignal): Promise<void> {
    while (this.#visibleId <= after && !signal.aborted) await this.#changed.next(signal);
  }
}

/** The event as the log line has it: a delivery by its id and size, not with every snapshot in it. */
function summaryOf(event: GatewayEvent): object {
  if (event.type !== 'delivery' && event.type !== 'delivery-done') return event;
  const { id, reason, dataCenter, attempt, snapshots } = event.delivery;
  return { ...event, delivery: { id, reason, dataCenter, attempt, snapshots: snapshots.length } };
}
