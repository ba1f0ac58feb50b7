import { setTimeout as delay } from 'node:timers/promises';
import { LONGEST_TIMER_MS } from '../units.ts';
import { EXIT } from './exit-status.ts';
import type { CliIo } from './io.ts';

/** 128 + SIGINT, as a shell says it. */
const KILLED_STATUS = 130;

/** The real process. */
export function processIo(of: NodeJS.Process): CliIo {
  const { stdout, stderr, env } = of;
  // The reader went away (`crossdc events | head`): there is nobody to tell and nothing left to do.
  for (const stream of [stdout, stderr]) stream.on('error', () => of.exit(EXIT.failed));
  let interruption: AbortController | undefined;
  return {
    stdout,
    stderr,
    env,
    // Opening stdin has a cost and side effects at a terminal: only who reads it opens it.
    get stdin() {
      return of.stdin;
    },
    wallMs: () => Date.now(),
    sleep: (ms, signal) => delay(Math.min(ms, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined),
    interruption() {
      interruption ??= onSignals(of);
      return interruption.signal;
    },
  };
}

function onSignals(of: NodeJS.Process): AbortController {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    of.on(name, () => {
      if (controller.signal.aborted) of.exit(KILLED_STATUS);
      controller.abort();
    });
  }
  return controller;
}
