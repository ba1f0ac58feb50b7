import type { SnapshotKey } from '../core/snapshot.ts';
import { messageOf } from '../errors.ts';
import type { CertificateFacts } from '../ports/certificates.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { HistoryLog } from '../ports/history.ts';
import type { GatewayApi } from '../ports/gateway-api.ts';
import type { CommandRunner, EventSink, HealthProbe, Schedule } from '../ports/hooks.ts';
import type { Log } from '../ports/log.ts';
import type { PeerInbox } from '../ports/peer-inbox.ts';
import type { PeerTransport } from '../ports/peer-transport.ts';
import type { Records } from '../ports/records.ts';
import type { GatewaySettings } from '../ports/settings.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Telemetry, TelemetrySource } from '../ports/telemetry.ts';
import { Api } from './api.ts';
import { assembleOwnership } from './assemble-ownership.ts';
import { ApplicationHealth } from './application-health.ts';
import { Tasks, type Context } from './context.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { Damage } from './damage.ts';
import { Deaths } from './deaths.ts';
import { DeliverByHand } from './deliver-by-hand.ts';
import { DecisionFacts } from './decision-facts.ts';
import { Deliveries } from './deliveries.ts';
import { DurableRecords } from './durable-records.ts';
import { EventHub } from './event-hub.ts';
import { FailoverCommand } from './failover-command.ts';
import type { FoundDamage } from './found-damage.ts';
import { HealthMonitor } from './health-monitor.ts';
import { History } from './history.ts';
import { Heartbeats } from './heartbeats.ts';
import { HeldSnapshots } from './held-snapshots.ts';
import { Housekeeping } from './housekeeping.ts';
import { Identity } from './identity.ts';
import { Inbox } from './inbox.ts';
import { OwnSnapshots } from './own-snapshots.ts';
import { Patience } from './patience.ts';
import type { Peer } from './peer.ts';
import { PeerContact } from './peer-contact.ts';
import { PeerDirectory } from './peer-directory.ts';
import { PeerRecords } from './peer-records.ts';
import { Restore } from './restore.ts';
import { ReturnSender } from './return-sender.ts';
import { ReturnedSnapshots } from './returned-snapshots.ts';
import { RULES, type Rules } from './rules.ts';
import { Scrub } from './scrub.ts';
import { Shipper } from './shipper.ts';
import { Shutdown, type ShutdownKind } from './shutdown.ts';
import { SnapshotRequests } from './snapshot-requests.ts';
import { StoreWatch } from './store-watch.ts';
import { VerdictHistory } from './verdict-history.ts';
import { Verify } from './verify.ts';
import { Views } from './views.ts';
import { Watermarks } from './watermarks.ts';
import { Webhook } from './webhook.ts';

/** Written to learn whether the records can be; it says nothing. */
const PROBE_RECORD = 'probe';

/** The world, as a gateway needs it. The daemon gives the real one, the simulator a virtual one. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly records: Records;
  readonly eventLog: EventLog;
  readonly history: HistoryLog;
  /** Our own snapshots, what peers replicated to us, and our own that peers gave back. */
  readonly stores: { readonly outgoing: SnapshotStore; readonly held: SnapshotStore; readonly returned: SnapshotStore };
  readonly transport: PeerTransport;
  readonly commandRunner: CommandRunner;
  readonly webhook: EventSink | null;
  readonly healthProbe: HealthProbe | null;
  readonly schedule: Schedule | null;
  /** Those on which the peers' trust rests now. */
  readonly certificates?: () => readonly CertificateFacts[];
  /** What the stores find unusable by themselves and set aside. */
  readonly foundDamage?: FoundDamage;
  /** The simulator plants broken rules here. */
  readonly rules?: Rules;
}

export interface Gateway {
  readonly api: GatewayApi;
  readonly inbox: PeerInbox;
  readonly telemetrySource: TelemetrySource;
  /** Starts the loops. `listeningSince`: the clock's time at which the peer listener was open. */
  start(listeningSince: number): void;
  /** Begins the way out, once. */
  shutDown(kind: ShutdownKind): void;
  /** Resolves when the way out has come so far that listeners and stores may be closed. */
  readonly shutDownDone: Promise<ShutdownKind>;
  /** Ends every loop and waits for it. Idempotent. */
  stop(): Promise<void>;
}

