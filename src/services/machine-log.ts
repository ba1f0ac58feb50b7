import type { Context } from './context.ts';

/**
 * Errors of one machine. What repeats is logged once and counted; a refusal is a matter of configuration and is
 * shouted at once, as an error that names what to mend.
 */
export class MachineLog {
  readonly #context: Context;
  readonly #last = new Map<string, { text: string; count: number }>();

  constructor(context: Context) {
    this.#context = context;
  }

  failed(facts: { peer: string; machine: string; reason: string; detail: string; isRefusal: boolean }): void {
    const { log, settings } = this.#context;
    const { isRefusal, ...shown } = facts;
    const text = `${facts.reason}: ${facts.detail}`;
    const last = this.#last.get(facts.machine);
    if (last?.text === text && !settings.alwaysLogHttpErrors) {
      last.count += 1;
      return;
    }
    this.#last.set(facts.machine, { text, count: 1 });
    if (isRefusal)
      log.error(shown, 'a machine of the peer refuses this gateway; this is a matter of configuration, not a death');
    else log.warn(shown, 'a machine of the peer cannot be reached; further errors like this are only counted');
  }

  worked(peer: string, machine: string): void {
    const last = this.#last.get(machine);
    if (last === undefined) return;
    this.#last.delete(machine);
    this.#context.log.info({ peer, machine, errors: last.count }, 'the machine of the peer answers again');
  }
}
