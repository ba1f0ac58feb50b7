import { backoffMs } from '../core/backoff.ts';
import { GatewayError, messageOf, type ErrorCode } from '../errors.ts';
import { MINUTE_MS, SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import { hangs, inTime } from './patience.ts';

/** What says something of a store; anything else is the caller's own affair. */
const STORE_FAILURES: readonly ErrorCode[] = [
  'store-full',
  'store-unavailable',
  'store-foreign',
  'encryption-key-missing',
];

/** How often a store that works is probed: nobody may have used it when it went away. Raised: noticed later; lowered: more small writes. */
const LOOK_MS = 30 * SECOND_MS;
/** A probe that takes longer has failed. Above what a database is waited for. */
const PROBE_MS = 15 * SECOND_MS;
/**
 * A store that fails again so soon after it recovered takes small things and refuses large ones, or comes and goes. It
 * must then have worked for a while before it counts as recovered, twice as long each time. Raised: fewer events of a
 * store that flaps; lowered: its recovery is said sooner.
 */
const FLAP_MS = 60 * SECOND_MS;
const FIRST_QUIET_MS = 20 * SECOND_MS;
const MOST_QUIET_MS = 5 * MINUTE_MS;

interface Failing {
  readonly since: number;
  readonly reason: string;
  /** It failed last for want of a key to some versions: it takes and gives everything else. */
  lacksKeyOnly: boolean;
  /** When it failed last. */
  lastAt: number;
  /** For how long it must not have failed before it counts as recovered. */
  readonly quietMs: number;
}

/**
 * Knows which stores work. The first failure is said once, as `store-error`; then the store is probed with a growing
 * pause, and its return is said once, as `store-recovered`. One that works is probed now and then, so that a quiet gateway
 * does not look healthy with its database gone. Nothing else waits for any of this.
 */
export class StoreWatch {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #probes = new Map<string, () => Promise<void>>();
  readonly #failing = new Map<string, Failing>();
  readonly #recovered = new Map<string, { readonly at: number; readonly quietMs: number }>();
  /** Those that a loop probes until they work. */
  readonly #probed = new Set<string>();

  constructor(context: Context, events: EventHub) {
    this.#context = context;
    this.#events = events;
  }

  /** Names a store and says how to find out whether it works again. */
  watch(store: string, probe: () => Promise<void>): void {
    this.#probes.set(store, probe);
  }

  /** Learns of each store whether it works, before somebody needs it and for as long as we run. */
  start(): void {
    for (const [store, probe] of this.#probes) {
      this.#context.tasks.run(`look after the store ${store}`, (signal) => this.#lookAfter(store, probe, signal));
    }
  }

  /** Notes a failure, unless it is the caller's own fault (a body too large, a digest that does not match). */
  failed(store: string, error: unknown): void {
    if (error instanceof GatewayError && !STORE_FAILURES.includes(error.code)) return;
    const now = this.#context.clock.now();
    const known = this.#failing.get(store);
    const lacksKeyOnly = error instanceof GatewayError && error.code === 'encryption-key-missing';
    if (known !== undefined) {
      known.lastAt = now;
      known.lacksKeyOnly = lacksKeyOnly;
      return;
    }
    const reason = messageOf(error);
    this.#failing.set(store, { since: now, reason, lacksKeyOnly, lastAt: now, quietMs: this.#quietMs(store, now) });
    this.#context.log.error({ store, reason }, 'a store cannot be used');
    this.#context.tasks.run(`store-error ${store}`, async (signal) => {
      await this.#events.publish({ type: 'store-error', store, reason });
      await this.#probeUntilItWorks(store, signal);
    });
  }

  /** That a store did something says nothing of the versions that it lacks the key of: only its probe looks at those. */
  worked(store: string): void {
    if (this.#failing.get(store)?.lacksKeyOnly !== true) this.#works(store);
  }

  #works(store: string): void {
    const failing = this.#failing.get(store);
    const now = this.#context.clock.now();
    if (failing === undefined || now - failing.lastAt < failing.quietMs) return;
    this.#failing.delete(store);
    this.#recovered.set(store, { at: now, quietMs: failing.quietMs });
    const afterSeconds = (now - failing.since) / SECOND_MS;
    this.#context.tasks.run(`store-recovered ${store}`, () =>
      this.#events.publish({ type: 'store-recovered', store, afterSeconds }),
    );
  }

  /** Whether a store cannot be used. One that only lacks a key is looked after like any other. */
  isFailing(store: string): boolean {
    return this.#failing.get(store)?.lacksKeyOnly === false;
  }

  /** Why each failing store fails. */
  failures(): readonly { readonly store: string; readonly reason: string }[] {
    return [...this.#failing].map(([store, { reason }]) => ({ store, reason }));
  }

  #quietMs(store: string, now: number): number {
    const recovered = this.#recovered.get(store);
    if (recovered === undefined || now - recovered.at >= FLAP_MS + recovered.quietMs) return 0;
    return Math.min(MOST_QUIET_MS, Math.max(FIRST_QUIET_MS, 2 * recovered.quietMs));
  }

  async #lookAfter(store: string, probe: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context;
    while (!signal.aborted) {
      // One that fails has its own loop.
      if (!this.#failing.has(store)) {
        const looked = probe().then(
          () => this.#works(store),
          (error: unknown) => this.failed(store, error),
        );
        if (!(await inTime(clock, PROBE_MS, looked))) this.failed(store, hangs(`store "${store}"`));
        await looked;
      }
      await clock.sleep(LOOK_MS * (0.75 + random() / 2), signal);
    }
  }

  async #probeUntilItWorks(store: string, signal: AbortSignal): Promise<void> {
    const probe = this.#probes.get(store);
    if (probe === undefined || this.#probed.has(store)) return;
    this.#probed.add(store);
    for (let failures = 1; this.#failing.has(store); failures += 1) {
      const wait = backoffMs(failures, { firstMs: SECOND_MS, mostMs: 10 * SECOND_MS }, this.#context.random());
      await this.#context.clock.sleep(wait, signal);
      if (signal.aborted) return;
      try {
        await probe();
        this.#works(store);
      } catch (error) {
        this.failed(store, error);
        this.#context.log.debug({ store, error: messageOf(error) }, 'the store still cannot be used');
      }
    }
    this.#probed.delete(store);
  }
}
