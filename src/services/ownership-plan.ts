import { moveChecks, needsHeld, type MoveCheck } from '../core/move.ts';
import type { MoveRequest } from '../ports/ownership-api.ts';
import { SECOND_MS } from '../units.ts';
import type { MovePlan } from '../wire/ownership.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { Moves } from './moves.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { OwnershipTable } from './ownership-table.ts';
import { healthConfig } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { Shutdown } from './shutdown.ts';
import { TakeoverChecks } from './takeover-checks.ts';
import type { Takeovers } from './takeovers.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

const LOSSES_SHOWN = 90;
const OVERRULE = '--force takes it all the same';

interface Parts {
  readonly table: OwnershipTable;
  readonly peers: PeerDirectory;
  readonly held: HeldSnapshots;
  readonly own: OwnSnapshots;
  readonly snapshots: WorkloadSnapshots;
  readonly health: ApplicationHealth;
  readonly moves: Moves;
  readonly takeovers: Takeovers;
  readonly shutdown: Shutdown;
}

/** What a change of owner would do and what speaks against it, from what is known now. It changes nothing. */
export class OwnershipPlan {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #checks: TakeoverChecks;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#checks = new TakeoverChecks(context, parts);
  }

  /** A planned move by us, the present owner. */
  move(request: MoveRequest): MovePlan {
    const { clock, rules, settings } = this.#context;
    const { table, peers, moves, snapshots, takeovers, shutdown } = this.#parts;
    const { workload, to } = request;
    const known = table.get(workload);
    const peer = peers.find(to);
    const checks = moveChecks({
      self: settings.dataCenter,
      to,
      owner: known.row.owner,
      epoch: known.row.epoch,
      ifEpoch: request.ifEpoch,
      isContested: known.contested !== null,
      rival: known.contested?.owner ?? null,
      target:
        peer === undefined
          ? null
          : {
              state: peer.health.state,
              reason: peer.health.reason,
              application: peer.health.application,
              hearsUs: rules.hearsUs(peer.health, healthConfig(this.#context, peer), clock.now()),
              ...moves.lag(peer, workload),
            },
      isHeldKnown: snapshots.isKnown || !needsHeld(known.row.epoch),
      busyWith: takeovers.isUnderWay(workload)
        ? 'a takeover of it is under way'
        : moves.isUnderWay(workload)
          ? `it is being moved to "${moves.last(workload)?.to ?? ''}" already`
          : null,
      isShuttingDown: shutdown.isUnderWay,
    });
    const isHome = to === workload;
    return {
      ...this.#head(request, isHome ? 'failback' : 'switchover'),
      checks: [...checks],
      steps: [
        `ask the application at "${known.row.owner}" for fresh snapshots of "${workload}" (at most ${settings.requestTimeoutMs / SECOND_MS} s)`,
        `wait until "${to}" has them`,
        `/primary of "${workload}" turns 503 at "${known.row.owner}"; owner-releasing, at most ${settings.releaseTimeoutMs / SECOND_MS} s`,
        isHome ? `return the last snapshots to "${to}" (type 4)` : `wait until "${to}" has the last snapshots`,
        `"${to}" delivers them and its application acknowledges (at most ${settings.requestTimeoutMs / SECOND_MS} s)`,
        `"${to}" owns "${workload}"; its /primary turns 200`,
      ],
      losses: [],
    };
  }

  /** A takeover by us, by hand: of a dead owner's work, or forced. */
  takeover(request: MoveRequest): MovePlan {
    const { settings } = this.#context;
    const { table, peers, health, snapshots, takeovers, moves, shutdown } = this.#parts;
    const { workload, to, force } = request;
    const { row } = table.get(workload);
    const peer = peers.find(row.owner);
    const self = settings.dataCenter;
    const checks: MoveCheck[] = [];
    const add = (check: MoveCheck['check'], ok: boolean, good: string, bad: string): void => {
      checks.push({ check, ok, detail: ok ? good : bad });
    };
    const isRival = table.get(workload).contested !== null;
    // Whether an owner lives that is no peer of ours, nobody here can know.
    const state = peer?.health.state ?? 'unknown';
    const isGone = state === 'down' || state === 'left';
    const whyNotOurs =
      row.owner === self
        ? `"${self}" owns it already`
        : peer === undefined
          ? `"${row.owner}" is no peer of "${self}": nothing is known of it here, and it may do the work; ${OVERRULE}`
          : `"${row.owner}" is ${state} here, and may do the work; ${OVERRULE}`;
    const isOpen = row.owner === self ? force && isRival : force || isGone;
    add('owner', isOpen, `"${row.owner}" owns it`, whyNotOurs);
    const isThisEpoch = request.ifEpoch === null || request.ifEpoch === row.epoch;
    add('epoch', isThisEpoch, `${row.epoch}`, `the epoch is ${row.epoch}, not ${request.ifEpoch ?? ''}`);
    add('target', to === self, `"${self}" takes it`, `only "${to}" itself can take it`);
    const block = this.#checks.block(workload, peer, {
      byHand: true,
      forced: force,
      hasBegun: true,
      isInBlockPeriod: false,
    });
    add(
      'target-application',
      block !== 'app-critical',
      health.status(),
      'the application here is critical; --force overrules that',
    );
    const offered = snapshots.offered(workload);
    const heldProblem =
      block === 'store-unavailable'
        ? 'it is not known what is held: the store is away'
        : block === 'nothing-held'
          ? `nothing that "${row.owner}" replicated is left; --force takes the work without it`
          : 'what is held is older than takeoverMaxHeldAge; --force overrules that';
    const isHeldGood = block === null || block === 'app-critical';
    add('in-sync', isHeldGood, `${offered.length} origins are held`, heldProblem);
    const busyWith = moves.isUnderWay(workload)
      ? `it is being moved to "${moves.last(workload)?.to ?? ''}"`
      : takeovers.isUnderWay(workload) && !force
        ? `a takeover of it is ${takeovers.last(workload)?.phase ?? ''} here; --force goes on without its application's answer`
        : 'the gateway is shutting down';
    const isBusy = moves.isUnderWay(workload) || (takeovers.isUnderWay(workload) && !force) || shutdown.isUnderWay;
    add('idle', !isBusy, 'nothing else is under way', busyWith);
    const losses = this.#losses(workload, row.owner);
    if (force && !request.acceptDataLoss && !request.dryRun)
      add('idle', losses.length === 0, 'nothing is lost', 'data would be lost: add --accept-data-loss');
    return {
      ...this.#head(request, 'takeover'),
      checks,
      steps: [
        ...(force && takeovers.isUnderWay(workload)
          ? ['the takeover that is under way waits for no acknowledgement any more; its delivery is cancelled']
          : [
              `deliver ${snapshots.due(workload, table.wasOurs(workload)).length} snapshots of "${workload}" to the application at "${self}"`,
              'wait until it has acknowledged them',
            ]),
        `"${self}" owns "${workload}"; its /primary turns 200`,
      ],
      losses: shown(losses),
    };
  }

  #head({ workload, to, force }: MoveRequest, kind: MovePlan['kind']): Omit<MovePlan, 'checks' | 'steps' | 'losses'> {
    const { row, used } = this.#parts.table.get(workload);
    const { takeovers } = this.#parts;
    // What overrules one that is under way has the epoch that was reserved for that.
    const reserved = kind === 'takeover' && takeovers.isUnderWay(workload) ? takeovers.last(workload)?.epoch : 0;
    const nextEpoch = reserved === undefined || reserved === 0 ? Math.max(row.epoch, used) + 1 : reserved;
    return { workload, kind, from: row.owner, to, epoch: row.epoch, nextEpoch, forced: force };
  }

  /** What nobody can know here is what the owner has that did not come; so every origin is named with what there is. */
  #losses(workload: string, owner: string): readonly string[] {
    const { held, own, snapshots, table } = this.#parts;
    const { dataCenter: self } = this.#context.settings;
    const rival = table.get(workload).contested;
    // Ours alone: there is nobody who could have anything else.
    if (owner === self)
      return rival === null ? [] : [`all that "${rival.owner}" did of "${workload}" under epoch ${rival.epoch}`];
    const newest = new Map(
      snapshots.offered(workload).map((row) => [row.key.origin, { version: row.version, ageMs: held.ageMs(row) }]),
    );
    for (const row of own.newest()) {
      if (row.key.workload !== workload || row.version < (newest.get(row.key.origin)?.version ?? 0)) continue;
      newest.set(row.key.origin, { version: row.version, ageMs: own.ageMs(row) });
    }
    if (newest.size === 0) return [`all of "${workload}": there is nothing of it here`];
    return [...newest].map(
      ([origin, { version, ageMs }]) =>
        `${origin}: whatever "${owner}" accepted after version ${version}, which is ${Math.round(ageMs / SECOND_MS)} s old`,
    );
  }
}

function shown(losses: readonly string[]): string[] {
  const more = losses.length - LOSSES_SHOWN;
  if (more <= 0) return [...losses];
  return [...losses.slice(0, LOSSES_SHOWN), `and the same of ${more} more origins, which are not listed`];
}
