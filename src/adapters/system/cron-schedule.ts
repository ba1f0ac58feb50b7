import { createTask } from 'node-cron';
import type { Clock } from '../../ports/clock.ts';
import type { Schedule } from '../../ports/hooks.ts';
import { MINUTE_MS } from '../../units.ts';

/** The first due time after now, in milliseconds since 1970. */
export type NextDue = () => number;

/**
 * A cron schedule on the wall clock of this machine (its time zone is that of the process).
 *
 * node-cron says when; the waiting is our own. Its own runner visits every time that a clock jumped over, which for a
 * machine that boots in 1970 and then learns the date are millions, and all heartbeats would wait for that. Here the
 * clock is looked at each minute at the latest: a jump is noticed soon, and however many times it passed over, the
 * application is asked once.
 */
export class CronSchedule implements Schedule {
  readonly #clock: Clock;
  readonly #nextDue: NextDue;

  /** @throws RangeError when the expression is none or names no time that comes */
  constructor(clock: Clock, expression: string, nextDue: NextDue = nextDueOf(expression)) {
    this.#clock = clock;
    this.#nextDue = nextDue;
  }

  start(onDue: () => void, signal: AbortSignal): void {
    void this.#loop(onDue, signal);
  }

  async #loop(onDue: () => void, signal: AbortSignal): Promise<void> {
    let due = this.#nextDue();
    for (;;) {
      await this.#clock.sleep(Math.min(due - this.#clock.wallMs(), MINUTE_MS), signal);
      if (signal.aborted) return;
      const isDue = this.#clock.wallMs() >= due;
      // Asked again in either case: after a clock that went back, the next time is an earlier one.
      due = this.#nextDue();
      if (isDue) onDue();
    }
  }
}

/** @throws RangeError when the expression is none or names no time that comes */
function nextDueOf(expression: string): NextDue {
  let task: ReturnType<typeof createTask>;
  try {
    task = createTask(expression, () => undefined);
  } catch (error) {
    throw new RangeError(`${JSON.stringify(expression)} is no cron expression`, { cause: error });
  }
  const nextDue: NextDue = () => task.getNextRuns(1)[0]?.getTime() ?? NaN;
  if (!Number.isFinite(nextDue())) throw new RangeError(`${JSON.stringify(expression)} names no time that comes`);
  return nextDue;
}
