/**
 * Which of a peer's machines a heartbeat goes to.
 *
 * Only one of them runs the peer's gateway at a time. Either every machine is sent to, or the first that accepts, to
 * which we stay until it fails; one that has not answered by the next beat is passed over.
 */
export type MachineOutcome = 'ok' | 'refused' | 'failed';

export interface MachineState {
  readonly address: string;
  /** null: not tried in this run. */
  readonly ok: boolean | null;
  readonly lastError: string | null;
  /** The beat that is still unanswered; null when none is. */
  readonly waitingSince: number | null;
}

export interface MachineChoice {
  readonly machines: readonly MachineState[];
  readonly current: number;
}

export function firstChoice(addresses: readonly string[]): MachineChoice {
  const machines = addresses.map((address) => ({ address, ok: null, lastError: null, waitingSince: null }));
  return { machines, current: 0 };
}

/** The addresses that this beat goes to, and the choice with the beat noted. */
export function chooseMachines(
  choice: MachineChoice,
  sendToAll: boolean,
  now: number,
): { readonly choice: MachineChoice; readonly addresses: readonly string[] } {
  if (sendToAll) {
    const machines = choice.machines.map((machine) => ({ ...machine, waitingSince: machine.waitingSince ?? now }));
    return { choice: { ...choice, machines }, addresses: machines.map((machine) => machine.address) };
  }
  const waiting = choice.machines[choice.current]?.waitingSince ?? null;
  const current = waiting === null ? choice.current : (choice.current + 1) % choice.machines.length;
  const machines = choice.machines.map((machine, index) =>
    index === current ? { ...machine, waitingSince: now } : { ...machine, waitingSince: null },
  );
  const chosen = machines[current];
  return { choice: { machines, current }, addresses: chosen === undefined ? [] : [chosen.address] };
}

/**
 * Notes how an attempt ended. With a failure of the current machine the next one is chosen; with a success of any
 * machine we stay with that one.
 *
 * @param detail what went wrong, for people; ignored for `ok`
 */
export function noteOutcome(
  choice: MachineChoice,
  address: string,
  outcome: MachineOutcome,
  detail: string | null = null,
): MachineChoice {
  const index = choice.machines.findIndex((machine) => machine.address === address);
  if (index < 0) return choice;
  const machines = choice.machines.map((machine, i) =>
    i === index
      ? { address, ok: outcome === 'ok', lastError: outcome === 'ok' ? null : detail, waitingSince: null }
      : machine,
  );
  if (outcome === 'ok') return { machines, current: index };
  return { machines, current: index === choice.current ? (index + 1) % machines.length : choice.current };
}

/** Where a snapshot is sent: the machines known to accept, the current one first; with none known, the current one. */
export function transferTargets(choice: MachineChoice, sendToAll: boolean): readonly string[] {
  const current = choice.machines[choice.current]?.address;
  const fallback = current === undefined ? [] : [current];
  if (!sendToAll) return fallback;
  const accepting = choice.machines.filter((machine) => machine.ok === true).map((machine) => machine.address);
  return accepting.length > 0 ? accepting : fallback;
}
