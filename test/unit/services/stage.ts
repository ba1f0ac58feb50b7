import type { Delivery } from '../../../src/core/delivery.ts';
import type { EventType, GatewayEvent } from '../../../src/core/events.ts';
import type { StoredSnapshot } from '../../../src/core/snapshot.ts';
import type { GatewaySettings } from '../../../src/ports/settings.ts';
import { Tasks, type Context } from '../../../src/services/context.ts';
import { Damage } from '../../../src/services/damage.ts';
import { Deliveries } from '../../../src/services/deliveries.ts';
import { DurableRecords } from '../../../src/services/durable-records.ts';
import { EventHub } from '../../../src/services/event-hub.ts';
import { HeldSnapshots } from '../../../src/services/held-snapshots.ts';
import { Identity } from '../../../src/services/identity.ts';
import { OwnSnapshots } from '../../../src/services/own-snapshots.ts';
import { Patience } from '../../../src/services/patience.ts';
import { PeerDirectory } from '../../../src/services/peer-directory.ts';
import { PeerRecords } from '../../../src/services/peer-records.ts';
import { ReturnedSnapshots } from '../../../src/services/returned-snapshots.ts';
import { RULES } from '../../../src/services/rules.ts';
import { StoreWatch } from '../../../src/services/store-watch.ts';
import { simSettings } from '../../sim/sim-settings.ts';
import { watchingLog, watchingTelemetry } from '../../sim/sim-telemetry.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { MemoryEventLog } from '../../support/memory-event-log.ts';
import { MemoryRecords } from '../../support/memory-records.ts';
import { MemorySnapshotStore } from '../../support/memory-snapshot-store.ts';
import { ManualClock } from '../adapters/local-api/manual-clock.ts';

/** The services of one gateway, `dc1` with the peer `dc2`, over a memory disk and a clock that stands still. */
export class Stage {
  readonly disk: MemoryDisk;
  readonly clock = new ManualClock();
  readonly events: GatewayEvent[] = [];
  readonly defects: string[] = [];
  readonly context: Context;
  readonly records: DurableRecords;
  readonly hub: EventHub;
  readonly watch: StoreWatch;
  readonly identity: Identity;
  readonly peerRecords: PeerRecords;
  readonly peers: PeerDirectory;
  readonly stores: Readonly<Record<'outgoing' | 'held' | 'returned', MemorySnapshotStore>>;
  readonly own: OwnSnapshots;
  readonly held: HeldSnapshots;
  readonly deliveries: Deliveries;
  readonly returned: ReturnedSnapshots;

  constructor(options: { settings?: Partial<GatewaySettings>; disk?: MemoryDisk; random?: () => number } = {}) {
    const disk = options.disk ?? new MemoryDisk();
    this.disk = disk;
    const { clock } = this;
    const watch = {
      onTransition: () => undefined,
      onEvent: (event: GatewayEvent) => void this.events.push(event),
      onDefect: (what: string) => void this.defects.push(what),
    };
    const log = watchingLog(watch);
    this.context = {
      settings: simSettings('dc1', ['dc2'], options.settings),
      clock,
      random: options.random ?? (() => 0),
      log,
      telemetry: watchingTelemetry(watch, new Map()),
      rules: RULES,
      tasks: new Tasks(log),
      patience: new Patience(clock),
    };
    const store = (name: string): MemorySnapshotStore =>
      new MemorySnapshotStore({ disk, name, wallMs: () => clock.wallMs() });
    this.stores = { outgoing: store('outgoing'), held: store('held'), returned: store('returned') };
    const { outgoing, held, returned } = this.stores;
    this.hub = new EventHub(this.context, new MemoryEventLog({ disk }));
    this.watch = new StoreWatch(this.context, this.hub);
    this.hub.attach(this.watch);
    this.records = new DurableRecords(this.context, new MemoryRecords({ disk }), this.watch);
    this.identity = new Identity(this.context, this.records);
    this.peerRecords = new PeerRecords(this.records);
    const damage = new Damage(this.context, { events: this.hub, watch: this.watch, names: new Map() });
    this.peers = new PeerDirectory(this.context, { identity: this.identity, records: this.peerRecords, held });
    const common = { identity: this.identity, watch: this.watch, damage };
    this.own = new OwnSnapshots(this.context, { ...common, store: outgoing, peers: this.peers });
    this.held = new HeldSnapshots(this.context, { ...common, store: held });
    const { records, hub: events } = this;
    this.deliveries = new Deliveries(this.context, { records, events, damage, held, returned });
    this.held.isPinned = (key, version) => this.deliveries.isPinned(key, version);
    this.returned = new ReturnedSnapshots(this.context, {
      store: returned,
      held: this.held,
      own: this.own,
      identity: this.identity,
      deliveries: this.deliveries,
    });
  }

  async load(): Promise<this> {
    await this.identity.load();
    await this.peers.load();
    await this.deliveries.load();
    return this;
  }

  /** Puts a snapshot of dc2 into the held store. */
  hold(origin: string, version: number): Promise<StoredSnapshot> {
    return this.stores.held.put(
      {
        key: { dataCenter: 'dc2', workload: 'dc2', origin },
        version: () => version,
        takenAt: () => '2026-01-01T00:00:00.000Z',
        position: null,
        labels: {},
        incarnation: this.identity.incarnation,
        maxBytes: 1000,
        expect: { bytes: null, sha256: null },
      },
      bytesOf(`${origin} ${version}`),
      new AbortController().signal,
    );
  }

  async takeover(...snapshots: readonly StoredSnapshot[]): Promise<Delivery> {
    return this.deliveries.create({ reason: 'takeover', dataCenter: 'dc2', snapshots });
  }

  ofType(type: EventType): readonly GatewayEvent[] {
    return this.events.filter((event) => event.type === type);
  }
}

export async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  if (text !== '') yield await Promise.resolve(Buffer.from(text));
}

/** A door that is shut until it is opened: what waits at it goes on then. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}
