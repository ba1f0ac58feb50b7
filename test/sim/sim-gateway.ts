import type { GatewayEvent } from '../../src/core/events.ts';
import type { PeerState } from '../../src/core/peer-state.ts';
import type { StoredSnapshot } from '../../src/core/snapshot.ts';
import { GatewayError } from '../../src/errors.ts';
import type { MessageOutcome } from '../../src/ports/peer-transport.ts';
import type { Records } from '../../src/ports/records.ts';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import { assembleGateway, type Gateway } from '../../src/services/assemble.ts';
import type { Rules } from '../../src/services/rules.ts';
import type { OwnershipNews } from '../../src/wire/ownership.ts';
import { MemoryDisk, type DiskFailure } from '../support/memory-disk.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { MemoryHistory } from '../support/memory-history.ts';
import { MemoryRecords } from '../support/memory-records.ts';
import { MemorySnapshotStore } from '../support/memory-snapshot-store.ts';
import { SimApplication } from './sim-application.ts';
import { PORT, TIMEOUTS, simSettings } from './sim-settings.ts';
import { watchingLog, watchingTelemetry } from './sim-telemetry.ts';
import { Life } from './world/life.ts';
import type { SeededRandom } from './world/random.ts';
import { VirtualClock, WallSkew } from './world/virtual-clock.ts';
import { pace, type DiskPace } from './world/virtual-disk.ts';
import type { VirtualNetwork } from './world/virtual-network.ts';
import { VirtualTransport } from './world/virtual-transport.ts';

export interface Beat {
  readonly from: string;
  readonly incarnation: number;
  readonly count: number;
  readonly isCritical: boolean;
  /** One that asks for something may be answered later. */
  readonly arrivedAt: number;
  readonly ownership: OwnershipNews | undefined;
}

/** Who looks on, and judges. */
export interface Observer {
  /** A run has begun: its listener is open. */
  started(gateway: SimGateway): void;
  transition(gateway: SimGateway, peer: string, to: PeerState): void;
  event(gateway: SimGateway, event: GatewayEvent): void;
  defect(gateway: SimGateway, what: string): void;
  /** A heartbeat that asks for something has arrived: it counts at once, and is answered later. */
  arrived(gateway: SimGateway, from: string): void;
  /** A heartbeat that arrived and was answered. */
  heard(gateway: SimGateway, beat: Beat): void;
  /** How a heartbeat of ours ended. */
  sent(gateway: SimGateway, machine: string, outcome: MessageOutcome): void;
}

export interface SimGatewayOptions {
  readonly network: VirtualNetwork;
  readonly random: SeededRandom;
  readonly observer: Observer;
  readonly peers: readonly string[];
  readonly settings?: Partial<GatewaySettings>;
  readonly rules?: Rules;
  /** Records that the machine's disk acknowledges and forgets: a fault that a test plants. */
  readonly forgets?: (record: string) => boolean;
}

/** A machine with a disk and a wrong clock, on which the real services run as one process after the other. */
export class SimGateway {
  readonly name: string;
  #settings: GatewaySettings;
  readonly disk = new MemoryDisk();
  readonly skew = new WallSkew();
  readonly pace: DiskPace = { latencyMs: 0, jitterMs: 0 };
  readonly counts = new Map<string, number>();
  readonly application: SimApplication;
  readonly #options: SimGatewayOptions;
  #life: Life | null = null;
  #gateway: Gateway | null = null;
  #clock: VirtualClock | null = null;
  #stoppedAt: number | null = null;
  /** The stops of the present run that are over. */
  #stops: { from: number; to: number }[] = [];
  listeningSince = 0;
  isDiskFailing = false;
  /** Until when the disk failed the last time. */
  #diskFailedUntil = -Infinity;

  constructor(name: string, options: SimGatewayOptions) {
    this.name = name;
    this.#options = options;
    this.#settings = simSettings(name, options.peers, options.settings);
    this.application = new SimApplication(this, options.random.fork());
  }

  get settings(): GatewaySettings {
    return this.#settings;
  }

