import { setMaxListeners } from 'node:events';
import { GatewayError } from '../../errors.ts';

/** At most so many at once; the others wait in the order of their calls, until their signal is aborted or it is late. */
export class Permits {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** @returns what gives it back; calling that again does nothing. @throws GatewayError `interrupted`, `busy` */
  async take(limit: { readonly signal?: AbortSignal; readonly ms?: number } = {}): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(limit);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      // Handed on directly: were it put back first, a newcomer could overtake who waits.
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const giveBack = await this.take();
    try {
      return await work();
    } finally {
      giveBack();
    }
  }

  async #wait({ signal, ms }: { readonly signal?: AbortSignal; readonly ms?: number }): Promise<void> {
    let end: () => void = () => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const taken = (): void => {
          this.#waiting.delete(taken);
          resolve();
        };
        this.#waiting.add(taken);
        const refuse = (error: GatewayError): void => {
          this.#waiting.delete(taken);
          reject(error);
        };
        const onAbort = (): void =>
          refuse(new GatewayError('interrupted', 'The snapshot did not arrive to its end; nothing was stored.'));
        const timer =
          ms === undefined
            ? undefined
            : setTimeout(() => refuse(new GatewayError('busy', 'Too many snapshots are being read.')), ms);
        // Many may wait with one signal, that of a shutdown; Node.js would take their listeners for a leak.
        if (signal !== undefined) setMaxListeners(0, signal);
        signal?.addEventListener('abort', onAbort, { once: true });
        end = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
        };
        if (signal?.aborted === true) onAbort();
      });
    } finally {
      end();
    }
  }
}
