import type { Context } from './context.ts';

/**
 * Whether we may trust what we know of owners: after a start, or after a long pause of our own, only once every peer was
 * heard or N intervals have passed. Until then somebody may have taken over without our knowing.
 */
export class Settlement {
  readonly #context: Context;
  readonly #peers: () => readonly object[];
  readonly #heard = new Set<object>();
  #since: number;
  #isSettled = false;
  /** When the judge of silence last looked at the clock; it does so many times in an interval. */
  #lookedAt: number;

  constructor(context: Context, peers: () => readonly object[]) {
    this.#context = context;
    this.#peers = peers;
    this.#since = context.clock.now();
    this.#lookedAt = this.#since;
  }

  /** @param since when the peer listener was open; nothing can have been heard before */
  start(since: number): void {
    this.#since = since;
    this.#lookedAt = this.#context.clock.now();
  }

  /** The judge of silence has looked, and told of a pause before if there was one. */
  tick(): void {
    this.#lookedAt = this.#context.clock.now();
  }

  /** A heartbeat of the peer, or its answer to one of ours: both bring its rows. */
  heard(peer: object): void {
    this.#heard.add(peer);
  }

  /** We were stopped ourselves. */
  paused(ms: number): void {
    if (ms < this.#waitMs()) return;
    this.#heard.clear();
    this.#since = this.#context.clock.now();
    this.#isSettled = false;
  }

  get isSettled(): boolean {
    // We go on after a pause that nobody has noticed yet: a request that waited meanwhile must not be the first to be answered.
    if (this.#waitMs() > 0 && this.#context.clock.now() - this.#lookedAt >= this.#waitMs()) return false;
    this.#isSettled ||=
      this.#context.clock.now() - this.#since >= this.#waitMs() || this.#peers().every((peer) => this.#heard.has(peer));
    return this.#isSettled;
  }

  /** Where heartbeats are switched off nothing is heard by itself, and nobody declares us dead. */
  #waitMs(): number {
    const { heartbeatIntervalMs, missesAllowed } = this.#context.settings;
    return heartbeatIntervalMs === Infinity ? 0 : missesAllowed * heartbeatIntervalMs;
  }
}
