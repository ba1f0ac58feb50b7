import type { Delivery } from '../core/delivery.ts';
import type { StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError } from '../errors.ts';
import type { Deliveries } from './deliveries.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { Watermarks } from './watermarks.ts';

export interface WantedByHand {
  readonly dataCenter: string;
  /** Undefined: the data centre's own, or the one that all that is wanted came with. */
  readonly workload?: string | undefined;
  /** null: every origin of that workload. */
  readonly origins: readonly string[] | null;
}

/**
 * Deliveries that somebody asks for: of what is held from a peer, whatever state it is in. They move no ownership.
 *
 * Each is of one workload. A delivery has one fencing token, and with another workload's the application's own stores
 * would refuse what it writes, or let in what is older.
 */
export class DeliverByHand {
  readonly #parts: {
    readonly peers: PeerDirectory;
    readonly held: HeldSnapshots;
    readonly deliveries: Deliveries;
    readonly table: OwnershipTable;
    readonly watermarks: Watermarks;
  };

  constructor(parts: {
    peers: PeerDirectory;
    held: HeldSnapshots;
    deliveries: Deliveries;
    table: OwnershipTable;
    watermarks: Watermarks;
  }) {
    this.#parts = parts;
  }

  /** @throws GatewayError `not-found`, `nothing-held`, `store-unavailable` while it is not known what is held */
  async create(wanted: WantedByHand): Promise<Delivery> {
    const { deliveries, held, peers, table, watermarks } = this.#parts;
    const { dataCenter, origins } = wanted;
    peers.get(dataCenter);
    held.assertKnown();
    const offered = held.offered(dataCenter);
    const workload = workloadOf(wanted, offered);
    const ofWorkload = offered.filter((row) => row.key.workload === workload);
    if (ofWorkload.length === 0) throw nothingHeld(wanted, workloadsOf(offered));
    const missing = (origins ?? []).find((origin) => !ofWorkload.some((row) => row.key.origin === origin));
    if (missing !== undefined)
      throw new GatewayError(
        'not-found',
        `Nothing of "${missing}" is held from "${dataCenter}" for the workload "${workload}"` +
          advice(workloadsOf(offered.filter((row) => row.key.origin === missing))),
        { field: 'origins' },
      );
    return deliveries.create({
      reason: 'manual',
      dataCenter,
      workload,
      // It moves no ownership: its epoch is the one that the workload has now. 0 is no token.
      epoch: table.knows(workload) ? table.row(workload).epoch : 0,
      // Whose state it is: the application there made it, whatever workload it is of.
      watermarks: watermarks.frozen(dataCenter),
      snapshots: ofWorkload.filter((row) => origins === null || origins.includes(row.key.origin)),
    });
  }

  /** One for each peer and workload of which something is held. */
  async createAll(): Promise<void> {
    const { held, peers } = this.#parts;
    held.assertKnown();
    const wanted = peers.all.flatMap(({ name }) =>
      name === null ? [] : workloadsOf(held.offered(name)).map((workload) => ({ dataCenter: name, workload })),
    );
    for (const one of wanted) await this.create({ ...one, origins: null });
  }
}

function workloadOf({ dataCenter, workload, origins }: WantedByHand, offered: readonly StoredSnapshot[]): string {
  if (workload !== undefined) return workload;
  const wanted = offered.filter((row) => origins === null || origins.includes(row.key.origin));
  const workloads = workloadsOf(wanted);
  const [first] = workloads;
  // Of several others none is meant more than the next; who asked is told of them.
  return first === undefined || workloads.length > 1 ? dataCenter : first;
}

function workloadsOf(rows: readonly StoredSnapshot[]): string[] {
  return [...new Set(rows.map((row) => row.key.workload))].sort();
}

function nothingHeld({ dataCenter, workload }: WantedByHand, others: readonly string[]): GatewayError {
  const what = workload === undefined ? 'Nothing' : `Nothing of the workload "${workload}"`;
  const ofItsOwn = workload === undefined && others.length > 0 ? ' of its own workload' : '';
  return new GatewayError('nothing-held', `${what} is held from "${dataCenter}"${ofItsOwn}${advice(others)}`, {
    field: workload === undefined ? 'dataCenter' : 'workload',
  });
}

/** @param others the workloads of which something is held instead */
function advice(others: readonly string[]): string {
  if (others.length === 0) return '.';
  return `, but for ${others.map((name) => `"${name}"`).join(', ')}: name the workload.`;
}
