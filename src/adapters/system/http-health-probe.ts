import { Agent } from 'undici';
import type { HealthProbe } from '../../ports/hooks.ts';
import { SECOND_MS } from '../../units.ts';
import { callOnce } from './http-call.ts';

export interface HttpHealthProbeOptions {
  readonly url: string;
  /** An application that needs longer to say that it is well is not. */
  readonly timeoutMs?: number;
}

/** Asks the application's health URL: 2xx is passing, any other answer and none at all is critical. */
export class HttpHealthProbe implements HealthProbe {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #agent = new Agent({ connections: 1 });

  constructor({ url, timeoutMs = 5 * SECOND_MS }: HttpHealthProbeOptions) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
  }

  async check(signal: AbortSignal): Promise<{ status: 'passing' | 'critical'; note: string }> {
    const { ok, detail } = await callOnce(
      { dispatcher: this.#agent, method: 'GET', url: this.#url, timeoutMs: this.#timeoutMs },
      signal,
    );
    return { status: ok ? 'passing' : 'critical', note: detail };
  }

  /** Ends idle connections and whatever is under way. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
