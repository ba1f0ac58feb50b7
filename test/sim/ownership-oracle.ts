import type { GatewayEvent } from '../../src/core/events.ts';
import { LARGEST_EPOCH, type OwnershipReason, type OwnershipRow } from '../../src/core/ownership.ts';
import type { OwnershipApi } from '../../src/ports/ownership-api.ts';
import type { MessageOutcome } from '../../src/ports/peer-transport.ts';
import { ownershipRecord } from '../../src/services/ownership-record.ts';
import { HANG_MS } from '../../src/services/patience.ts';
import type { OwnershipNews } from '../../src/wire/ownership.ts';
import { Violation } from './oracle.ts';
import { MovedSnapshots } from './ownership-moves.ts';
import { VersionOrder } from './ownership-order.ts';
import { Overlaps } from './ownership-overlaps.ts';
import type { Accepted } from './sim-application.ts';
import type { Beat, Observer, SimGateway } from './sim-gateway.ts';
import type { Timeline } from './world/timeline.ts';
import { machineOf } from './world/virtual-network.ts';

/** Events after which a takeover or a move may have been given an epoch. */
const STIRRING = {
  'takeover-started': true,
  'takeover-checked': true,
  'takeover-cancelled': true,
  'takeover-completed': true,
  'move-started': true,
  'move-rolled-back': true,
  'owner-releasing': true,
  'owner-changed': true,
};

/** So long after a disk's failure a gateway may still be busy with what it began during it. */
const TROUBLE_MS = 7000;

/** The highest epoch that a run was told of, and by whom it was owned, as far as anybody said. */
interface Told {
  epoch: number;
  readonly owners: Set<string>;
}

/** What one run of a gateway has shown and was told. */
interface Memory {
  readonly rows: Map<string, OwnershipRow>;
  readonly told: Map<string, Told>;
  /** When each peer's rows came last, and the number of the newest beat that brought them. */
  readonly heardAt: Map<string, number>;
  readonly orders: Map<string, readonly [incarnation: number, count: number]>;
}

/**
 * Holds the promises about owners against what really happened in the world, after each step. It shares no decision with
 * the core: it sees what a gateway shows, what its disk has, and what the messages said that it has taken in.
 */
export class OwnershipOracle implements Observer {
  readonly #timeline: Timeline;
  readonly #gateways: readonly SimGateway[];
  readonly #overlaps: Overlaps;
  readonly #moved: MovedSnapshots;
  readonly #versions = new VersionOrder();
  readonly #memories = new Map<string, Memory>();
  /** What is on a disk: a row's text, and the numbers that it had. */
  readonly #disks = new Map<string, { text: string; epoch: number; used: number }>();
  /** The greatest epoch that a gateway has shown and that its disk had then: below it the disk must not fall. */
  readonly #floors = new Map<string, number>();
  readonly #records = new Map<string, string>();
  /** How many writes each disk had at the last look. */
  readonly #writes = new Map<string, number>();
  /** The epochs that a gateway has decided itself, which no crash may take back. */
  readonly #decided = new Map<string, number>();
  /** What an epoch was given to, by who gave it. */
  readonly #given = new Map<string, string>();
  readonly #completed = new Set<string>();
  /** By workload and epoch: why it began. */
  readonly #reasons = new Map<string, Map<number, OwnershipReason>>();
  /** Where a takeover or a move has got further since the last look. */
  readonly #stirred = new Set<string>();
  /** What a test or a fault took away from a gateway, or an operator overruled: no promise covers these workloads. */
  readonly #excused = new Set<string>();
  #namesKept: readonly string[] = [];
  violation: Violation | null = null;

  constructor(timeline: Timeline, gateways: readonly SimGateway[]) {
    this.#timeline = timeline;
    this.#gateways = gateways;
    this.#overlaps = new Overlaps(timeline);
    this.#moved = new MovedSnapshots(gateways);
  }

