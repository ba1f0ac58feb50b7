import { backoffMs } from '../core/backoff.ts';
import { GatewayError, messageOf, type ErrorCode } from '../errors.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';

/** What says something of a store; anything else is the caller's own affair. */
const STORE_FAILURES: readonly ErrorCode[] = ['store-full', 'store-unavailable', 'store-foreign'];

/**
 * Knows which stores work. The first failure is said once, as `store-error`; then the store is probed with a growing
 * pause, and its return is said once, as `store-recovered`. Nothing else waits for it.
 */
export class StoreWatch {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #probes = new Map<string, () => Promise<void>>();
  readonly #failing = new Map<string, { since: number; reason: string }>();

  constructor(context: Context, events: EventHub) {
    this.#context = context;
    this.#events = events;
  }

  /** Names a store and says how to find out whether it works again. */
  watch(store: string, probe: () => Promise<void>): void {
    this.#probes.set(store, probe);
  }

  /** Learns of each store once whether it works, before somebody needs it. */
  start(): void {
    for (const [store, probe] of this.#probes) {
      this.#context.tasks.run(`look at the store ${store}`, () =>
        probe().then(
          () => this.worked(store),
          (error: unknown) => this.failed(store, error),
        ),
      );
    }
  }

  /** Notes a failure, unless it is the caller's own fault (a body too large, a digest that does not match). */
  failed(store: string, error: unknown): void {
    if (error instanceof GatewayError && !STORE_FAILURES.includes(error.code)) return;
    if (this.#failing.has(store)) return;
    const reason = messageOf(error);
    this.#failing.set(store, { since: this.#context.clock.now(), reason });
    this.#context.log.error({ store, reason }, 'a store cannot be used');
    this.#context.tasks.run(`store-error ${store}`, async (signal) => {
      await this.#events.publish({ type: 'store-error', store, reason });
      await this.#probeUntilItWorks(store, signal);
    });
  }

  worked(store: string): void {
    const failing = this.#failing.get(store);
    if (failing === undefined) return;
    this.#failing.delete(store);
    const afterSeconds = (this.#context.clock.now() - failing.since) / SECOND_MS;
    this.#context.tasks.run(`store-recovered ${store}`, () =>
      this.#events.publish({ type: 'store-recovered', store, afterSeconds }),
    );
  }

  isFailing(store: string): boolean {
    return this.#failing.has(store);
  }

  /** Why each failing store fails. */
  failures(): readonly { readonly store: string; readonly reason: string }[] {
    return [...this.#failing].map(([store, { reason }]) => ({ store, reason }));
  }

  async #probeUntilItWorks(store: string, signal: AbortSignal): Promise<void> {
    const probe = this.#probes.get(store);
    if (probe === undefined) return;
    for (let failures = 1; this.#failing.has(store); failures += 1) {
      const wait = backoffMs(failures, { firstMs: SECOND_MS, mostMs: 10 * SECOND_MS }, this.#context.random());
      await this.#context.clock.sleep(wait, signal);
      if (signal.aborted) return;
      try {
        await probe();
        this.worked(store);
      } catch (error) {
        this.#context.log.debug({ store, error: messageOf(error) }, 'the store still cannot be used');
      }
    }
  }
}
