import type { HeldView, OutgoingView } from '../../../src/ports/gateway-api.ts';
import type { Delivery } from '../../../src/core/delivery.ts';
import type { GatewayProcess } from '../gateway-process.ts';
import { sha256, TestApp } from '../test-app.ts';
import type { Complaint } from './ledger.ts';
import type { Owners } from './owners.ts';
import { pause } from './poster.ts';
import type { Gateway } from './site.ts';

const POLL_MS = 250;

/** Whether anybody may read these bytes of an origin of that workload. */
export type WasPosted = (workload: string, origin: string, digest: string) => boolean;

/**
 * Looks at one gateway all the time: versions may not go back, and whatever can be read must have been posted, whole.
 * It is its application too, which absorbs what is delivered.
 */
export class Watcher {
  polls = 0;
  reads = 0;
  absorbed = 0;
  readonly #process: GatewayProcess;
  readonly #peer: string;
  readonly #wasPosted: WasPosted;
  readonly #owners: Owners;
  readonly #complain: Complaint;
  readonly #newest = new Map<string, number>();
  readonly #announced = new Set<string>();
  #nextEvent = 0;

  constructor(gateway: Gateway, of: { peer: string; wasPosted: WasPosted; owners: Owners; complain: Complaint }) {
    this.#process = gateway.process;
    this.#peer = of.peer;
    this.#wasPosted = of.wasPosted;
    this.#owners = of.owners;
    this.#complain = of.complain;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A gateway that is away, or whose store is, answers nothing that could be judged; its bytes are judged at the end.
      await this.#look().catch(() => undefined);
      await this.#owners.look(this.#process).catch(() => undefined);
      await this.#absorb().catch(() => undefined);
      await pause(POLL_MS, signal);
    }
  }

  async #look(): Promise<void> {
    const held = await this.#rows<HeldView>(`/v1/peers/${this.#peer}/snapshots`);
    const outgoing = await this.#rows<OutgoingView>('/v1/snapshots');
    this.polls += 1;
    for (const row of held) this.#judge('held', this.#peer, row);
    for (const row of outgoing) this.#judge('outgoing', this.#process.name, row);
    const readable = held.filter(({ state }) => state === 'held' || state === 'delivered');
    const row = readable[this.polls % Math.max(1, readable.length)];
    if (row !== undefined) await this.#read(row);
  }

  async #rows<T>(path: string): Promise<T[]> {
    const answer = await this.#process.api(path);
    return answer.status === 200 ? (answer.json() as T[]) : [];
  }

  #judge(where: string, dataCenter: string, row: { origin: string; version: number; sha256: string }): void {
    const name = `${where}/${row.origin}`;
    const before = this.#newest.get(name) ?? 0;
    if (row.version < before) {
      this.#complain(`${this.#process.name} ${name}: version ${row.version} was shown after version ${before}`);
    }
    this.#newest.set(name, row.version);
    if (!this.#wasPosted(dataCenter, row.origin, row.sha256)) {
      this.#complain(`${this.#process.name} ${name}: version ${row.version} is what nobody posted`);
    }
  }

  async #read(row: HeldView): Promise<void> {
    const answer = await this.#process.api(row.href);
    if (answer.status !== 200) return;
    this.reads += 1;
    const digest = sha256(answer.body);
    if (!this.#wasPosted(this.#peer, row.origin, digest)) {
      this.#complain(
        `${this.#process.name} held/${row.origin}: ${answer.body.length} bytes were read that nobody posted`,
      );
    }
  }

  /**
   * All that was announced and is open now: since it was announced it may have been called off, or offer another version.
   * What was never announced stays open, as it would with any application.
   */
  async #absorb(): Promise<void> {
    const { all } = this.#process.events;
    for (; this.#nextEvent < all.length; this.#nextEvent += 1) {
      const event = all[this.#nextEvent]?.data;
      if (event?.type === 'delivery') this.#announced.add(event.delivery.id);
    }
    for (const delivery of await this.#rows<Delivery>('/v1/deliveries?state=open'))
      if (this.#announced.has(delivery.id)) await this.#answer(delivery).catch(() => undefined);
  }

  async #answer(delivery: Delivery): Promise<void> {
    const app = new TestApp(this.#process);
    for (const row of delivery.snapshots) {
      if (row.state !== 'pending') continue;
      const bytes = await app.fetch(row);
      if (!this.#wasPosted(delivery.workload, row.origin, sha256(bytes))) {
        this.#complain(`${this.#process.name}: ${row.origin} was delivered with bytes that nobody posted`);
      }
      await app.acknowledge(delivery, row);
      this.absorbed += 1;
    }
  }
}
