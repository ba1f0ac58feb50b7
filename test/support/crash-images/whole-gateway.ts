import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Disk } from '../../../src/adapters/file/disk.ts';
import { FileEventLog } from '../../../src/adapters/file/event-log.ts';
import { FileHistoryLog } from '../../../src/adapters/file/history-log.ts';
import { FileRecords } from '../../../src/adapters/file/records.ts';
import { FileSnapshotStore } from '../../../src/adapters/file/snapshot-store.ts';
import { inventoryText } from '../../../src/core/inventory.ts';
import type { Delivery } from '../../../src/core/delivery.ts';
import type { PeerRow } from '../../../src/core/replication-plan.ts';
import type { PeerTransport } from '../../../src/ports/peer-transport.ts';
import type { SnapshotReader } from '../../../src/ports/snapshot-store.ts';
import { assembleGateway, type Gateway } from '../../../src/services/assemble.ts';
import { inventoryDigest } from '../../../src/services/inventory-digest.ts';
import { PROTOCOL } from '../../../src/units.ts';
import { simSettings } from '../../sim/sim-settings.ts';
import { watchingLog, watchingTelemetry } from '../../sim/sim-telemetry.ts';
import { Life } from '../../sim/world/life.ts';
import { VirtualClock, WallSkew } from '../../sim/world/virtual-clock.ts';
import { DiskTimeline } from './disk-timeline.ts';

export const OURS = 'dc2';
export const PEER = 'dc1';
/** Long, so that few steps pass while a peer falls silent. */
export const INTERVAL_MS = 8000;
export const MISSES = 2;

/** The peer as this gateway meets it: it takes what is shipped while it lives, and is silent when it is dead. */
export class ScriptedPeer {
  isAlive = true;
  readonly rows = new Map<string, PeerRow>();
  incarnation: number;
  #count = 0;

  constructor(incarnation: number) {
    this.incarnation = incarnation;
  }

  get transport(): PeerTransport {
    const dead = { kind: 'failed', reason: 'unreachable', detail: 'nobody listens there' } as const;
    return {
      sendMessage: () =>
        Promise.resolve(
          this.isAlive
            ? {
                kind: 'answered',
                rttMs: 1,
                answer: {
                  dataCenterOrigin: PEER,
                  heartbeatCnt: this.#count,
                  incarnation: this.incarnation,
                  inventory: inventoryDigest(inventoryText([...this.rows.values()])),
                },
              }
            : dead,
        ),
      sendSnapshot: async (_machine, { workload, origin, description }, content) => {
        if (!this.isAlive) return dead;
        const hash = createHash('sha256');
        for await (const chunk of content) hash.update(chunk);
        const { version, sha256, withdrawn } = description;
        if (hash.digest('hex') !== sha256) return { kind: 'failed', reason: 'digest-mismatch', detail: 'torn' };
        this.rows.set(origin, { workload, origin, version, sha256, fate: withdrawn ? 'withdrawn' : 'held' });
        return { kind: 'stored' };
      },
      inventory: () => Promise.resolve(this.isAlive ? { kind: 'rows', rows: [...this.rows.values()] } : dead),
      close: () => Promise.resolve(),
    };
  }

  async beat(gateway: Gateway): Promise<void> {
    this.#count += 1;
    await gateway.inbox.receiveMessage(
      {
        heartbeatMsgType: 1,
        heartbeatCnt: this.#count,
        dataCenterOrigin: PEER,
        applicationName: 'default',
        incarnation: this.incarnation,
        sentAt: new Date(0).toISOString(),
        interval: INTERVAL_MS / 1000,
        application: { status: 'unknown' },
        lastHeard: null,
        protocol: PROTOCOL,
      },
      PEER,
    );
  }

  /** Replicates a snapshot; of our own workload it is one that the peer gives back. */
  async send(
    gateway: Gateway,
    shipment: { origin: string; version: number; bytes: Buffer; isReturn?: boolean },
  ): Promise<void> {
    const { origin, version, bytes, isReturn = false } = shipment;
    await gateway.inbox.receiveSnapshot(
      {
        heartbeatMsgType: isReturn ? 4 : 2,
        heartbeatCnt: (this.#count += 1),
        dataCenterOrigin: PEER,
        applicationName: 'default',
        incarnation: this.incarnation,
        workload: isReturn ? OURS : PEER,
        origin,
        description: {
          version,
          bytes: bytes.length,
          sha256: digestOf(bytes),
          takenAt: new Date(0).toISOString(),
          position: null,
          labels: {},
          withdrawn: bytes.length === 0,
        },
        batch: isReturn ? { id: origin, total: 1 } : null,
      },
      once(bytes),
      new AbortController().signal,
    );
  }
}

/** The real services over the real file adapters, on a disk of the test's and in virtual time. */
export class WholeGateway {
  readonly gateway: Gateway;
  readonly stores: {
    readonly outgoing: FileSnapshotStore;
    readonly held: FileSnapshotStore;
    readonly returned: FileSnapshotStore;
  };
  readonly eventLog: FileEventLog;
  readonly timeline: DiskTimeline;
  /** What it says of itself that no gateway may say. */
  readonly defects: string[];
  readonly #life: Life;
  readonly #records: FileRecords;
  readonly #history: FileHistoryLog;

