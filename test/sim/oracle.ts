import type { GatewayEvent } from '../../src/core/events.ts';
import type { PeerState } from '../../src/core/peer-state.ts';
import { keyText, type SnapshotKey, type StoredSnapshot } from '../../src/core/snapshot.ts';
import type { MessageOutcome } from '../../src/ports/peer-transport.ts';
import type { Accepted } from './sim-application.ts';
import type { Beat, Observer, SimGateway } from './sim-gateway.ts';
import type { Timeline } from './world/timeline.ts';
import { machineOf } from './world/virtual-network.ts';

/** A broken promise, with the moment at which it was seen. */
export class Violation extends Error {}

/** What the oracle knows of how one gateway must see one peer, from what really arrived, not from what the gateway says. */
interface Sight {
  state: PeerState;
  lastHeard: number;
  lastAnswered: number;
  lastRefused: number;
  incarnation: number;
  count: number;
  criticalInRow: number;
}

/** Something that was held of a workload when its owner was declared down, and must be delivered. */
interface Due {
  readonly since: number;
  readonly workload: string;
  readonly origin: string;
  readonly version: number;
}

/** So much longer than it should take at most: the way of a message, a slow disk, the judge's own step. */
const SLACK_MS = 400;
/** Sums of times that are no whole milliseconds. */
const ROUNDING_MS = 1e-6;
/** How long a delivery that is due may take while nothing hinders it. */
const DELIVERY_MS = 20_000;

/**
 * Holds every promise of the gateways against what really happened in the world, after each step. It has its own
 * arithmetic and shares no code with the core.
 */
export class Oracle implements Observer {
  readonly #timeline: Timeline;
  readonly gateways: readonly SimGateway[];
  readonly events: { readonly at: number; readonly gateway: string; readonly event: GatewayEvent }[] = [];
  readonly #sights = new Map<string, Sight>();
  readonly #dues = new Map<string, Due[]>();
  readonly #newest = new Map<string, number>();
  readonly #writes = new Map<string, number>();
  readonly transitions: string[] = [];
  /** For a test that strikes at a certain moment; called in the middle of the gateway's own step. */
  onTransition: (gateway: SimGateway, peer: string, to: PeerState) => void = () => undefined;
  onEvent: (gateway: SimGateway, event: GatewayEvent) => void = () => undefined;
  /** Off where applications are critical now and then: how long that takes to count is judged where it is the matter. */
  judgesSilence = true;
  /** The first broken promise. Kept, because it may be seen in the middle of a gateway's own call. */
  violation: Violation | null = null;

  constructor(timeline: Timeline, gateways: readonly SimGateway[]) {
    this.#timeline = timeline;
    this.gateways = gateways;
  }

