import { createHash } from 'node:crypto';
import type { Delivery } from '../../src/core/delivery.ts';
import type { GatewayEvent } from '../../src/core/events.ts';
import { GatewayError } from '../../src/errors.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Gateway } from '../../src/services/assemble.ts';
import type { SimGateway } from './sim-gateway.ts';
import type { SeededRandom } from './world/random.ts';

export type SnapshotRequest = Extract<GatewayEvent, { type: 'snapshot-request' }>;

export interface Absorbed {
  readonly delivery: string;
  readonly dataCenter: string;
  readonly workload: string;
  readonly origin: string;
  readonly version: number;
}

/** A snapshot that the gateway has accepted, durably. */
export interface Accepted {
  readonly workload: string;
  readonly origin: string;
  readonly version: number;
  readonly isWithdrawal: boolean;
}

/** How often open deliveries are announced to it again. */
const REPEAT_MS = 20_000;
/** How long this application takes to absorb one snapshot, at most. */
const ABSORB_MS = 300;
/** How long it takes to let go of its work, at most. */
const RELEASE_MS = 200;

/**
 * The application beside a gateway: it posts snapshots when it is told to, follows the events, and absorbs what is
 * delivered to it, one snapshot after the other.
 */
export class SimApplication {
  readonly #machine: SimGateway;
  readonly #random: SeededRandom;
  #posted = 0;
  /** How often open deliveries are announced to it again. */
  repeatMs = REPEAT_MS;
  /** Whether it answers when it is asked to release its work. */
  isReleasing = true;
  /** It does not answer deliveries while this is true. */
  isIdle = false;
  /** What it does when it is asked for snapshots; by itself nothing, a test posts what it wants to. */
  whenAsked: (request: SnapshotRequest) => void = () => undefined;
  /** What it last said of its own health. */
  isCritical = false;
  /** The digest of everything it ever posted, by origin. */
  readonly digests = new Map<string, Set<string>>();
  /** The newest version of each origin that the gateway has accepted, durably. */
  readonly accepted = new Map<string, number>();
  /** The same of every workload, also of those that it took over, by workload and origin. */
  readonly newestAccepted = new Map<string, Accepted>();
  readonly absorbed: Absorbed[] = [];
  /** Every announcement of a delivery that it saw: its id and attempt. */
  readonly announced: { id: string; attempt: number }[] = [];
  /** What it found wrong by itself. */
  readonly complaints: string[] = [];
  onAccepted: (accepted: Accepted) => void = () => undefined;
  /** Why a snapshot was not accepted. */
  readonly refusals: string[] = [];

  constructor(machine: SimGateway, random: SeededRandom) {
    this.#machine = machine;
    this.#random = random;
  }

  /** Follows the events of a run from now on, open deliveries first. */
  connect(gateway: Gateway, clock: Clock): void {
    void this.#follow(gateway, clock).catch((error: unknown) => this.complaints.push(String(error)));
  }

  post(origin: string, bytes = this.#random.int(1, 200), workload?: string): void {
    this.#posted += 1;
    this.#put(origin, Buffer.from(`${this.#machine.name} ${origin} ${this.#posted} `.padEnd(bytes, 'x')), workload);
  }

  /** It says how it is; whoever runs beside it next does not know until it says it again. */
  tellHealth(status: 'passing' | 'critical'): void {
    this.isCritical = status === 'critical';
    void this.#machine.gateway?.api.setApplicationHealth({ status, note: null });
  }

  withdraw(origin: string): void {
    this.#put(origin, Buffer.alloc(0));
  }

