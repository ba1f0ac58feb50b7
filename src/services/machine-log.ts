import type { Context } from './context.ts';

/** So many different errors of one machine are logged until it answers again; a line that flaps in new words fills no log. */
const KINDS_LOGGED_MOST = 20;

/**
 * Errors of one machine. What repeats is logged once and counted, also where two errors take turns, as those of one
 * broken line do; a refusal is a matter of configuration and is shouted at once, as an error that names what to mend.
 */
export class MachineLog {
  readonly #context: Context;
  /** What each machine that fails has failed with since it last answered. */
  readonly #failing = new Map<string, { readonly kinds: Set<string>; errors: number }>();

  constructor(context: Context) {
    this.#context = context;
  }

  failed(facts: { peer: string; machine: string; reason: string; detail: string; isRefusal: boolean }): void {
    const { log, settings } = this.#context;
    const { isRefusal, ...shown } = facts;
    const kind = `${facts.reason}: ${facts.detail}`;
    const failing = this.#failing.get(facts.machine) ?? { kinds: new Set<string>(), errors: 0 };
    this.#failing.set(facts.machine, failing);
    failing.errors += 1;
    const isRepeated = failing.kinds.has(kind) || failing.kinds.size >= KINDS_LOGGED_MOST;
    if (isRepeated && !settings.alwaysLogHttpErrors) return;
    if (!isRepeated) failing.kinds.add(kind);
    if (isRefusal)
      log.error(shown, 'a machine of the peer refuses this gateway; this is a matter of configuration, not a death');
    else log.warn(shown, 'a machine of the peer cannot be reached; further errors like this are only counted');
  }

  worked(peer: string, machine: string): void {
    const failing = this.#failing.get(machine);
    if (failing === undefined) return;
    this.#failing.delete(machine);
    this.#context.log.info({ peer, machine, errors: failing.errors }, 'the machine of the peer answers again');
  }
}