  private constructor(parts: {
    gateway: Gateway;
    stores: WholeGateway['stores'];
    eventLog: FileEventLog;
    records: FileRecords;
    history: FileHistoryLog;
    timeline: DiskTimeline;
    life: Life;
    defects: string[];
  }) {
    this.gateway = parts.gateway;
    this.stores = parts.stores;
    this.eventLog = parts.eventLog;
    this.#records = parts.records;
    this.#history = parts.history;
    this.timeline = parts.timeline;
    this.#life = parts.life;
    this.defects = parts.defects;
  }

  /** @param beganMs how much virtual time had passed when it starts: wall time goes on over restarts */
  static async start(root: string, disk: Disk, peer: ScriptedPeer, beganMs: number): Promise<WholeGateway> {
    const timeline = new DiskTimeline();
    const life = new Life(timeline);
    const clock = new VirtualClock(timeline, life, { skew: skewed(beganMs) });
    const defects: string[] = [];
    const watch = {
      onTransition: () => undefined,
      onEvent: () => undefined,
      onDefect: (what: string) => void defects.push(what),
    };
    const log = {
      ...watchingLog(watch),
      error: (facts: object, sentence: string) => void defects.push(`${sentence} ${JSON.stringify(facts)}`),
    };
    const onDamage = (damage: object): void => void defects.push(`damage ${JSON.stringify(damage)}`);
    const open = (name: string): Promise<FileSnapshotStore> =>
      FileSnapshotStore.open({ root: join(root, name), name, log, wallMs: () => clock.wallMs(), disk, onDamage });
    const stores = { outgoing: await open('outgoing'), held: await open('held'), returned: await open('returned') };
    const records = await FileRecords.open({ root: join(root, 'records'), log, disk });
    const eventLog = await FileEventLog.open({ root, log, disk });
    const history = await FileHistoryLog.open({ root, log, disk });
    const gateway = await assembleGateway(
      {
        clock,
        random: () => 0.5,
        log,
        telemetry: watchingTelemetry(watch, new Map()),
        records,
        eventLog,
        history,
        stores,
        transport: peer.transport,
        commandRunner: { run: () => Promise.resolve({ outcome: 'succeeded', exitStatus: 0, detail: '' }) },
        webhook: null,
        healthProbe: null,
        schedule: null,
      },
      simSettings(OURS, [PEER], {
        heartbeatIntervalMs: INTERVAL_MS,
        missesAllowed: MISSES,
        snapshotMaxBytes: 1 << 22,
        snapshotHistory: 0,
      }),
    );
    gateway.start(clock.now());
    const whole = new WholeGateway({ gateway, stores, eventLog, records, history, timeline, life, defects });
    await timeline.settle();
    return whole;
  }

  /** Lets virtual time pass. */
  run(ms: number): Promise<void> {
    return this.timeline.run(this.timeline.now + ms);
  }

  async put(origin: string, bytes: Buffer): Promise<number> {
    const signal = new AbortController().signal;
    const sha256 = digestOf(bytes);
    const request = {
      origin,
      workload: undefined,
      position: null,
      labels: {},
      content: once(bytes),
      bytes: bytes.length,
      sha256,
    };
    return (await this.gateway.api.putSnapshot(request, signal)).version;
  }

  /** Acknowledges one row after the other of every open delivery, as an application does that was told of them. */
  async absorb(acknowledged: (delivery: Delivery, origin: string, digest: string) => void): Promise<void> {
    const { api } = this.gateway;
    for (const { id } of api.events.repeats()) {
      for (const { origin, workload, state } of api.delivery(id).snapshots) {
        if (state !== 'pending') continue;
        const digest = await digestFrom(await api.openDelivered(id, { origin, workload }));
        await api.acknowledge(id, { origin, workload, version: undefined });
        acknowledged(api.delivery(id), origin, digest);
      }
    }
  }

  /** As a process that is killed: nothing of it happens any more. Its files are closed, which changes nothing on a disk. */
  async end(): Promise<void> {
    await this.gateway.stop();
    this.#life.end();
    await this.#records.close();
    await this.eventLog.close();
    await this.#history.close();
    for (const store of Object.values(this.stores)) await store.close();
  }
}

export async function digestFrom(reader: SnapshotReader): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of reader.stream()) hash.update(chunk);
  return hash.digest('hex');
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield await Promise.resolve(bytes);
}

function skewed(ms: number): WallSkew {
  const skew = new WallSkew();
  skew.jump(ms);
  return skew;
}