/** Builds every service over the world and brings back what a former run left. Nothing is sent before `start`. */
export async function assembleGateway(world: World, settings: GatewaySettings): Promise<Gateway> {
  const { clock, random, log, telemetry, stores } = world;
  const context: Context = {
    settings,
    clock,
    random,
    log,
    telemetry,
    rules: world.rules ?? RULES,
    tasks: new Tasks(log),
    patience: new Patience(clock),
  };
  const { outgoing, held: heldStore, returned: returnedStore } = stores;
  const named = [
    { name: 'outgoing', store: outgoing },
    { name: 'held', store: heldStore },
    { name: 'returned', store: returnedStore },
  ];

  const events = new EventHub(context, world.eventLog);
  const watch = new StoreWatch(context, events);
  events.attach(watch);
  for (const { name, store } of named) watch.watch(name, () => store.probe());
  // Both are written all the time, and what waits for them is written again by itself; the probe finds out when.
  watch.watch('state', () => world.records.write(PROBE_RECORD, {}));
  watch.watch('event-log', () => world.eventLog.flush());
  watch.watch('history', () => world.history.flush());

  const records = new DurableRecords(context, world.records, watch);
  const identity = new Identity(context, records);
  const peerRecords = new PeerRecords(records);
  const damage = new Damage(context, { events, watch, names: new Map(named.map(({ name, store }) => [store, name])) });
  const peers = new PeerDirectory(context, { identity, records: peerRecords, held: heldStore });
  const monitor = new HealthMonitor(context, { peers, records: peerRecords, events });
  const health = new ApplicationHealth(context, world.healthProbe);
  const { transport } = world;
  const heartbeats = new Heartbeats(context, { transport, peers, identity, monitor, health });
  const own = new OwnSnapshots(context, { store: outgoing, identity, peers, watch, damage });
  const held = new HeldSnapshots(context, { store: heldStore, identity, watch, damage });
  const deliveries = new Deliveries(context, { records, events, damage, held: heldStore, returned: returnedStore });
  const returned = new ReturnedSnapshots(context, { store: returnedStore, held, own, identity, deliveries });
  const command = new FailoverCommand(context, { runner: world.commandRunner, events });
  const requests = new SnapshotRequests(context, { events, own, schedule: world.schedule });
  const shutdown = new Shutdown(context, { events, heartbeats, requests, own, peers });
  const history = new History(context, world.history, watch);
  const watermarks = new Watermarks(context, { records, peers, flush: () => heartbeats.flush() });
  const facts = new DecisionFacts(context, { monitor, health });
  const owners = assembleOwnership(context, {
    transport,
    records,
    identity,
    peers,
    monitor,
    heartbeats,
    own,
    held,
    returned,
    deliveries,
    requests,
    command,
    health,
    facts,
    damage,
    events,
    history,
    watermarks,
    shutdown,
    stores,
  });
  const { ownership, table, takeovers, asks, sync, snapshots } = owners;
  const inbox = new Inbox(context, {
    peers,
    identity,
    monitor,
    held,
    returned,
    records: peerRecords,
    snapshots,
    ownership,
    watermarks,
    asks,
  });
  const deaths = new Deaths(context, { records: peerRecords, held, takeovers, command });
  const shippers = new Map<Peer, Shipper>();
  const returns = new Map<Peer, ReturnSender>();
  for (const peer of peers.all) {
    shippers.set(peer, new Shipper(context, { peer, transport, own, identity, events }));
    returns.set(
      peer,
      new ReturnSender(context, { peer, transport, held, damage, identity, events, records: peerRecords }),
    );
  }
  const contact = new PeerContact(context, { shippers, returns, requests });
  const scrub = new Scrub(context, { stores: named, damage, watch, records });
  const isPinned = (key: SnapshotKey, version: number): boolean => deliveries.isPinned(key, version);
  const housekeeping = new Housekeeping(context, {
    watch,
    stores: [
      {
        name: 'outgoing',
        store: outgoing,
        history: settings.snapshotHistory,
        isNeeded: (key, version) => own.isSending(key, version),
      },
      {
        name: 'held',
        store: heldStore,
        history: settings.snapshotHistory,
        isNeeded: (key, version) => isPinned(key, version) || peers.all.some((peer) => peer.isReturning(key, version)),
      },
      { name: 'returned', store: returnedStore, history: 0, isNeeded: isPinned },
    ],
  });
  const certificates = world.certificates ?? ((): [] => []);
  const views = new Views(context, {
    peers,
    identity,
    monitor,
    own,
    held,
    deliveries,
    health,
    command,
    watch,
    scrub,
    housekeeping,
    ownership,
    table,
    takeovers,
    certificates,
  });
  new VerdictHistory(context, { history, monitor, facts, view: (peer) => views.peer(peer) });
  const webhook =
    world.webhook === null ? null : new Webhook(context, { events, sink: world.webhook, records, deliveries });
  const api = new Api(context, {
    peers,
    own,
    held,
    deliveries,
    byHand: new DeliverByHand({ peers, held, deliveries, table, watermarks }),
    requests,
    sync,
    returns,
    health,
    command,
    watch,
    views,
    restore: new Restore(context, {
      own: outgoing,
      returned: returnedStore,
      held,
      damage,
      ownershipOf: (workload) => {
        if (!table.knows(workload)) return undefined;
        const { owner, epoch } = table.row(workload);
        return { owner, epoch, wasOurs: table.wasOurs(workload), before: table.ownerBefore(workload) };
      },
      ownWatermarks: () => watermarks.own(),
      ownWatermarksOf: (workload, epoch) => watermarks.ownUnder(workload, epoch),
      watermarksOf: (name) => (peers.find(name) === undefined ? undefined : watermarks.frozen(name)),
    }),
    verify: new Verify(context, { transport, own }),
    ownership,
    watermarks,
    events,
    shutdown,
    stores: named,
  });

  // A verdict is followed by the takeover first: nothing that merely ships may delay it.
  monitor.followers = [deaths, contact];
  heartbeats.listener = {
    onAnswer: (peer, answer) => {
      ownership.hear(peer, answer.ownership);
      shippers.get(peer)?.onAnswer(answer);
    },
  };
  monitor.onChanged = () => {
    own.progress.notify();
  };
  held.isPinned = isPinned;
  own.onAccepted = (snapshot) => {
    requests.posted(snapshot);
  };

  // Asked before anything is read: what became known while we read counts as not known when we did.
  const wasKnown = heldStore.isKnown;
  await identity.load();
  await peers.load();
  await deliveries.load();
  await webhook?.load();
  await owners.load();
  await watermarks.load();
  await scrub.load();
  own.load();
  const wereUp = peers.all.filter((peer) => peer.name !== null && peer.health.state === 'up');
  const archived = new Map(settings.retainHeldAtStartup ? [] : wereUp.map((peer) => [peer, peer.transitions]));
  // A peer that was up and may have died since is not "up" before it is heard: what it left may be needed at once.
  const isArchived = (peer: Peer): boolean => peer.health.state === 'up' && archived.get(peer) === peer.transitions;
  inbox.onFirstContact = (peer) => {
    const isOurTurn = isArchived(peer);
    context.tasks.run('first contact', async (signal) => {
      // What is not known yet cannot be set aside nor returned; the peer is not kept waiting for that.
      const isLate = !heldStore.isKnown;
      if (isOurTurn && !isLate) await setOlderAside(context, peer, held);
      contact.firstContact(peer);
      sync.firstContact(peer);
      if (isLate) await held.known(signal);
      if (signal.aborted) return;
      // Asked again: while we waited it may have died, and what is held from it is what is needed now.
      if (isLate && isOurTurn && isArchived(peer)) await setOlderAside(context, peer, held);
      contact.heldIsKnown(peer);
    });
  };

  let isStarted = false;
  peers.onNamed = (peer, name) => {
    if (!isStarted) return;
    // One that had left is here again: nothing of it is to be deleted now.
    if (peer.health.state !== 'left') deaths.resume([peer]);
    owners.resume(name);
  };

  const whenKnown = async (signal: AbortSignal): Promise<void> => {
    await held.known(signal);
    if (signal.aborted) return;
    deaths.storeKnown(peers.all);
    await deliveries.storeKnown();
  };

  return {
    api,
    inbox,
    telemetrySource: views,
    start: (listeningSince) => {
      records.start();
      damage.start(world.foundDamage);
      watch.start();
      if (!wasKnown) context.tasks.run('go on when it is known what is held', whenKnown);
      context.tasks.run('deliver what a former run took in', () => returned.resume());
      isStarted = true;
      owners.start(listeningSince);
      deaths.resume(peers.all);
      monitor.start(listeningSince);
      heartbeats.start();
      health.start();
      requests.start();
      for (const shipper of shippers.values()) shipper.start();
      for (const sender of returns.values()) sender.start();
      webhook?.start();
      scrub.start();
      housekeeping.start();
      new CertificateWatch(context, events, certificates).start();
    },
    shutDown: (kind) => {
      shutdown.begin(kind);
    },
    shutDownDone: shutdown.done,
    stop: async () => {
      heartbeats.stop();
      context.tasks.abort();
      await context.tasks.settled();
    },
  };
}

/** `retainOlderDataSnapshotsAtStartup=false`: archived, not deleted; what a peer that is not up left with us is needed. */
async function setOlderAside(context: Context, peer: Peer, held: HeldSnapshots): Promise<void> {
  try {
    const count = await held.setAside(peer.label);
    if (count > 0)
      context.log.info(
        { peer: peer.name, snapshots: count },
        'what was held before this start was set aside (retainOlderDataSnapshotsAtStartup=false)',
      );
  } catch (error) {
    context.log.warn(
      { peer: peer.name, error: messageOf(error) },
      'not everything that was held before this start could be set aside; the rest stays offered',
    );
  }
}
