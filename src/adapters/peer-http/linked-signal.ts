import { setMaxListeners } from 'node:events';

/** A controller of our own that is also aborted by the caller's signal. */
export interface LinkedAbort {
  readonly controller: AbortController;
  /** Lets go of the caller's signal, which may live as long as the process. */
  readonly unlink: () => void;
}

export function linkedAbort(signal: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  // Everything that is under way may hang on one signal: that is no leak, and Node.js would warn of one.
  setMaxListeners(0, signal);
  const forward = (): void => controller.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener('abort', forward, { once: true });
  return { controller, unlink: () => signal.removeEventListener('abort', forward) };
}