  started(gateway: SimGateway): void {
    const memory: Memory = { rows: new Map(), told: new Map(), heardAt: new Map(), orders: new Map() };
    this.#memories.set(gateway.name, memory);
    for (const workload of this.#names) {
      if (!knows(gateway, workload)) continue;
      const { epoch } = apiOf(gateway).serving(workload).row;
      const decided = this.#decided.get(`${gateway.name} ${workload}`) ?? 0;
      if (epoch < decided)
        this.#broken(`${gateway.name} has forgotten epoch ${decided} of ${workload}, and starts with ${epoch}`);
    }
  }

  transition(): void {
    return;
  }

  defect(): void {
    return;
  }

  arrived(gateway: SimGateway, from: string): void {
    this.#memories.get(gateway.name)?.heardAt.set(from, this.#timeline.now);
  }

  heard(gateway: SimGateway, beat: Beat): void {
    const memory = this.#memories.get(gateway.name);
    if (memory === undefined) return;
    const [incarnation, count] = memory.orders.get(beat.from) ?? [0, 0];
    const isNewer = beat.incarnation > incarnation || (beat.incarnation === incarnation && beat.count > count);
    if (!isNewer) return;
    memory.orders.set(beat.from, [beat.incarnation, beat.count]);
    this.#tell(memory, beat.from, beat.ownership);
  }

  sent(gateway: SimGateway, machine: string, outcome: MessageOutcome): void {
    const memory = this.#memories.get(gateway.name);
    if (memory !== undefined && outcome.kind === 'answered')
      this.#tell(memory, machineOf(machine), outcome.answer.ownership);
  }

  event(gateway: SimGateway, event: GatewayEvent): void {
    const { type } = event;
    if (type in STIRRING && 'workload' in event) this.#stirred.add(`${gateway.name} ${event.workload ?? ''}`);
    if (type === 'takeover-completed') {
      this.#completed.add(`${gateway.name} ${event.workload} ${event.epoch}`);
      this.#accuse(this.#moved.completed(gateway, event));
    }
    if (type === 'owner-changed') this.#changed(gateway, event);
    if (type === 'delivery' && event.delivery.reason !== 'manual') this.#announced(gateway, event.delivery);
    if (type === 'ownership-conflict') this.#overlaps.said(gateway.name, event.workload);
    if (type === 'takeover-blocked') this.#blocked(gateway, event);
    if (type === 'snapshot-damaged') this.#moved.damaged = true;
  }

