import { hasWitness, turnOf, type TakeoverBlock } from '../core/takeover.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

/** Who wants the takeover, and how far it is. */
export interface Wanted {
  readonly byHand: boolean;
  readonly forced: boolean;
  /** One that has begun is not given back to the turn, nor to the block period. */
  readonly hasBegun: boolean;
  readonly isInBlockPeriod: boolean;
}

/** What speaks against taking a workload over, from what is known now. */
export class TakeoverChecks {
  readonly #context: Context;
  readonly #parts: {
    table: OwnershipTable;
    peers: PeerDirectory;
    held: HeldSnapshots;
    snapshots: WorkloadSnapshots;
    health: ApplicationHealth;
  };

  constructor(
    context: Context,
    parts: {
      table: OwnershipTable;
      peers: PeerDirectory;
      held: HeldSnapshots;
      snapshots: WorkloadSnapshots;
      health: ApplicationHealth;
    },
  ) {
    this.#context = context;
    this.#parts = parts;
  }

  /** @param peer the owner; undefined when it is no peer of ours */
  block(workload: string, peer: Peer | undefined, wanted: Wanted): TakeoverBlock | null {
    const { rules, settings } = this.#context;
    const { held, health, snapshots } = this.#parts;
    const { byHand, forced, hasBegun, isInBlockPeriod } = wanted;
    const offered = snapshots.offered(workload);
    return rules.takeoverBlock({
      owner: { state: peer?.health.state ?? 'unknown', reason: peer?.health.reason ?? null },
      byHand,
      forced,
      mode: settings.mode,
      policy: settings.takeoverPolicy,
      isOurTurn: hasBegun || peer === undefined || this.#isOurTurn(workload, peer),
      isInBlockPeriod: !hasBegun && isInBlockPeriod,
      application: health.status(),
      isStoreKnown: held.store.isKnown,
      hasReplicated: snapshots.hasReplicated(workload) || (peer?.name === workload && peer.hasReplicated),
      offered: offered.length,
      heldAgeMs: held.newestAgeMs(offered),
      maxHeldAgeMs: settings.takeoverMaxHeldAgeMs,
    });
  }

  #isOurTurn(workload: string, peer: Peer): boolean {
    const { clock, settings } = this.#context;
    const survivors = this.#parts.peers.all.flatMap(({ name, isActive, health }) =>
      name === null ? [] : [{ name, isActive, state: health.state }],
    );
    const turnMs = settings.missesAllowed * settings.heartbeatIntervalMs;
    const downForMs = clock.now() - peer.downAt;
    const knownForMs = this.#parts.table.knownForMs(workload);
    // Whoever told us that it owns this was alive then, and had heard more than we. We hear by now whether it still is.
    const isLate = knownForMs < downForMs;
    if (isLate && (knownForMs < turnMs || hasWitness(peer.name ?? '', survivors))) return false;
    const turn = turnOf(settings.dataCenter, peer.name ?? '', survivors, settings.takeoverOrder);
    if (turn === 0) return true;
    return downForMs >= turn * turnMs;
  }
}
