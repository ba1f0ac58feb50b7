import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { PeerTransport } from '../ports/peer-transport.ts';
import type { ApplicationHealth } from './application-health.ts';
import { Asks } from './asks.ts';
import { AutoFailback } from './auto-failback.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { DecisionFacts } from './decision-facts.ts';
import type { Deliveries } from './deliveries.ts';
import type { DurableRecords } from './durable-records.ts';
import type { EventHub } from './event-hub.ts';
import type { FailoverCommand } from './failover-command.ts';
import { HandBack } from './hand-back.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { History } from './history.ts';
import type { Identity } from './identity.ts';
import { MoveTarget } from './move-target.ts';
import { Moves } from './moves.ts';
import { Ownership } from './ownership.ts';
import { OwnershipPlan } from './ownership-plan.ts';
import { OwnershipTable } from './ownership-table.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { ReturnedSnapshots } from './returned-snapshots.ts';
import { Settlement } from './settlement.ts';
import type { Shutdown } from './shutdown.ts';
import type { SnapshotRequests } from './snapshot-requests.ts';
import { Sync } from './sync.ts';
import { Takeovers } from './takeovers.ts';
import type { Watermarks } from './watermarks.ts';
import { WorkloadSnapshots } from './workload-snapshots.ts';

interface Parts {
  readonly transport: PeerTransport;
  readonly records: DurableRecords;
  readonly identity: Identity;
  readonly peers: PeerDirectory;
  readonly monitor: HealthMonitor;
  readonly heartbeats: Heartbeats;
  readonly own: OwnSnapshots;
  readonly held: HeldSnapshots;
  readonly returned: ReturnedSnapshots;
  readonly deliveries: Deliveries;
  readonly requests: SnapshotRequests;
  readonly command: FailoverCommand;
  readonly health: ApplicationHealth;
  readonly facts: DecisionFacts;
  readonly damage: Damage;
  readonly events: EventHub;
  readonly history: History;
  readonly watermarks: Watermarks;
  readonly shutdown: Shutdown;
  readonly stores: { readonly outgoing: SnapshotStore; readonly held: SnapshotStore; readonly returned: SnapshotStore };
}

export interface OwnershipServices {
  readonly table: OwnershipTable;
  readonly ownership: Ownership;
  readonly takeovers: Takeovers;
  readonly asks: Asks;
  readonly sync: Sync;
  readonly snapshots: WorkloadSnapshots;
  /** Brings back what a former run knew of owners; nothing is decided before `start`. */
  load(): Promise<void>;
  /** Goes on with what a former run left of one workload, whose data centre's name was learned after the start. */
  resume(workload: string): void;
  /** @param listeningSince when the peer listener was open */
  start(listeningSince: number): void;
}

