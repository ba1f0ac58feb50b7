import type { Delivery } from '../../core/delivery.ts';
import type { GatewayEvent } from '../../core/events.ts';
import { isoTime } from '../../ports/clock.ts';
import type { EventFeed } from '../../ports/gateway-api.ts';
import { goneSignal, type Context, type Exchange } from './exchange.ts';
import { PatientWriter } from './patient-writer.ts';

/** Events read from the log at one time. */
const BATCH = 100;

/**
 * Sends events to one subscriber until it goes away, is cut, or the server closes; then once more what is in the log.
 *
 * Each subscriber has its own place in the log and reads on from there, so nothing is queued for it here and nothing
 * is left out or sent twice, however slow it is. `lastId` null starts now, 0 at the oldest.
 */
export async function streamEvents({ response, context }: Exchange, lastId: number | null): Promise<void> {
  const writer = new PatientWriter(response, context.clock, context.limits.subscriberStallMs);
  const gone = goneSignal(response);
  await new EventStream(context, writer, gone).run(lastId);
  if (writer.isCut)
    context.log.info(
      { patienceMs: context.limits.subscriberStallMs },
      'A subscriber of events took nothing and was cut',
    );
}

/** A line of an event has no line breaks: JSON escapes them. */
export function eventText(event: GatewayEvent): string {
  return `event: ${event.type}\nid: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}

type Unlogged =
  | { readonly type: 'delivery'; readonly at: string; readonly attempt: number; readonly delivery: Delivery }
  | { readonly type: 'log-truncated'; readonly at: string; readonly oldestId: number };

/** Of what is not in the log: without an id, so that a subscriber resumes from what is. */
function unloggedText(event: Unlogged): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Whether events after `lastId` may have been dropped: ids have gaps, so an id older than the oldest is all there is to see. */
export function isTruncated(feed: Pick<EventFeed, 'oldestId' | 'newestId'>, lastId: number): boolean {
  return lastId !== 0 && (lastId < feed.oldestId || lastId > feed.newestId);
}

class EventStream {
  readonly #context: Context;
  readonly #writer: PatientWriter;
  readonly #gone: AbortSignal;
  readonly #feed: EventFeed;
  #cursor = 0;
  #repeatAt = 0;
  #keepAliveAt = 0;

  constructor(context: Context, writer: PatientWriter, gone: AbortSignal) {
    this.#context = context;
    this.#writer = writer;
    this.#gone = gone;
    this.#feed = context.api.events;
  }

  async run(lastId: number | null): Promise<void> {
    const { clock, limits, closing } = this.#context;
    this.#cursor = lastId ?? this.#feed.newestId;
    // Open deliveries are due at once, but after what the log has: so they come in the order in which they happened.
    this.#repeatAt = clock.now();
    this.#keepAliveAt = clock.now() + limits.keepAliveMs;
    if (isTruncated(this.#feed, this.#cursor) && !(await this.#tellTruncated())) return;
    for (;;) {
      const isLast = closing.aborted;
      const events = await this.#feed.read(this.#cursor, BATCH);
      // The log may have dropped events that a slow subscriber had not had yet.
      if (this.#cursor !== 0 && this.#cursor < this.#feed.oldestId && !(await this.#tellTruncated())) return;
      if (!(await this.#send(events))) return;
      if (events.length === BATCH) continue;
      if (isLast || !(await this.#sendWhatIsDue())) return;
      await this.#wait();
    }
  }

  async #send(events: readonly GatewayEvent[]): Promise<boolean> {
    for (const event of events) {
      if (!(await this.#writer.write(eventText(event)))) return false;
      this.#cursor = event.id;
    }
    return !this.#gone.aborted;
  }

  /** Says that something is missing, and goes on with the oldest that is there. */
  async #tellTruncated(): Promise<boolean> {
    this.#cursor = 0;
    const at = isoTime(this.#context.clock.wallMs());
    return this.#writer.write(unloggedText({ type: 'log-truncated', at, oldestId: this.#feed.oldestId }));
  }

  async #sendWhatIsDue(): Promise<boolean> {
    const { clock, limits } = this.#context;
    const now = clock.now();
    if (now >= this.#repeatAt) {
      this.#repeatAt = now + limits.repeatMs;
      if (!(await this.#announce(this.#feed.repeats()))) return false;
    }
    if (now < this.#keepAliveAt) return true;
    this.#keepAliveAt = now + limits.keepAliveMs;
    return this.#writer.write(': keep-alive\n\n');
  }

  async #announce(deliveries: readonly Delivery[]): Promise<boolean> {
    const at = isoTime(this.#context.clock.wallMs());
    for (const delivery of deliveries) {
      if (!(await this.#writer.write(unloggedText({ type: 'delivery', at, attempt: delivery.attempt, delivery }))))
        return false;
    }
    return true;
  }

  /** Until there is something new, something is due, the subscriber has gone or the server closes. */
  async #wait(): Promise<void> {
    const { clock, closing } = this.#context;
    const stop = new AbortController();
    const onStop = (): void => stop.abort();
    for (const signal of [this.#gone, closing]) {
      if (signal.aborted) onStop();
      else signal.addEventListener('abort', onStop);
    }
    const dueInMs = Math.max(0, Math.min(this.#repeatAt, this.#keepAliveAt) - clock.now());
    await Promise.race([this.#feed.changed(this.#cursor, stop.signal), clock.sleep(dueInMs, stop.signal)]);
    stop.abort();
    for (const signal of [this.#gone, closing]) signal.removeEventListener('abort', onStop);
  }
}
