import type { Relay } from '../relay.ts';
import type { Complaint } from './ledger.ts';
import { faultText, type Fault, type Part, type Trouble, type Way } from './plan.ts';
import { pause } from './poster.ts';
import type { Site } from './site.ts';
import { Tally } from './tally.ts';

/** Does what the plan says, each part for itself. What was begun is ended, also when the signal comes before its time. */
export class Faults {
  readonly done: Readonly<Record<Part, Tally>> = {
    dc1: new Tally(),
    dc2: new Tally(),
    database: new Tally(),
    line: new Tally(),
  };
  readonly #site: Site;
  readonly #complain: Complaint;
  readonly #tell: (line: string) => void;

  constructor(site: Site, complain: Complaint, tell: (line: string) => void) {
    this.#site = site;
    this.#complain = complain;
    this.#tell = tell;
  }

  /** Resolves when everything planned is over and nothing is broken any more. */
  async run(plan: readonly Fault[], signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const parts = [...new Set(plan.map(({ part }) => part))];
    await Promise.all(
      parts.map(async (part) => {
        for (const fault of plan.filter((each) => each.part === part)) {
          await pause(Math.max(0, fault.atMs - (performance.now() - startedAt)), signal);
          if (signal.aborted) return;
          await this.#carryOut(fault, signal).catch((error: unknown) => {
            this.#complain(`${faultText(fault).trim()}: ${String(error)}`);
          });
        }
      }),
    );
  }

  async #carryOut(fault: Fault, signal: AbortSignal): Promise<void> {
    this.#tell(faultText(fault));
    this.done[fault.part].add(fault.trouble.kind);
    const end = await this.#begin(fault.part, fault.trouble);
    await pause(fault.forMs, signal);
    await end();
  }

  /** @returns what puts it right again */
  async #begin(part: Part, trouble: Trouble): Promise<() => Promise<void>> {
    if (part === 'line') return this.#beginOnLine(trouble);
    if (part === 'database') return this.#beginAtDatabase(trouble);
    const gateway = this.#site.gateway(part);
    await gateway.kill();
    return () => gateway.start();
  }

  async #beginAtDatabase({ kind }: Trouble): Promise<() => Promise<void>> {
    const { database } = this.#site;
    if (database === null) throw new Error('there is no database');
    if (kind === 'pause') {
      await database.pause();
      return () => database.resume();
    }
    await (kind === 'kill' ? database.kill() : database.stop());
    return () => database.start();
  }

  async #beginOnLine(trouble: Trouble): Promise<() => Promise<void>> {
    const lines = this.#lines('way' in trouble ? trouble.way : 'both');
    for (const line of lines) breakLine(line, trouble);
    return () => {
      for (const line of lines) {
        line.delay(0);
        line.heal(trouble.kind === 'cut' ? trouble.stalled : 'resumed');
      }
      return Promise.resolve();
    };
  }

  #lines(way: Way): readonly Relay[] {
    return way === 'both' ? [this.#site.lineTo('dc1'), this.#site.lineTo('dc2')] : [this.#site.lineTo(way)];
  }
}

function breakLine(line: Relay, trouble: Trouble): void {
  switch (trouble.kind) {
    case 'cut':
      line.cut(trouble.direction);
      return;
    case 'refuse':
      line.refuse();
      return;
    case 'slow':
      line.delay(trouble.delayMs, trouble.jitterMs);
      return;
    case 'break':
      line.cutAfterBytes(trouble.afterBytes, trouble.how);
      return;
    case 'kill':
    case 'stop':
    case 'pause':
      throw new Error(`a line knows no ${trouble.kind}`);
  }
}