  started(gateway: SimGateway): void {
    const now = this.#timeline.now;
    for (const peer of gateway.settings.peers) {
      const name = peer.name ?? '';
      const state = gateway.stateOf(name) ?? 'unknown';
      this.#sights.set(`${gateway.name} ${name}`, {
        state,
        lastHeard: -Infinity,
        lastAnswered: -Infinity,
        lastRefused: -Infinity,
        incarnation: 0,
        count: 0,
        criticalInRow: 0,
      });
      const dues = this.#dues.get(`${gateway.name} ${name}`) ?? [];
      // Not written down before a crash: it will be found out again.
      if (state !== 'down') this.#dues.delete(`${gateway.name} ${name}`);
      else
        this.#dues.set(
          `${gateway.name} ${name}`,
          dues.map((due) => ({ ...due, since: now })),
        );
    }
  }

  arrived(): void {
    return;
  }

  heard(gateway: SimGateway, beat: Beat): void {
    const sight = this.#sight(gateway.name, beat.from);
    const isNewer =
      beat.incarnation > sight.incarnation || (beat.incarnation === sight.incarnation && beat.count > sight.count);
    if (!isNewer) return;
    sight.incarnation = beat.incarnation;
    sight.count = beat.count;
    sight.lastHeard = beat.arrivedAt;
    sight.criticalInRow = beat.isCritical ? sight.criticalInRow + 1 : 0;
  }

  sent(gateway: SimGateway, machine: string, outcome: MessageOutcome): void {
    const sight = this.#sight(gateway.name, machineOf(machine));
    if (outcome.kind === 'answered') sight.lastAnswered = this.#timeline.now;
    if (outcome.kind === 'refused') sight.lastRefused = this.#timeline.now;
  }

  transition(gateway: SimGateway, peer: string, to: PeerState): void {
    const sight = this.#sight(gateway.name, peer);
    this.transitions.push(`${this.#timeline.now} ${gateway.name}: ${peer} ${sight.state} -> ${to}`);
    sight.state = to;
    if (to === 'down') this.#wentDown(gateway, peer, sight);
    else this.#dues.delete(`${gateway.name} ${peer}`);
    this.onTransition(gateway, peer, to);
  }

  event(gateway: SimGateway, event: GatewayEvent): void {
    this.events.push({ at: this.#timeline.now, gateway: gateway.name, event });
    if (event.type === 'delivery') this.#announced(gateway, event.delivery);
    if (event.type === 'delivery-done') {
      const pending = event.delivery.snapshots.filter((row) => row.state === 'pending');
      if (pending.length > 0)
        this.#broken(`${gateway.name} calls a delivery done that lacks ${pending.map((row) => row.origin).join()}`);
    }
    if (event.type === 'takeover-blocked') this.#blocked(gateway, event);
    this.onEvent(gateway, event);
  }

  defect(gateway: SimGateway, what: string): void {
    this.#broken(`${gateway.name} has a defect: ${what}`);
  }

  /** What must hold after every step. */
  check(): void {
    for (const gateway of this.gateways) {
      this.#checkStores(gateway);
      if (!gateway.isRunning) continue;
      for (const peer of gateway.settings.peers) this.#checkSight(gateway, peer.name ?? '');
      const [complaint] = gateway.application.complaints;
      if (complaint !== undefined) this.#broken(`${gateway.name}: ${complaint}`);
    }
    if (this.violation !== null) throw this.violation;
  }

  /** What must hold once every line is healed, every machine runs, and enough time has passed. */
  checkSettled(): void {
    this.check();
    for (const gateway of this.gateways) {
      for (const peer of gateway.settings.peers) {
        const state = gateway.stateOf(peer.name ?? '');
        if (state !== 'up')
          this.#broken(`${gateway.name} does not see that ${peer.name ?? ''} is up again: ${String(state)}`);
      }
      const open = gateway.gateway?.api.deliveries('open') ?? [];
      if (open.length > 0 && !gateway.application.isIdle)
        this.#broken(`${gateway.name} has a delivery that was forgotten: ${open.map((one) => one.id).join()}`);
      for (const accepted of gateway.application.newestAccepted.values()) this.#checkArrived(gateway, accepted);
    }
    if (this.violation !== null) throw this.violation;
  }

  /** Both see each other: checked some time after a heal, when nothing came between. */
  checkSeen(a: string, b: string): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const { state } = this.#sight(from, to);
      if (state !== 'up') this.#broken(`${from} sees ${to} as ${state} two intervals after the line was healed`);
    }
    if (this.violation !== null) throw this.violation;
  }

  downs(gateway: string, peer: string): number {
    return this.#count(gateway, (event) => event.type === 'peer-down' && event.dataCenter === peer);
  }

  ups(gateway: string, peer: string): number {
    return this.#count(gateway, (event) => event.type === 'peer-up' && event.dataCenter === peer);
  }

  takeovers(gateway: string, peer: string): number {
    return this.#count(
      gateway,
      (event) =>
        event.type === 'delivery' &&
        event.delivery.reason === 'takeover' &&
        event.delivery.dataCenter === peer &&
        event.delivery.attempt === 1,
    );
  }

  /** A store was lost on purpose: its numbers may begin anew. */
  forget(gateway: string): void {
    for (const name of [...this.#newest.keys()]) if (name.startsWith(`${gateway} `)) this.#newest.delete(name);
  }

  #count(gateway: string, fits: (event: GatewayEvent) => boolean): number {
    return this.events.filter((entry) => entry.gateway === gateway && fits(entry.event)).length;
  }

  #sight(gateway: string, peer: string): Sight {
    const sight = this.#sights.get(`${gateway} ${peer}`);
    if (sight !== undefined) return sight;
    const fresh: Sight = {
      state: 'unknown',
      lastHeard: -Infinity,
      lastAnswered: -Infinity,
      lastRefused: -Infinity,
      incarnation: 0,
      count: 0,
      criticalInRow: 0,
    };
    this.#sights.set(`${gateway} ${peer}`, fresh);
    return fresh;
  }

  /** How long nothing was heard, without the time in which the gateway was stopped itself for more than an interval. */
  #silenceMs(gateway: SimGateway, sight: Sight): number {
    const since = Math.max(sight.lastHeard, gateway.listeningSince);
    const { heartbeatIntervalMs } = gateway.settings;
    let ms = this.#timeline.now - since;
    for (const stop of gateway.stopsSince(since)) if (stop.wholeMs > heartbeatIntervalMs) ms -= stop.ms;
    return ms;
  }

  /** The longer of both intervals counts. */
  #intervalMs(gateway: SimGateway, peer: string): number {
    const theirs = this.gateways.find((one) => one.name === peer)?.settings.heartbeatIntervalMs ?? 0;
    return Math.max(gateway.settings.heartbeatIntervalMs, theirs);
  }

  #wentDown(gateway: SimGateway, peer: string, sight: Sight): void {
    const { missesAllowed, mode } = gateway.settings;
    const heartbeatIntervalMs = this.#intervalMs(gateway, peer);
    if (this.judgesSilence && sight.criticalInRow < missesAllowed - 1) {
      const least = Math.max(1.5, missesAllowed) * heartbeatIntervalMs;
      const silence = this.#silenceMs(gateway, sight);
      if (silence < least - ROUNDING_MS)
        this.#broken(`${gateway.name} declared ${peer} down after ${silence} ms of silence, before ${least} ms`);
      const answer = this.#timeline.now - sight.lastAnswered;
      if (answer < heartbeatIntervalMs)
        this.#broken(`${gateway.name} declared ${peer} down ${answer} ms after it answered`);
    }
    if (mode === 'passive') return;
    const covered = (due: Due): boolean =>
      (gateway.gateway?.api.deliveries('open') ?? []).some(
        (delivery) =>
          delivery.reason === 'takeover' &&
          delivery.workload === due.workload &&
          delivery.snapshots.some((row) => row.origin === due.origin && row.version >= due.version),
      );
    const dues = this.#ownedBy(gateway, peer)
      .flatMap((workload) => this.#offered(gateway, workload))
      .filter((due) => !covered(due));
    if (dues.length > 0) this.#dues.set(`${gateway.name} ${peer}`, dues);
  }

  /** A death concerns the workloads that the dead peer owned, whichever those are; nobody takes over the rest. */
  #ownedBy(gateway: SimGateway, peer: string): string[] {
    const names = this.gateways.map(({ name }) => name);
    return names.filter((workload) => gateway.gateway?.api.ownership.serving(workload).row.owner === peer);
  }

  /**
   * Of a workload the newest whole snapshot of each origin, whoever replicated it, that was not delivered before and that
   * the application has not posted anew itself; read from the disk.
   */
  #offered(gateway: SimGateway, workload: string): Due[] {
    const newest = new Map<string, { version: number; isOffered: boolean }>();
    const rows = gateway.rows('held').filter((row) => row.key.workload === workload);
    const own = gateway.rows('outgoing').filter((row) => row.key.workload === workload && row.place === 'live');
    const delivered = (origin: string, version: number): boolean =>
      rows.some((row) => row.key.origin === origin && row.version >= version && row.deliveredBy !== null) ||
      own.some((row) => row.key.origin === origin && row.version >= version);
    for (const row of rows) {
      if (row.place !== 'live' || gateway.isKnownLost(row)) continue;
      if (row.version < (newest.get(row.key.origin)?.version ?? 0)) continue;
      const { origin } = row.key;
      const isOffered = !row.withdrawn && !delivered(origin, row.version);
      newest.set(origin, { version: row.version, isOffered });
    }
    return [...newest]
      .filter(([, { isOffered }]) => isOffered)
      .map(([origin, { version }]) => ({ workload, origin, version, since: this.#timeline.now }));
  }

  /** What was due, less what its origin has withdrawn since; of what was found damaged since, the version before. */
  #stillOffered(gateway: SimGateway, peer: string, dues: readonly Due[]): Due[] {
    // What somebody else owns by now is taken over from nobody.
    const offered = this.#ownedBy(gateway, peer).flatMap((workload) => this.#offered(gateway, workload));
    return dues.flatMap((due) => {
      const now = offered.find(({ workload, origin }) => workload === due.workload && origin === due.origin);
      return now === undefined ? [] : [{ ...due, version: Math.min(due.version, now.version) }];
    });
  }

  #announced(gateway: SimGateway, delivery: (GatewayEvent & { type: 'delivery' })['delivery']): void {
    const name = `${gateway.name} ${delivery.dataCenter}`;
    const dues = this.#dues.get(name);
    if (dues === undefined || delivery.reason !== 'takeover') return;
    const concerned = dues.filter(({ workload }) => workload === delivery.workload);
    const left = this.#stillOffered(gateway, delivery.dataCenter, concerned).filter(
      (due) => !delivery.snapshots.some((row) => row.origin === due.origin && row.version >= due.version),
    );
    if (left.length > 0)
      this.#broken(`${gateway.name} delivers ${delivery.workload} without ${left.map((due) => due.origin).join()}`);
    this.#settled(name, delivery.workload);
  }

  #settled(name: string, workload: string): void {
    const left = (this.#dues.get(name) ?? []).filter((due) => due.workload !== workload);
    if (left.length === 0) this.#dues.delete(name);
    else this.#dues.set(name, left);
  }

  /** A reason counts as one only when it is true. */
  #blocked(gateway: SimGateway, event: GatewayEvent & { type: 'takeover-blocked' }): void {
    const { dataCenter: peer, workload, reason } = event;
    const { heartbeatIntervalMs, missesAllowed } = gateway.settings;
    const { lastRefused } = this.#sight(gateway.name, peer);
    const isTrue = reason !== 'refused' || this.#timeline.now - lastRefused < (missesAllowed + 2) * heartbeatIntervalMs;
    if (!isTrue) this.#broken(`${gateway.name} says that ${peer} refuses it, and nobody did`);
    this.#settled(`${gateway.name} ${peer}`, workload);
  }

  #checkSight(gateway: SimGateway, peer: string): void {
    const sight = this.#sight(gateway.name, peer);
    const { missesAllowed } = gateway.settings;
    const heartbeatIntervalMs = this.#intervalMs(gateway, peer);
    const now = this.#timeline.now;
    if (this.judgesSilence && (sight.state === 'up' || sight.state === 'suspect')) {
      const most = Math.max(1.5, missesAllowed) * heartbeatIntervalMs + SLACK_MS;
      const isSilent = this.#silenceMs(gateway, sight) > most;
      const isAnswering = now - sight.lastAnswered < 1.25 * heartbeatIntervalMs + SLACK_MS;
      if (isSilent && !isAnswering && gateway.stoppedMsSince(now - 2 * most) === 0) {
        this.#broken(
          `${gateway.name} has not noticed that ${peer} is silent for ${this.#silenceMs(gateway, sight)} ms`,
        );
      }
    }
    const dues = this.#dues.get(`${gateway.name} ${peer}`) ?? [];
    const isOverdue = dues.some(({ since }) => now - since - gateway.stoppedMsSince(since) >= DELIVERY_MS);
    const [due] = isOverdue ? this.#stillOffered(gateway, peer, dues) : [];
    if (due === undefined) return;
    this.#broken(`${gateway.name} declared ${peer} down and never delivered ${due.origin}@${due.version}`);
  }

  #checkStores(gateway: SimGateway): void {
    if (this.#writes.get(gateway.name) === gateway.disk.writes) return;
    this.#writes.set(gateway.name, gateway.disk.writes);
    const greatest = new Map<string, number>();
    for (const store of ['outgoing', 'held', 'returned'] as const) {
      for (const row of gateway.rows(store)) {
        const name = `${gateway.name} ${store} ${keyText(row.key)}`;
        greatest.set(name, Math.max(row.version, greatest.get(name) ?? 0));
        if (!this.#isPosted(row)) this.#broken(`${gateway.name} has bytes of ${row.key.origin} that nobody posted`);
      }
    }
    for (const [name, before] of this.#newest) {
      if (!name.startsWith(`${gateway.name} `)) continue;
      const is = greatest.get(name) ?? 0;
      if (is < before) this.#broken(`a version went back from ${before} to ${is}: ${name.replaceAll('\0', '/')}`);
    }
    for (const [name, version] of greatest) this.#newest.set(name, version);
  }

  /** By any application: with a workload go the snapshots that its former owners took of it. */
  #isPosted({ key, sha256 }: StoredSnapshot): boolean {
    return this.gateways.some(({ application }) => application.digests.get(key.origin)?.has(sha256) === true);
  }

  #checkArrived(gateway: SimGateway, { workload, origin, version }: Accepted): void {
    for (const peer of gateway.settings.peers) {
      const holder = this.gateways.find((one) => one.name === peer.name);
      if (holder === undefined) continue;
      const rows = holder
        .rows('held')
        .filter(({ key, place }) => isOf(key, gateway.name, workload, origin) && place !== 'lost');
      const has = Math.max(0, ...rows.map((row) => row.version));
      if (has < version)
        this.#broken(`${origin}@${version} of ${gateway.name} never arrived at ${holder.name}, which has ${has}`);
    }
  }

  #broken(what: string): void {
    this.violation ??= new Violation(`${what} (at ${this.#timeline.now} ms)`);
  }
}

function isOf(key: SnapshotKey, dataCenter: string, workload: string, origin: string): boolean {
  return key.dataCenter === dataCenter && key.workload === workload && key.origin === origin;
}