  /** Its application was told that a snapshot is accepted. */
  accepted(gateway: SimGateway, accepted: Accepted): void {
    const { workload } = accepted;
    if (gateway.gateway === null || this.#excused.has(workload)) return;
    const { owner, epoch } = apiOf(gateway).serving(workload).row;
    // It may have lost the work since the snapshot was numbered; then nobody says under which epoch that was.
    if (owner === gateway.name) this.#accuse(this.#versions.accepted(gateway.name, accepted, epoch));
  }

  /** State was taken away on purpose, or an operator forces what must not be: what follows is nobody's fault. */
  excuse(workload?: string): void {
    for (const name of workload === undefined ? this.#names : [workload]) this.#excused.add(name);
  }

  /** A disk was emptied on purpose: its numbers begin anew. */
  forget(gateway: string): void {
    this.excuse();
    for (const map of [this.#disks, this.#floors, this.#decided, this.#given])
      for (const name of [...map.keys()]) if (name.startsWith(`${gateway} `)) map.delete(name);
  }

  /** What must hold after every step. */
  check(): void {
    for (const gateway of this.#gateways) {
      if (this.#writes.get(gateway.name) === gateway.disk.writes) continue;
      this.#writes.set(gateway.name, gateway.disk.writes);
      for (const workload of this.#names) this.#checkDisk(gateway, workload);
    }
    for (const workload of this.#names) {
      const primaries: OwnershipRow[] = [];
      for (const gateway of this.#gateways) {
        if (!gateway.isRunning) continue;
        const row = this.#checkRow(gateway, workload);
        if (row !== null) primaries.push(row);
      }
      if (primaries.length > 1) this.#checkPrimaries(workload, primaries);
    }
    for (const name of this.#stirred) this.#checkGiven(name);
    this.#stirred.clear();
    if (this.violation !== null) throw this.violation;
  }

  /** What keeps this world from being settled now; null when nothing does. Asked after every heal, for a while. */
  unsettled(): string | null {
    for (const workload of this.#names) {
      const views = this.#gateways.map((gateway) => ({ name: gateway.name, row: apiOf(gateway).row(workload) }));
      for (const { name, row } of views) {
        const { phase, blockedBy } = row.takeover ?? { phase: 'completed', blockedBy: null };
        if (phase !== 'completed' && phase !== 'cancelled')
          return `the takeover of ${workload} by ${name} is ${phase}, blocked by ${String(blockedBy)}`;
        if (row.move?.from === name && row.move.phase !== 'committed' && row.move.phase !== 'rolled-back')
          return `the move of ${workload} by ${name} is ${row.move.phase}`;
      }
      const owners = new Set(views.map(({ row }) => `${row.owner} (epoch ${row.epoch})`));
      const isContested = views.every(({ row }) => row.contestedBy !== null);
      if (owners.size > 1 && !isContested) return `nobody agrees who owns ${workload}: ${[...owners].join(', ')}`;
      if (isContested) continue;
      const owner = views.find(({ name, row }) => row.owner === name)?.row;
      if (owner?.primary !== true)
        return `nobody serves ${workload}: ${owner?.notPrimaryBecause ?? 'its owner does not say so'}`;
    }
    return this.#overlaps.unreported(this.#excused);
  }

  get #names(): readonly string[] {
    if (this.#namesKept.length !== this.#gateways.length) this.#namesKept = this.#gateways.map(({ name }) => name);
    return this.#namesKept;
  }

  #tell(memory: Memory, from: string, news: OwnershipNews | undefined): void {
    memory.heardAt.set(from, this.#timeline.now);
    for (const { row } of news?.rows ?? []) {
      const told = memory.told.get(row.workload);
      if (told === undefined || row.epoch > told.epoch)
        memory.told.set(row.workload, { epoch: row.epoch, owners: new Set([row.owner]) });
      else if (row.epoch === told.epoch) told.owners.add(row.owner);
    }
  }

  #recordOf(workload: string): string {
    const known = this.#records.get(workload) ?? ownershipRecord(workload);
    this.#records.set(workload, known);
    return known;
  }

  #checkDisk(gateway: SimGateway, workload: string): void {
    const name = `${gateway.name} ${workload}`;
    const text = gateway.disk.records.get(this.#recordOf(workload));
    const before = this.#disks.get(name);
    if (text === undefined || text === before?.text) return;
    const { row, used } = JSON.parse(text) as { row: { epoch: number }; used: number };
    if (row.epoch < (this.#floors.get(name) ?? 0) || used < (before?.used ?? 0))
      this.#broken(`the epoch of ${workload} falls on the disk of ${gateway.name}, to ${row.epoch} (${used} used)`);
    this.#disks.set(name, { text, epoch: row.epoch, used });
  }

  /** @returns the row when the gateway serves the workload now */
  #checkRow(gateway: SimGateway, workload: string): OwnershipRow | null {
    const memory = this.#memories.get(gateway.name);
    if (memory === undefined || !knows(gateway, workload)) return null;
    const { row, notPrimaryBecause } = apiOf(gateway).serving(workload);
    const isPrimary = notPrimaryBecause === null;
    const before = memory.rows.get(workload);
    if (row !== before) this.#checkNewRow(gateway, before, row);
    if (row !== before) memory.rows.set(workload, row);
    const name = `${gateway.name} ${workload}`;
    if ((this.#disks.get(name)?.epoch ?? 0) >= row.epoch) this.#floors.set(name, row.epoch);
    const told = memory.told.get(workload);
    if (told !== undefined && row.epoch < told.epoch)
      this.#broken(`${gateway.name} has heard epoch ${told.epoch} of ${workload} and stays at ${row.epoch}`);
    if (told?.epoch === row.epoch && [...told.owners].some((owner) => owner !== row.owner))
      this.#checkContested(gateway, workload);
    if (!isPrimary) return null;
    this.#checkServing(gateway, memory, row);
    return row;
  }

  #checkNewRow(gateway: SimGateway, before: OwnershipRow | undefined, row: OwnershipRow): void {
    const { workload, epoch, owner, reason } = row;
    if (before !== undefined && epoch < before.epoch)
      this.#broken(`the epoch of ${workload} falls at ${gateway.name}, from ${before.epoch} to ${epoch}`);
    if (before !== undefined && epoch === before.epoch && owner !== before.owner)
      this.#broken(`${gateway.name} gives ${workload} from ${before.owner} to ${owner} under one epoch, ${epoch}`);
    const reasons = this.#reasons.get(workload) ?? new Map<number, OwnershipReason>();
    this.#reasons.set(workload, reasons);
    // Where two were given one epoch, the one that nobody planned explains what follows.
    if (reasons.get(epoch) !== 'takeover') reasons.set(epoch, reason);
  }

  #checkContested(gateway: SimGateway, workload: string): void {
    const { contestedBy, primary } = apiOf(gateway).row(workload);
    if (contestedBy === null || primary)
      this.#broken(`${gateway.name} has heard of two owners of ${workload} under one epoch, and does not say so`);
  }

  #checkServing(gateway: SimGateway, memory: Memory, { workload, owner, epoch, reason }: OwnershipRow): void {
    const { name } = gateway;
    if (owner !== name) this.#broken(`${name} serves ${workload}, which ${owner} owns`);
    if (reason !== 'initial' && !this.#completed.has(`${name} ${workload} ${epoch}`))
      this.#broken(`${name} serves ${workload} before takeover-completed of epoch ${epoch}`);
    const open = gateway.gateway?.api.deliveries('open') ?? [];
    if (open.some((delivery) => delivery.workload === workload))
      this.#broken(`${name} serves ${workload} while its application has state of it to absorb`);
    const waitMs = gateway.settings.missesAllowed * gateway.settings.heartbeatIntervalMs;
    if (waitMs === Infinity) return;
    const since = Math.max(gateway.listeningSince, gateway.resumedAt(waitMs));
    const heardAt = (name: string | null): number =>
      (name === null ? Math.max(-1, ...memory.heardAt.values()) : memory.heardAt.get(name)) ?? -1;
    const isHeard = gateway.settings.peers.every((peer) => heardAt(peer.name) >= since);
    if (!isHeard && this.#timeline.now < since + waitMs)
      this.#broken(`${name} serves ${workload} after a pause of its own, and has not heard its peers since`);
  }

  /** Two may serve one workload only where one took it over without being able to ask the other. */
  #checkPrimaries(workload: string, rows: readonly OwnershipRow[]): void {
    const sorted = [...rows].sort((a, b) => a.epoch - b.epoch);
    const [lower, ...others] = sorted;
    if (lower === undefined) return;
    for (const higher of others) {
      // What a disk did not take before a crash nobody can report.
      const isNoted = this.#gateways.every((gateway) => !gateway.hadDiskTrouble(TROUBLE_MS));
      if (isNoted && !this.#excused.has(workload)) this.#overlaps.seen(workload, lower, higher);
      const reasons = this.#reasons.get(workload) ?? new Map<number, OwnershipReason>();
      const isTaken = [...reasons].some(
        ([epoch, reason]) => reason === 'takeover' && epoch >= lower.epoch && epoch <= higher.epoch,
      );
      if (!isTaken && !this.#excused.has(workload))
        this.#broken(`${lower.owner} and ${higher.owner} serve ${workload} at once, and nobody took it over`);
    }
  }

  /** An epoch is given once: what was called off burns it. */
  #checkGiven(name: string): void {
    const [gatewayName = '', workload = ''] = name.split(' ');
    const gateway = this.#gateways.find((one) => one.name === gatewayName);
    if (gateway?.gateway == null) return;
    const { takeover, move } = apiOf(gateway).row(workload);
    if (takeover !== null) this.#give(gateway, workload, takeover.epoch, `the takeover ${takeover.id}`);
    if (move?.from === gatewayName) this.#give(gateway, workload, move.epoch, `the move ${move.id}`);
    if (takeover?.forced === true) this.excuse(workload);
  }

  #give(gateway: SimGateway, workload: string, epoch: number, to: string): void {
    if (epoch === 0) return;
    const name = `${gateway.name} ${workload} ${epoch}`;
    const before = this.#given.get(name) ?? to;
    if (before !== to) this.#broken(`${gateway.name} gives epoch ${epoch} of ${workload} to ${to}, after ${before}`);
    this.#given.set(name, before);
  }

  /** What we decided is durable before it is said. */
  #changed(gateway: SimGateway, event: GatewayEvent & { type: 'owner-changed' }): void {
    if (gateway.gateway === null) return;
    const { workload, epoch, from, to } = event;
    const { takeover, move } = apiOf(gateway).row(workload);
    const isTaker = event.reason === 'takeover' && to === gateway.name && takeover?.epoch === epoch;
    // While it was moved another data centre may have taken it over, which knew nothing of the epoch that was reserved.
    const isMove = event.reason !== 'takeover' && move?.from === gateway.name && move.epoch === epoch;
    const isMover = isMove && from === gateway.name;
    if (!isTaker && !isMover) return;
    this.#decided.set(`${gateway.name} ${workload}`, epoch);
    this.#checkDisk(gateway, workload);
    const onDisk = this.#disks.get(`${gateway.name} ${workload}`)?.epoch ?? 0;
    if (onDisk < epoch)
      this.#broken(`${gateway.name} says that ${to} owns ${workload} since epoch ${epoch}; its disk has ${onDisk}`);
    if (isMover) this.#accuse(this.#moved.committed(gateway, event));
  }

  /** The epoch of a delivery is recorded as used before anybody sees it. */
  #announced(gateway: SimGateway, delivery: (GatewayEvent & { type: 'delivery' })['delivery']): void {
    const { workload, epoch } = delivery;
    if (gateway.gateway === null || gateway.hadDiskTrouble(TROUBLE_MS)) return;
    if (apiOf(gateway).row(workload).takeover?.epoch !== epoch) return;
    this.#checkDisk(gateway, workload);
    const used = this.#disks.get(`${gateway.name} ${workload}`)?.used ?? 0;
    if (used < epoch)
      this.#broken(`${gateway.name} delivers ${workload} with epoch ${epoch}; its disk knows of ${used}`);
  }

  /** A reason that keeps a takeover from going on must be true. */
  #blocked(gateway: SimGateway, { workload, reason }: GatewayEvent & { type: 'takeover-blocked' }): void {
    const { settings, disk } = gateway;
    const hadTrouble = gateway.hadDiskTrouble(TROUBLE_MS);
    this.#checkDisk(gateway, workload);
    const held = gateway
      .rows('held')
      .filter(({ key, place, withdrawn }) => key.workload === workload && place === 'live' && !withdrawn);
    const isTrue = {
      passive: settings.mode === 'passive',
      manual: settings.takeoverPolicy === 'manual',
      // What the peer refused is judged where the heartbeats are.
      refused: true,
      'block-period': settings.takeoverBlockPeriodMs > 0,
      'not-our-turn': false,
      'store-unavailable': hadTrouble || disk.away.size > 0,
      'state-unwritable': hadTrouble || gateway.pace.latencyMs > HANG_MS,
      'epochs-exhausted': this.#disks.get(`${gateway.name} ${workload}`)?.used === LARGEST_EPOCH,
      'app-critical': gateway.application.isCritical,
      'nothing-held': held.every((row) => gateway.isKnownLost(row)),
      'held-too-old': settings.takeoverMaxHeldAgeMs < Infinity,
    }[reason];
    if (!isTrue) this.#broken(`${gateway.name} does not take over ${workload}: ${reason}, which is not true`);
  }

  #accuse(what: string | null): void {
    if (what !== null) this.#broken(what);
  }

  #broken(what: string): void {
    this.violation ??= new Violation(`${what} (at ${this.#timeline.now} ms)`);
  }
}

/** One whose peer has no name in its configuration learns it with the first message. */
function knows(gateway: SimGateway, workload: string): boolean {
  if (gateway.settings.peers.every(({ name }) => name !== null)) return true;
  return apiOf(gateway)
    .rows()
    .some((row) => row.workload === workload);
}

function apiOf(gateway: SimGateway): OwnershipApi {
  if (gateway.gateway === null) throw new Violation(`${gateway.name} does not run`);
  return gateway.gateway.api.ownership;
}