  #put(origin: string, bytes: Buffer, workload?: string): void {
    const { gateway } = this.#machine;
    if (gateway === null) return;
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.digests.set(origin, (this.digests.get(origin) ?? new Set()).add(digest));
    const request = {
      origin,
      workload,
      position: null,
      labels: {},
      content: once(bytes),
      bytes: bytes.length,
      sha256: digest,
    };
    gateway.api.putSnapshot(request, new AbortController().signal).then(
      (view) => {
        this.#accept(view.workload, origin, view.version, bytes.length === 0);
      },
      (error: unknown) => this.refusals.push(String(error)),
    );
  }

  #accept(workload: string, origin: string, version: number, isWithdrawal: boolean): void {
    const name = `${workload}\0${origin}`;
    const accepted = { workload, origin, version, isWithdrawal };
    if (version > (this.newestAccepted.get(name)?.version ?? 0)) this.newestAccepted.set(name, accepted);
    this.onAccepted(accepted);
    if (workload === this.#machine.name) this.accepted.set(origin, Math.max(version, this.accepted.get(origin) ?? 0));
  }

  async #follow(gateway: Gateway, clock: Clock): Promise<void> {
    const { events } = gateway.api;
    const signal = new AbortController().signal;
    let after = events.newestId;
    let repeatAt = clock.now();
    for (;;) {
      if (clock.now() >= repeatAt) {
        for (const delivery of events.repeats()) this.#take(gateway, clock, delivery);
        repeatAt = clock.now() + this.repeatMs;
      }
      const wait = new AbortController();
      await Promise.race([events.changed(after, wait.signal), clock.sleep(repeatAt - clock.now(), wait.signal)]);
      // Nobody reads the reason; where there is none Node.js makes an error with a stack.
      wait.abort(null);
      for (const event of await events.read(after, 100)) {
        after = event.id;
        if (event.type === 'delivery') this.#take(gateway, clock, event.delivery);
        if (event.type === 'snapshot-request') this.whenAsked(event);
        if (event.type === 'owner-releasing') void this.#release(gateway, clock, event.workload);
      }
      if (signal.aborted) return;
    }
  }

  async #release(gateway: Gateway, clock: Clock, workload: string): Promise<void> {
    if (!this.isReleasing) return;
    await clock.sleep(this.#random.between(0, RELEASE_MS), new AbortController().signal);
    try {
      await gateway.api.ownership.released(workload);
    } catch (error) {
      // Its time for that is over, or the move was called off.
      if (!(error instanceof GatewayError)) this.complaints.push(`releasing ${workload}: ${String(error)}`);
    }
  }

  #take(gateway: Gateway, clock: Clock, delivery: Delivery): void {
    const { id, attempt } = delivery;
    const wasSeen = this.announced.some((other) => other.id === id && other.attempt === attempt);
    if (wasSeen && attempt === 1)
      this.complaints.push(`the delivery ${id} was announced again and not marked as a repeat`);
    this.announced.push({ id, attempt });
    if (!this.isIdle)
      void this.#absorb(gateway, clock, id).catch((error: unknown) =>
        this.complaints.push(`absorbing ${id}: ${String(error)}`),
      );
  }

  async #absorb(gateway: Gateway, clock: Clock, id: string): Promise<void> {
    const { api } = gateway;
    for (const row of api.delivery(id).snapshots) {
      if (row.state !== 'pending') continue;
      await clock.sleep(this.#random.between(0, ABSORB_MS), new AbortController().signal);
      const which = { origin: row.origin, workload: row.workload };
      try {
        const reader = await api.openDelivered(id, which);
        const hash = createHash('sha256');
        for await (const chunk of reader.stream()) hash.update(chunk);
        if (hash.digest('hex') !== reader.snapshot.sha256)
          this.complaints.push(`the bytes of ${row.origin} in ${id} are not what they should be`);
        const { version } = reader.snapshot;
        // Absorbed first, acknowledged then: a crash between the two makes a repeat, not a loss.
        const { origin, workload } = row;
        this.absorbed.push({ delivery: id, dataCenter: api.delivery(id).dataCenter, workload, origin, version });
        await api.acknowledge(id, { ...which, version });
      } catch (error) {
        // Called off, replaced, or the disk is full: it is announced again when it is to be taken after all.
        if (!(error instanceof GatewayError)) throw error;
      }
    }
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield await Promise.resolve(bytes);
}
