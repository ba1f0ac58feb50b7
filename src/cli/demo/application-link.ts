import { createHash } from 'node:crypto';
import type { DeliveredSnapshot, Delivery } from '../../core/delivery.ts';
import type { GatewayEvent } from '../../core/events.ts';
import { messageOf } from '../../errors.ts';
import type { LocalApi } from '../local-api.ts';
import { parseServerSentEvents } from '../sse.ts';
import { BOOKS, type OrderBooks } from './order-books.ts';

export interface LinkOptions {
  readonly api: LocalApi;
  readonly books: OrderBooks;
  /** Begins without state: nothing is posted until our own was returned, so that no empty book takes its place. */
  readonly awaitReturn: boolean;
  readonly onSubscribed: (isSubscribed: boolean) => void;
}

/**
 * What any application does beside its gateway: it listens, posts its state when it is asked to, and absorbs what is
 * delivered. This is all of it.
 */
export class ApplicationLink {
  readonly #options: LinkOptions;
  #lastEventId: string | null = null;
  #mayPost: boolean;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#mayPost = !options.awaitReturn;
  }

  /** One connection to the event stream, until it ends. What was missed in between comes first in the next one. */
  async listen(signal: AbortSignal): Promise<void> {
    const { api, onSubscribed } = this.#options;
    const headers = {
      accept: 'text/event-stream',
      ...(this.#lastEventId === null ? {} : { 'last-event-id': this.#lastEventId }),
    };
    const answer = await api.open({ path: '/v1/events', headers, signal, idleMs: 60_000 });
    onSubscribed(true);
    try {
      for await (const message of parseServerSentEvents(answer as AsyncIterable<Buffer>)) {
        await this.#handle(JSON.parse(message.data) as GatewayEvent);
        // Only now: an event that we die of is sent again.
        if (message.id !== null) this.#lastEventId = message.id;
      }
    } finally {
      onSubscribed(false);
    }
  }

  async #handle(event: GatewayEvent): Promise<void> {
    if (event.type === 'snapshot-request') await this.#post(event.origins);
    if (event.type === 'delivery' && event.delivery.state === 'open') await this.#take(event.delivery);
  }

  async #post(origins: readonly string[] | null): Promise<void> {
    if (!this.#mayPost) return;
    for (const book of BOOKS.filter((name) => origins === null || origins.includes(name))) {
      const bytes = this.#options.books.snapshot(book);
      const headers = { 'content-type': 'application/json', 'content-length': String(bytes.length) };
      await this.#options.api.json({ method: 'PUT', path: `/v1/snapshots/${book}`, headers, content: once(bytes) });
    }
  }

  /** Each snapshot by itself: what fails is announced again, and what was acknowledged is not asked for twice. */
  async #take(delivery: Delivery): Promise<void> {
    for (const row of delivery.snapshots.filter(({ state }) => state === 'pending')) {
      const path = `/v1/deliveries/${delivery.id}/snapshots/${encodeURIComponent(row.origin)}`;
      const query = `version=${row.version}&workload=${encodeURIComponent(row.workload)}`;
      const bytes = await this.#fetch(row);
      try {
        this.#options.books.absorb(bytes);
      } catch (error) {
        const json = { reason: messageOf(error) };
        await this.#options.api.json({ method: 'POST', path: `${path}/reject?${query}`, json });
        continue;
      }
      await this.#options.api.json({ method: 'POST', path: `${path}/ack?${query}` });
    }
    if (delivery.reason === 'return') this.#mayPost = true;
  }

  /** @throws Error when the bytes are not those that the delivery names */
  async #fetch(row: DeliveredSnapshot): Promise<Buffer> {
    const answer = await this.#options.api.open({ path: row.href });
    const chunks: Buffer[] = [];
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== row.sha256) throw new Error(`${row.origin} came with sha-256 ${sha256} and not ${row.sha256}`);
    return bytes;
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
