import { performance } from 'node:perf_hooks';
import { isUnderWay } from '../core/takeover.ts';
import type { OwnershipView } from '../ports/ownership-api.ts';
import { MINUTE_MS, SECOND_MS } from '../units.ts';
import type { MovePlan } from '../wire/ownership.ts';
import { asOwnership, asPlan } from './answers.ts';
import { printable } from './display-width.ts';
import { CliError, EXIT } from './exit-status.ts';
import type { Wanted } from './failover-arguments.ts';
import { phaseOf, phaseText, verdictOn, type Begun, type Verdict } from './failover-follow.ts';
import { formatAge } from './format.ts';
import { isAborted, writeJson, writeLine, type CliIo } from './io.ts';
import type { LocalApi } from './local-api.ts';
import { isUnreachable, ProblemError } from './local-api-errors.ts';
import { forceCommand, rowLines } from './ownership-advice.ts';
import { paintFor } from './paint.ts';
import { failedChecks, renderPlan } from './plan-text.ts';
import { segment } from './snapshots/paths.ts';

/** The gateway may have to ask another one, and waits for that one's next beat. */
const ASK_IDLE_MS = 2 * MINUTE_MS;
const POLL = { firstMs: 200, mostMs: 1000, growth: 1.25 };

/** What is told at the end; `outcome` is one word for programs. */
interface Report {
  readonly outcome: Verdict['outcome'] | 'planned' | 'refused' | 'begun' | 'timed-out';
  readonly plan: MovePlan | null;
  readonly row: OwnershipView | null;
  readonly seconds: number;
}

/** Asks for the plan, begins what it says, and follows it to its end. */
export class Failover {
  readonly #api: LocalApi;
  readonly #io: CliIo;
  readonly #wanted: Wanted;
  readonly #path: string;
  readonly #interrupted: AbortSignal;
  #startedAt = performance.now();

  constructor(api: LocalApi, io: CliIo, wanted: Wanted) {
    this.#api = api;
    this.#io = io;
    this.#wanted = wanted;
    this.#path = `/v1/ownership/${segment(wanted.workload, 'WORKLOAD')}`;
    this.#interrupted = io.interruption();
  }

  async run(): Promise<number> {
    const { dryRun, force, acceptDataLoss, workload, to, wait } = this.#wanted;
    const before = await this.#row();
    if (dryRun || (force && !acceptDataLoss)) {
      const plan = await this.#ask(true);
      await this.#showPlan(plan);
      if (dryRun) return this.#endDryRun(plan, before);
      const failed = failedChecks(plan);
      const why =
        failed.length === 0
          ? `what is forced may lose what the plan names; ${forceCommand(workload, to)} does it`
          : `it would be refused, and --force does not overrule that: ${failed.join('; ')}`;
      return this.#fail({ outcome: 'refused', plan, row: before, seconds: 0 }, `nothing has changed: ${why}`);
    }
    this.#startedAt = performance.now();
    const plan = await this.#begin(before);
    if (!wait) return this.#succeed({ outcome: 'begun', plan, row: before, seconds: 0 }, 'begun');
    return this.#follow({ plan, before });
  }

  async #row(): Promise<OwnershipView> {
    return asOwnership(this.#api.target, await this.#api.json({ path: this.#path, signal: this.#interrupted }));
  }

  async #ask(dryRun: boolean): Promise<MovePlan> {
    const { to, ifEpoch, force, acceptDataLoss } = this.#wanted;
    const json = { to, ...(ifEpoch === undefined ? {} : { ifEpoch }), force, acceptDataLoss, dryRun };
    const answer = await this.#api.json({ method: 'POST', path: this.#path, json, idleMs: ASK_IDLE_MS });
    return asPlan(this.#api.target, answer);
  }

  /** A refusal shows the plan too: its checks say what speaks against it. */
  async #begin(before: OwnershipView): Promise<MovePlan> {
    try {
      const plan = await this.#ask(false);
      await this.#showPlan(plan);
      return plan;
    } catch (error) {
      if (!(error instanceof ProblemError) || error.plan === undefined) throw error;
      const plan = asPlan(this.#api.target, error.plan);
      await this.#showPlan(plan);
      if (this.#wanted.json) await this.#showReport({ outcome: 'refused', plan, row: before, seconds: 0 });
      throw error;
    }
  }

  /** The checks of a forced change are made as it would be: what fails among them no force overrules. */
  async #endDryRun(plan: MovePlan, row: OwnershipView): Promise<number> {
    const failed = failedChecks(plan);
    if (failed.length === 0)
      return this.#succeed({ outcome: 'planned', plan, row, seconds: 0 }, 'nothing has changed: this was --dry-run');
    return this.#fail({ outcome: 'refused', plan, row, seconds: 0 }, `it would be refused: ${failed.join('; ')}`);
  }