/** Builds everything that knows of owners, and ties it to the services that must ask or tell it something. */
export function assembleOwnership(context: Context, parts: Parts): OwnershipServices {
  const { settings } = context;
  const { records, peers, monitor, heartbeats, own, held, returned, deliveries, stores } = parts;
  const { events, history, health, facts, watermarks, requests, command, shutdown, transport, identity, damage } =
    parts;
  const workloads = listedWorkloads(settings.dataCenter, peers);

  const settlement = new Settlement(context, () => peers.all);
  const table = new OwnershipTable(context, { records, settlement, workloads });
  const snapshots = new WorkloadSnapshots(context, {
    held,
    deliveries,
    peers,
    outgoing: stores.outgoing,
    returned: stores.returned,
  });
  const takeovers = new Takeovers(context, {
    records,
    table,
    settlement,
    peers,
    held,
    snapshots,
    deliveries,
    health,
    facts,
    events,
    watermarks,
    history,
  });
  const handBack = new HandBack(context, { transport, identity, damage });
  const moves = new Moves(context, {
    records,
    table,
    peers,
    own,
    snapshots,
    requests,
    handBack,
    damage,
    stores,
    events,
    history,
  });
  const target = new MoveTarget(context, {
    table,
    deliveries,
    snapshots,
    returned: stores.returned,
    events,
    watermarks,
    wasTakeover: (workload, epoch) => takeovers.last(workload)?.epoch === epoch,
  });
  const plan = new OwnershipPlan(context, { table, peers, held, own, snapshots, health, moves, takeovers, shutdown });
  const asks = new Asks(context, (peer, ask, signal) => heartbeats.ask(peer, ask, signal));
  const ownership = new Ownership(context, {
    table,
    settlement,
    peers,
    deliveries,
    health,
    events,
    history,
    takeovers,
    moves,
    target,
    plan,
    asks,
    shutdown,
  });
  const sync = new Sync(context, { ask: (peer, ask, signal) => asks.ask(peer, ask, signal), held, requests });
  asks.handlers = { move: (peer, ask) => ownership.asked(peer, ask), sync: (peer, ask) => sync.answer(peer, ask) };

  const tellEverybody = (): void => {
    own.progress.notify();
    heartbeats.flush();
  };
  table.onAcknowledged = () => {
    takeovers.lookNow();
  };
  takeovers.onOwnerChanged = tellEverybody;
  moves.onChanged = tellEverybody;
  moves.onCommitted = (workload) => {
    takeovers.ownerChanged(workload);
  };
  shutdown.endMoves = (signal) => moves.callOff('this gateway is shut down', signal);
  target.onChanged = tellEverybody;
  ownership.onChanged = tellEverybody;
  heartbeats.news = { ownership: () => ownership.news(), watermarks: () => watermarks.news() };
  deliveries.onDone = (delivery) => {
    takeovers.deliveryDone(delivery);
    target.deliveryDone(delivery);
  };
  monitor.onTick = () => {
    ownership.tick();
  };
  monitor.onPause = (ms) => {
    settlement.paused(ms);
  };
  requests.owned = () => table.owned();
  requests.origins = (workload) => snapshots.origins(workload);
  command.epochOf = (peer) => {
    const workload = peer.name;
    if (workload === null || !table.knows(workload)) return 0;
    const takeover = takeovers.last(workload);
    return Math.max(table.row(workload).epoch, takeover?.from === workload ? takeover.epoch : 0);
  };
  returned.epochOfMove = (returnId) => target.epochOf(returnId);
  watermarks.owned = () => Object.fromEntries(table.owned().map((workload) => [workload, table.row(workload).epoch]));
  returned.watermarksOf = (dataCenter) => watermarks.frozen(dataCenter);
  returned.epochOf = (workload) => (table.knows(workload) ? table.row(workload).epoch : 0);
  own.workloads = {
    owned: () => table.owned(),
    refusal: (workload) => refusalOf(table, moves, workload, settings.dataCenter),
    came: (key) => snapshots.came(key),
    floorOf: (key) => snapshots.floorOf(key),
    epochOf: (workload) => (table.owned().includes(workload) ? table.row(workload).epoch : 0),
  };

  peers.onLearned = async (name) => {
    await table.restore(name);
    await takeovers.load([name]);
    await moves.load([name]);
  };

  const failback = new AutoFailback(context, { ownership, table, peers, moves, takeovers });
  return {
    table,
    ownership,
    takeovers,
    asks,
    sync,
    snapshots,
    load: async () => {
      await table.load();
      await takeovers.load(workloads());
      await moves.load(workloads());
    },
    resume: (workload) => {
      table.sayUnsaid(workload);
      takeovers.resume(workload);
      moves.resume(workload);
    },
    start: (listeningSince) => {
      settlement.start(listeningSince);
      // Where heartbeats are switched off nobody else tells a former owner that comes back.
      const isMoved = table.all().some(({ row }) => row.epoch > 1);
      if (settings.heartbeatIntervalMs === Infinity && isMoved) heartbeats.flush();
      ownership.start();
      context.tasks.run('end a takeover that a crash cut off', () => takeovers.resumeChanged());
      takeovers.start();
      moves.start();
      failback.start();
    },
  };
}

/** Ours first, then by name. Asked with every poll of a load balancer, and changed only when a name is learned. */
function listedWorkloads(self: string, peers: PeerDirectory): () => readonly string[] {
  let listed: readonly string[] = [];
  let named = -1;
  return () => {
    let known = 0;
    for (const { name } of peers.all) if (name !== null) known += 1;
    // A name that was learned is never forgotten nor changed.
    if (known === named) return listed;
    named = known;
    listed = [self, ...peers.all.flatMap(({ name }) => (name === null ? [] : [name])).sort()];
    return listed;
  };
}

function refusalOf(
  table: OwnershipTable,
  moves: Moves,
  workload: string,
  self: string,
): { detail: string; row: unknown } | null {
  if (!table.knows(workload))
    return {
      detail: `There is no workload "${workload}"; this gateway owns: ${table.owned().join(', ')}.`,
      row: undefined,
    };
  const row = table.row(workload);
  if (row.owner !== self)
    return { detail: `"${row.owner}" owns the workload "${workload}" since epoch ${row.epoch}.`, row };
  if (moves.takesSnapshots(workload)) return null;
  const to = moves.last(workload)?.to ?? '';
  return { detail: `The workload "${workload}" is being handed to "${to}"; its last snapshots are on their way.`, row };
}
