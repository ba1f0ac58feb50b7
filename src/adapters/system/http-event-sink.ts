import { Agent } from 'undici';
import type { GatewayEvent } from '../../core/events.ts';
import type { EventSink } from '../../ports/hooks.ts';
import { SECOND_MS } from '../../units.ts';
import { callOnce } from './http-call.ts';

export interface HttpEventSinkOptions {
  readonly url: string;
  /** The whole exchange; a webhook that needs longer is taken as not having got the event, and gets it again. */
  readonly timeoutMs?: number;
}

/** The operator's webhook: one POST for each event, the event object as JSON. Order and retries are the caller's. */
export class HttpEventSink implements EventSink {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #agent = new Agent({ connections: 1 });

  constructor({ url, timeoutMs = 10 * SECOND_MS }: HttpEventSinkOptions) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
  }

  async post(event: GatewayEvent, signal: AbortSignal): Promise<{ delivered: boolean; detail: string }> {
    const { ok, detail } = await callOnce(
      {
        dispatcher: this.#agent,
        method: 'POST',
        url: this.#url,
        body: JSON.stringify(event),
        timeoutMs: this.#timeoutMs,
      },
      signal,
    );
    return { delivered: ok, detail };
  }

  /** Ends idle connections and whatever is under way. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
