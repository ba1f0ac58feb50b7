import { backoffMs } from '../core/backoff.ts';
import type { GatewayEvent } from '../core/events.ts';
import { messageOf } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import type { EventSink } from '../ports/hooks.ts';
import { MINUTE_MS, SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { DurableRecords } from './durable-records.ts';
import type { EventHub } from './event-hub.ts';
import { bounded } from './wake.ts';

const RECORD = 'webhook';
/** Of failures in a row, each how many-th is logged. */
const SAID_EVERY = 10;

/** Posts every event to the webhook, in order, each until it is taken. Its place in the log survives restarts. */
export class Webhook {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #sink: EventSink;
  readonly #records: DurableRecords;
  readonly #deliveries: Deliveries;
  #after = 0;

  constructor(
    context: Context,
    parts: { events: EventHub; sink: EventSink; records: DurableRecords; deliveries: Deliveries },
  ) {
    this.#context = context;
    this.#events = parts.events;
    this.#sink = parts.sink;
    this.#records = parts.records;
    this.#deliveries = parts.deliveries;
  }

  /** A webhook that is configured for the first time begins with what happens from now on. */
  async load(): Promise<void> {
    const record = await this.#records.read(RECORD);
    const after = typeof record === 'object' && record !== null && 'after' in record ? record.after : undefined;
    this.#after = typeof after === 'number' ? after : this.#events.newestId;
    await this.#records.settle(RECORD, { after: this.#after });
  }

  start(): void {
    this.#context.tasks.run('post events to the webhook', (signal) => this.#post(signal));
  }

  async #post(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#context;
    // A start is like the connecting of a subscriber: what a former run left open is announced at once.
    let repeatAt = clock.now();
    for (let failures = 0; ;) {
      try {
        await this.#catchUp(signal);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures % SAID_EVERY === 1)
          log.warn({ error: messageOf(error) }, 'the event log cannot be read for the webhook; it is tried again');
        await clock.sleep(backoffMs(failures, { firstMs: SECOND_MS, mostMs: MINUTE_MS }, random()), signal);
        if (signal.aborted) return;
        continue;
      }
      if (signal.aborted) return;
      const wait = bounded(signal);
      const due = clock.sleep(repeatAt - clock.now(), wait.signal);
      await Promise.race([this.#events.changed(this.#after, wait.signal), due]);
      wait.end();
      if (clock.now() < repeatAt) continue;
      repeatAt = clock.now() + MINUTE_MS;
      for (const delivery of this.#deliveries.repeats()) {
        // A repeat has no id of its own: it is the same event, said again.
        const event: GatewayEvent = {
          id: 0,
          at: isoTime(clock.wallMs()),
          type: 'delivery',
          attempt: delivery.attempt,
          delivery,
        };
        await this.#sink.post(event, signal);
      }
    }
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Looked at before each batch: the log may have dropped events while the webhook was away in the middle of one.
      const { oldestId } = this.#events;
      if (this.#after > 0 && oldestId > 0 && this.#after < oldestId - 1 && !(await this.#hasNext())) {
        const at = isoTime(this.#context.clock.wallMs());
        if (!(await this.#untilTaken({ id: oldestId - 1, at, type: 'log-truncated', oldestId }, signal))) return;
      }
      const events = await this.#events.read(this.#after, 100);
      if (events.length === 0) return;
      for (const event of events) {
        if (!(await this.#untilTaken(event, signal))) return;
        this.#after = event.id;
        await this.#records.settle(RECORD, { after: event.id });
      }
    }
  }

  /** Ids have gaps at restarts: events are missing only if the log begins later than where we stopped. */
  async #hasNext(): Promise<boolean> {
    const [first] = await this.#events.read(this.#after - 1, 1);
    return first?.id === this.#after;
  }

  async #untilTaken(event: GatewayEvent, signal: AbortSignal): Promise<boolean> {
    const { clock, random, telemetry, log } = this.#context;
    for (let failures = 1; !signal.aborted; failures += 1) {
      const { delivered, detail } = await this.#sink.post(event, signal);
      telemetry.webhookPosted(delivered ? 'delivered' : 'failed');
      if (delivered) return true;
      if (failures % SAID_EVERY === 1)
        log.warn({ event: event.id, detail }, 'the webhook did not take an event; it is tried again, in order');
      await clock.sleep(backoffMs(failures, { firstMs: SECOND_MS, mostMs: MINUTE_MS }, random()), signal);
    }
    return false;
  }
}
