import type { GatewayEvent } from '../../src/core/events.ts';
import type { SimGateway } from './sim-gateway.ts';

interface Owed {
  readonly origin: string;
  readonly version: number;
}

/** A planned move loses nothing: what the old owner accepted is at the target, and its application has it before it starts. */
export class MovedSnapshots {
  readonly #gateways: readonly SimGateway[];
  /** By target, workload and epoch: what the target's application must have. */
  readonly #owed = new Map<string, readonly Owed[]>();
  /** With bits that flip, the version before is offered, and no more can be asked for. */
  damaged = false;

  constructor(gateways: readonly SimGateway[]) {
    this.#gateways = gateways;
  }

  /** @returns what is wrong with the commit */
  committed(from: SimGateway, { workload, to, epoch }: GatewayEvent & { type: 'owner-changed' }): string | null {
    const target = this.#gateways.find(({ name }) => name === to);
    if (target === undefined) return `${from.name} gives ${workload} to ${to}, which does not exist`;
    const owed = [...from.application.newestAccepted.values()].filter(
      (accepted) => accepted.workload === workload && !accepted.isWithdrawal,
    );
    this.#owed.set(`${to} ${workload} ${epoch}`, owed);
    if (this.damaged) return null;
    const lost = owed.find(({ origin, version }) => newestAt(target, workload, origin) < version);
    if (lost === undefined) return null;
    return `${from.name} gives ${workload} to ${to} without ${lost.origin}@${lost.version}, which it had accepted`;
  }

  /** @returns what the application does not have that starts its work now */
  completed(target: SimGateway, { workload, epoch }: GatewayEvent & { type: 'takeover-completed' }): string | null {
    const owed = this.#owed.get(`${target.name} ${workload} ${epoch}`) ?? [];
    if (this.damaged) return null;
    const { absorbed, newestAccepted } = target.application;
    const lost = owed.find(({ origin, version }) => {
      const own = newestAccepted.get(`${workload}\0${origin}`)?.version ?? 0;
      const taken = absorbed.filter((row) => row.workload === workload && row.origin === origin);
      return Math.max(own, ...taken.map((row) => row.version)) < version;
    });
    if (lost === undefined) return null;
    return `${target.name} starts the work of ${workload} without ${lost.origin}@${lost.version}`;
  }
}

function newestAt(target: SimGateway, workload: string, origin: string): number {
  const rows = (['held', 'returned', 'outgoing'] as const).flatMap((store) => target.rows(store));
  return Math.max(
    0,
    ...rows.filter(({ key }) => key.workload === workload && key.origin === origin).map(({ version }) => version),
  );
}
