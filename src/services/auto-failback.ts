import { isInSync } from '../core/move.ts';
import { GatewayError } from '../errors.ts';
import type { Context } from './context.ts';
import type { Moves } from './moves.ts';
import type { Ownership } from './ownership.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { PeerDirectory } from './peer-directory.ts';
import { AUTOMATIC } from './takeover-steps.ts';
import type { Takeovers } from './takeovers.ts';
import { hasEnded } from './wake.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../units.ts';

/** After a fail-back that was rolled back the next one waits longer, each time twice as long, at most for this. */
const LONGEST_DELAY_MS = 6 * HOUR_MS;

/** Fail-backs under one row that came to nothing: for as long as each took nobody did the work. */
interface Failures {
  readonly epoch: number;
  readonly count: number;
  /** The last of them. */
  readonly move: string;
}

interface Parts {
  readonly ownership: Ownership;
  readonly table: OwnershipTable;
  readonly peers: PeerDirectory;
  readonly moves: Moves;
  readonly takeovers: Takeovers;
}

/**
 * `failback=automatic`: the present owner gives a workload back to its home DC once that has been up and in sync for
 * `failbackDelay`, if it came here by a death. It is done as an operator does it, with all checks; an unacknowledged conflict is left to people.
 */
export class AutoFailback {
  readonly #context: Context;
  readonly #parts: Parts;
  /** Since when each workload could have gone home, by the monotonic clock. */
  readonly #goodSince = new Map<string, number>();
  readonly #failures = new Map<string, Failures>();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  start(): void {
    const { settings, tasks } = this.#context;
    if (settings.failback !== 'automatic' || settings.mode === 'passive') return;
    tasks.run('give workloads back to their homes', (signal) => this.#watch(signal));
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    const everyMs = Math.min(
      5000,
      Math.max(50, Math.min(settings.heartbeatIntervalMs / 2, settings.failbackDelayMs / 4)),
    );
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal);
      if (hasEnded(signal)) return;
      for (const workload of this.#parts.table.owned()) await this.#look(workload);
    }
  }

  async #look(workload: string): Promise<void> {
    const { clock, settings } = this.#context;
    if (workload === settings.dataCenter || !this.#couldGoHome(workload)) {
      this.#goodSince.delete(workload);
      return;
    }
    const goodSince = this.#goodSince.get(workload) ?? clock.now();
    this.#goodSince.set(workload, goodSince);
    if (clock.now() - goodSince < this.#delayMs(workload, settings.failbackDelayMs)) return;
    // Whatever comes of it, the next attempt has the whole delay again.
    this.#goodSince.delete(workload);
    await this.#giveBack(workload);
  }

  #delayMs(workload: string, firstMs: number): number {
    const count = this.#noteFailure(workload, firstMs);
    return count === 0 ? firstMs : laterMs(count, firstMs);
  }

  /** @returns how many fail-backs of ours under the present row were rolled back */
  #noteFailure(workload: string, firstMs: number): number {
    const { moves, table } = this.#parts;
    const { epoch } = table.row(workload);
    const last = moves.last(workload);
    const known = this.#failures.get(workload);
    const before = known?.epoch === epoch ? known : { epoch, count: 0, move: '' };
    const isFresh = last?.actor === AUTOMATIC && last.phase === 'rolled-back' && last.id !== before.move;
    if (!isFresh) return before.count;
    const count = before.count + 1;
    this.#failures.set(workload, { epoch, count, move: last.id });
    this.#context.log.warn(
      { workload, count, reason: last.reason, nextInSeconds: laterMs(count, firstMs) / SECOND_MS },
      'a fail-back was rolled back; the next one by itself comes later',
    );
    return count;
  }

  #couldGoHome(workload: string): boolean {
    const { table, peers, moves, takeovers } = this.#parts;
    const { row, contested, conflict } = table.get(workload);
    if (contested !== null || conflict?.acknowledged === false || moves.isUnderWay(workload)) return false;
    // What an operator has put here, by a switchover or by force, stays until an operator moves it.
    if (row.reason !== 'takeover' || takeovers.last(workload)?.forced === true) return false;
    const home = peers.find(workload);
    return home?.health.state === 'up' && home.health.application !== 'critical' && isInSync(moves.lag(home, workload));
  }

  async #giveBack(workload: string): Promise<void> {
    const { ownership, table } = this.#parts;
    try {
      await ownership.move({
        workload,
        to: workload,
        ifEpoch: table.row(workload).epoch,
        force: false,
        acceptDataLoss: false,
        dryRun: false,
        actor: AUTOMATIC,
      });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#context.log.warn({ workload, error: error.message }, 'the workload does not go home by itself yet');
    }
  }
}

/** How long after so many that were rolled back the next one comes. */
function laterMs(failures: number, firstMs: number): number {
  return Math.max(firstMs, Math.min(LONGEST_DELAY_MS, Math.max(firstMs, MINUTE_MS) * 2 ** failures));
}