  /** An operator edits the configuration file; the next start reads it. */
  reconfigure(changes: Partial<GatewaySettings>): void {
    this.#settings = { ...this.#settings, ...changes };
  }

  /** The running gateway; null while none runs or while it is still starting. */
  get gateway(): Gateway | null {
    return this.#life?.state === 'ended' ? null : this.#gateway;
  }

  get clock(): VirtualClock {
    if (this.#clock === null) throw new Error(`${this.name} was never started`);
    return this.#clock;
  }

  get life(): Life | null {
    return this.#life;
  }

  get isRunning(): boolean {
    return this.#life?.state === 'running' && this.#gateway !== null;
  }

  /** Begins a run; it listens as soon as its records are read. */
  start(): void {
    if (this.#life !== null && this.#life.state !== 'ended') return;
    const life = new Life(this.#options.network.timeline);
    this.#life = life;
    this.#gateway = null;
    this.#stops = [];
    this.#stoppedAt = null;
    this.#assemble(life).catch((error: unknown) => {
      if (life.state === 'ended') return;
      // A process that cannot read or write its own state ends, and is started again by whoever watches over it.
      if (error instanceof GatewayError && this.isDiskFailing) this.kill();
      else this.#options.observer.defect(this, `it cannot start: ${String(error)}`);
    });
  }

  async #assemble(life: Life): Promise<void> {
    const { network, random, observer, rules } = this.#options;
    const { timeline } = network;
    const { disk, skew, settings, name } = this;
    const clock = new VirtualClock(timeline, life, { skew, originMs: random.int(0, 1_000_000) });
    this.#clock = clock;
    pace(disk, life, { timeline, random, pace: this.pace });
    // What is still on the stack of a process that was killed in the middle of it is heard by nobody.
    const ifAlive = (tell: () => void): void => {
      if (life.state !== 'ended') tell();
    };
    const watch = {
      onTransition: (peer: string, to: PeerState) => {
        ifAlive(() => observer.transition(this, peer, to));
      },
      onEvent: (event: GatewayEvent) => {
        ifAlive(() => observer.event(this, event));
      },
      onDefect: (what: string) => {
        ifAlive(() => observer.defect(this, what));
      },
    };
    const store = (of: string): MemorySnapshotStore =>
      new MemorySnapshotStore({ disk, name: of, wallMs: () => clock.wallMs() });
    const transport = new VirtualTransport({ network, life, from: name, ...TIMEOUTS });
    const gateway = await assembleGateway(
      {
        clock,
        random: random.fork().next,
        log: watchingLog(watch),
        telemetry: watchingTelemetry(watch, this.counts),
        records: forgetful(new MemoryRecords({ disk }), this.#options.forgets),
        eventLog: new MemoryEventLog({ disk }),
        history: new MemoryHistory({ disk }),
        stores: { outgoing: store('outgoing'), held: store('held'), returned: store('returned') },
        transport: {
          sendMessage: async (destination, message, signal) => {
            const outcome = await transport.sendMessage(destination, message, signal);
            observer.sent(this, destination.machine, outcome);
            return outcome;
          },
          sendSnapshot: (destination, envelope, content, signal) =>
            transport.sendSnapshot(destination, envelope, content, signal),
          inventory: (destination, dataCenter, signal) => transport.inventory(destination, dataCenter, signal),
          close: () => transport.close(),
        },
        commandRunner: { run: () => Promise.resolve({ outcome: 'succeeded', exitStatus: 0, detail: '' }) },
        webhook: null,
        healthProbe: null,
        schedule: null,
        ...(rules === undefined ? {} : { rules }),
      },
      settings,
    );
    this.#gateway = gateway;
    this.listeningSince = timeline.now;
    const { inbox } = gateway;
    network.listen(`${name}:${PORT}`, {
      life,
      inbox: {
        receiveMessage: async (message, from) => {
          const arrivedAt = timeline.now;
          if (message.ask !== undefined) observer.arrived(this, message.dataCenterOrigin);
          const answer = await inbox.receiveMessage(message, from);
          if (message.heartbeatMsgType === 1) {
            const { dataCenterOrigin, incarnation, heartbeatCnt, application, ownership } = message;
            observer.heard(this, {
              from: dataCenterOrigin,
              incarnation,
              count: heartbeatCnt,
              isCritical: application.status === 'critical',
              arrivedAt,
              ownership,
            });
          }
          return answer;
        },
        receiveSnapshot: (envelope, content, signal) => inbox.receiveSnapshot(envelope, content, signal),
        inventory: (dataCenter) => inbox.inventory(dataCenter),
        rejected: (reason, detail, from) => inbox.rejected(reason, detail, from),
      },
    });
    gateway.start(clock.now());
    observer.started(this);
    this.application.connect(gateway, clock);
  }

  /** Every change on the disk fails from now on; null: it works again. */
  failDisk(how: DiskFailure | null): void {
    if (this.isDiskFailing) this.#diskFailedUntil = this.#options.network.timeline.now;
    this.isDiskFailing = how !== null;
    this.disk.failAll(how);
  }

  /** Whether the disk failed at any time in the last milliseconds: what was begun then may show only now. */
  hadDiskTrouble(ms: number): boolean {
    return this.isDiskFailing || this.#options.network.timeline.now - this.#diskFailedUntil <= ms;
  }

  /** SIGKILL. */
  kill(): void {
    this.#life?.end();
    this.#gateway = null;
  }

  /** The application leaves in order: the peers are told, what is under way is finished, the process ends. */
  async leave(): Promise<void> {
    const { gateway } = this;
    if (gateway === null) return;
    gateway.shutDown('orderly');
    await gateway.shutDownDone;
    await gateway.stop();
    this.kill();
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.#life?.state !== 'running') return;
    this.#life.stop();
    this.#stoppedAt = this.#options.network.timeline.now;
  }

  /** SIGCONT. */
  resume(): void {
    if (this.#stoppedAt === null || this.#life?.state !== 'stopped') return;
    this.#life.resume();
    this.#stops.push({ from: this.#stoppedAt, to: this.#options.network.timeline.now });
    this.#stoppedAt = null;
  }

  /** The stops of this run, as far as they lie after `since`: how long each was, and how much of it lies there. */
  stopsSince(since: number): { wholeMs: number; ms: number }[] {
    // Asked after every step, and most have none.
    if (this.#stops.length === 0) return [];
    return this.#stops
      .filter(({ to }) => to > since)
      .map(({ from, to }) => ({ wholeMs: to - from, ms: to - Math.max(from, since) }));
  }

  stoppedMsSince(since: number): number {
    return this.stopsSince(since).reduce((sum, stop) => sum + stop.ms, 0);
  }

  /** When it went on after its last stop of at least so long; -Infinity when there was none in this run. */
  resumedAt(leastMs: number): number {
    const long = this.#stops.filter(({ from, to }) => to - from >= leastMs);
    return long.at(-1)?.to ?? -Infinity;
  }

  /** Everything that the disk has, of all stores. */
  rows(store: 'outgoing' | 'held' | 'returned'): StoredSnapshot[] {
    const keys = this.disk.snapshots.get(store)?.values() ?? [];
    return [...keys].flatMap((versions) => [...versions.values()].map((stored) => stored.row));
  }

  /** Whether the running gateway knows that it has lost what it held, though a failing disk may not say so yet. */
  isKnownLost({ key, version }: StoredSnapshot): boolean {
    if (this.gateway === null || this.disk.away.has('held')) return false;
    const rows = this.gateway.api.held(key.dataCenter, { history: true, workload: key.workload });
    return rows.some((row) => row.origin === key.origin && row.version === version && row.state === 'lost');
  }

  /** What it believes of a peer. */
  stateOf(peer: string): PeerState | null {
    return this.gateway?.telemetrySource.peers().find((row) => row.peer === peer)?.state ?? null;
  }
}

function forgetful(records: Records, forgets: ((record: string) => boolean) | undefined): Records {
  if (forgets === undefined) return records;
  return {
    read: (name) => records.read(name),
    write: (name, value) => (forgets(name) ? Promise.resolve() : records.write(name, value)),
    remove: (name) => records.remove(name),
    list: (folder) => records.list(folder),
  };
}