  /** Looks at the row until it says what became of it. A gateway that is away meanwhile goes on when it is back. */
  async #follow(begun: Begun): Promise<number> {
    const deadline = this.#startedAt + this.#wanted.timeoutMs;
    let row = begun.before;
    let phase: string | null = null;
    let lost: CliError | null = null;
    let last: Verdict | null = null;
    for (let pauseMs = POLL.firstMs; ; pauseMs = Math.min(POLL.mostMs, pauseMs * POLL.growth)) {
      try {
        row = await this.#row();
        lost = null;
      } catch (error) {
        if (isAborted(this.#interrupted)) break;
        if (!(error instanceof CliError) || !isUnreachable(error)) throw error;
        if (lost === null) await writeLine(this.#io.stderr, `crossdc: ${error.message} Trying again.`);
        lost = error;
      }
      const verdict = verdictOn(row, begun);
      // A block is believed when it is seen twice: the first may be the one that our word is about to lift.
      if (verdict !== null && (verdict.outcome !== 'blocked' || last?.outcome === 'blocked'))
        return this.#end(begun.plan, row, verdict);
      last = verdict;
      const now = phaseOf(row, begun);
      if (now !== phase && now !== null) await this.#say(phaseText(now));
      if (now !== phase) pauseMs = POLL.firstMs;
      phase = now;
      if (performance.now() >= deadline) return this.#endLate(begun.plan, row, lost);
      await this.#io.sleep(pauseMs, this.#interrupted);
      if (isAborted(this.#interrupted)) break;
    }
    throw new CliError(EXIT.failed, 'interrupted; what was begun goes on, and crossdc ownership shows it');
  }

  async #end(plan: MovePlan, row: OwnershipView, { outcome, text }: Verdict): Promise<number> {
    const report = { outcome, plan, row, seconds: this.#seconds() };
    return outcome === 'done' ? this.#succeed(report, text) : this.#fail(report, text);
  }

  async #endLate(plan: MovePlan, row: OwnershipView, lost: CliError | null): Promise<number> {
    const report = { outcome: 'timed-out', plan, row, seconds: this.#seconds() } as const;
    if (lost !== null) {
      if (this.#wanted.json) await this.#showReport(report);
      throw lost;
    }
    const ageOf = (at: string): string => formatAge(at, this.#io.wallMs());
    if (plan.kind === 'takeover' && !isUnderWay(row.takeover ?? undefined)) {
      // The gateway that was asked sees nothing of the takeover of another before it is over.
      const there = `what "${plan.to}" waits for is shown there: crossdc ownership ${plan.workload}, with --url of its gateway`;
      return this.#fail(report, `not done after ${this.#seconds().toFixed(1)} s, and not called off: ${there}`);
    }
    const said = rowLines(row, { here: this.#wanted.to, peers: [], ageOf });
    const where = said.length === 0 ? 'crossdc ownership shows how it goes on' : said.join('; ');
    return this.#fail(report, `not done after ${this.#seconds().toFixed(1)} s, and not called off: ${where}`);
  }

  #seconds(): number {
    return Math.round(performance.now() - this.#startedAt) / SECOND_MS;
  }

  async #say(text: string): Promise<void> {
    const seconds = `${this.#seconds().toFixed(1)} s`.padStart(8);
    if (!this.#wanted.json) await writeLine(this.#io.stdout, `${seconds}  ${printable(text)}`);
  }

  async #showPlan(plan: MovePlan): Promise<void> {
    if (this.#wanted.json) return;
    for (const line of renderPlan(plan, paintFor(this.#io))) await writeLine(this.#io.stdout, line);
  }

  async #showReport(report: Report): Promise<void> {
    await writeJson(this.#io.stdout, report);
  }

  async #succeed(report: Report, text: string): Promise<number> {
    if (this.#wanted.json) await this.#showReport(report);
    else await this.#say(text);
    return EXIT.done;
  }

  /** @throws CliError, always: what went wrong is the one line on stderr */
  async #fail(report: Report, why: string): Promise<never> {
    if (this.#wanted.json) await this.#showReport(report);
    throw new CliError(EXIT.failed, printable(`${this.#wanted.workload}: ${why}`));
  }
}
