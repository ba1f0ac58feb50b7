import type { OwnershipView } from '../../../src/ports/ownership-api.ts';
import type { GatewayProcess } from '../gateway-process.ts';
import type { Complaint } from './ledger.ts';

/**
 * Who owns the work, as every gateway tells it. It is the operator too, who looks at each conflict and acknowledges it:
 * until then no work goes home by itself.
 */
export class Owners {
  conflicts = 0;
  readonly #complain: Complaint;
  /** By workload and epoch: whoever was said to own it. */
  readonly #owners = new Map<string, string>();
  readonly #highest = new Map<string, number>();

  constructor(complain: Complaint) {
    this.#complain = complain;
  }

  async look(gateway: GatewayProcess): Promise<void> {
    for (const row of await rowsOf(gateway)) {
      this.#judge(gateway.name, row);
      if (row.conflict === null) continue;
      const { status } = await gateway.api(`/v1/ownership/${row.workload}/ack`, { method: 'POST' });
      if (status === 204) this.conflicts += 1;
    }
  }

  /** @returns what is not as it was in the beginning, when everything has settled; null when nothing is */
  async unsettled(gateway: GatewayProcess): Promise<string | null> {
    for (const { workload, owner, epoch, primary, notPrimaryBecause, blockedBy, conflict } of await rowsOf(gateway)) {
      const isHere = workload === gateway.name;
      if (owner !== workload) return `"${owner}" owns "${workload}"`;
      if (epoch < (this.#highest.get(workload) ?? 1)) return `the epoch of "${workload}" is ${epoch} again`;
      if (isHere !== primary) return `"${workload}" is ${primary ? '' : 'not '}served: ${notPrimaryBecause ?? ''}`;
      if (blockedBy !== null || conflict !== null)
        return `"${workload}" waits: ${JSON.stringify({ blockedBy, conflict })}`;
    }
    return null;
  }

  /** An epoch is given once: whoever hears of it hears of the same owner. */
  #judge(at: string, { workload, owner, epoch }: OwnershipView): void {
    const name = `${workload} ${epoch}`;
    const known = this.#owners.get(name) ?? owner;
    if (known !== owner)
      this.#complain(`${at}: "${owner}" owns "${workload}" with epoch ${epoch}, which "${known}" had`);
    this.#owners.set(name, known);
    this.#highest.set(workload, Math.max(epoch, this.#highest.get(workload) ?? 1));
  }
}

async function rowsOf(gateway: GatewayProcess): Promise<readonly OwnershipView[]> {
  const answer = await gateway.api('/v1/ownership');
  return answer.status === 200 ? (answer.json() as OwnershipView[]) : [];
}
