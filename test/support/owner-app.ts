import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery } from '../../src/core/delivery.ts';
import type { OwnershipRow } from '../../src/core/ownership.ts';
import type { SeenEvent } from './event-reader.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { sha256 } from './test-app.ts';

/** One state of an origin: who made it, and how often it had changed by then, over all owners. */
export interface State {
  readonly by: string;
  readonly count: number;
}

export interface Accepted extends State {
  readonly workload: string;
  readonly origin: string;
  readonly version: number;
}

export interface Refused {
  readonly workload: string;
  readonly origin: string;
  readonly status: number;
  readonly row: OwnershipRow | undefined;
}

export interface Absorbed extends State {
  readonly delivery: string;
  readonly attempt: number;
  readonly reason: Delivery['reason'];
  readonly workload: string;
  readonly epoch: number;
  readonly origin: string;
  readonly version: number;
}

const ORIGINS = ['orders', 'stock'];
/** Between two changes of a state under load. */
const PACE_MS = 5;

/**
 * The application beside a gateway, as docs/application-guide.md has it: it does the work of whatever workload its data
 * centre owns, posts each change of its state, answers requests, absorbs what is delivered and lets go when it is asked to.
 */
export class OwnerApp {
  readonly gateway: GatewayProcess;
  /** What was answered 202, in this order. */
  readonly accepted: Accepted[] = [];
  readonly refused: Refused[] = [];
  readonly absorbed: Absorbed[] = [];
  /** What it did that no application may do, or found that must not be. */
  readonly complaints: string[] = [];
  /** It answers no delivery while this is false. */
  isAbsorbing = true;
  /** It answers no request for snapshots while this is false. */
  isAnswering = true;
  /** It ignores that it is asked to let go, and goes on posting, while this is false. */
  isLettingGo = true;
  /** It begins the work of what it has taken over by itself. */
  isBusy = true;
  readonly #states = new Map<string, State>();
  readonly #loops = new Map<string, { isOver: boolean; done: Promise<unknown> }>();
  /** One thing after the other, as the events have it. */
  #queue: Promise<void> = Promise.resolve();

  constructor(gateway: GatewayProcess) {
    this.gateway = gateway;
    gateway.events.onEvent = (seen) => {
      this.#queue = this.#queue.then(() => this.#react(seen)).catch((error: unknown) => this.#complain(error));
    };
  }

  /** Everything that was said until now was answered. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  /** Begins to change and to post the state of a workload, again and again. */
  work(workload: string): void {
    if (this.#loops.get(workload)?.isOver === false) return;
    const loop = { isOver: false, done: Promise.resolve() as Promise<unknown> };
    loop.done = Promise.all(
      ORIGINS.map(async (origin) => {
        while (!loop.isOver) {
          if ((await this.post(workload, origin)) !== 'accepted') loop.isOver = true;
          await sleep(PACE_MS);
        }
      }),
    );
    this.#loops.set(workload, loop);
  }

  isWorking(workload: string): boolean {
    return this.#loops.get(workload)?.isOver === false;
  }

  /** Stops; what is on its way is answered when this resolves. */
  async rest(workload: string): Promise<void> {
    const loop = this.#loops.get(workload);
    if (loop === undefined) return;
    loop.isOver = true;
    await loop.done;
  }

  async restAll(): Promise<void> {
    for (const workload of this.#loops.keys()) await this.rest(workload);
  }

  /** A process that starts anew knows nothing. */
  forget(): void {
    this.#states.clear();
  }

  /** Every origin once. */
  async postAll(workload: string): Promise<void> {
    for (const origin of ORIGINS) await this.post(workload, origin);
  }

  async post(workload: string, origin: string): Promise<'accepted' | 'refused' | 'unanswered'> {
    const { gateway } = this;
    const name = `${workload}/${origin}`;
    const count = (this.#states.get(name)?.count ?? 0) + 1;
    const by = gateway.name;
    this.#states.set(name, { by, count });
    const answer = await gateway
      .put(origin, JSON.stringify({ by, count }), `?workload=${encodeURIComponent(workload)}`)
      .catch(() => null);
    if (answer === null) return 'unanswered';
    if (answer.status === 202) {
      const { version } = answer.json() as { version: number };
      this.accepted.push({ workload, origin, version, by, count });
      return 'accepted';
    }
    const { row } = answer.json() as { row?: OwnershipRow };
    this.refused.push({ workload, origin, status: answer.status, row });
    return 'refused';
  }

  /** The newest version of each origin of the workload that was accepted here. */
  newestAccepted(workload: string): ReadonlyMap<string, Accepted> {
    const newest = new Map<string, Accepted>();
    for (const one of this.accepted)
      if (one.workload === workload && one.version > (newest.get(one.origin)?.version ?? 0))
        newest.set(one.origin, one);
    return newest;
  }

  /** The newest version of each origin of the workload that was absorbed here. */
  newestAbsorbed(workload: string): ReadonlyMap<string, Absorbed> {
    const newest = new Map<string, Absorbed>();
    for (const one of this.absorbed)
      if (one.workload === workload && one.version >= (newest.get(one.origin)?.version ?? 0))
        newest.set(one.origin, one);
    return newest;
  }

  async #react({ data }: SeenEvent): Promise<void> {
    switch (data.type) {
      case 'snapshot-request': {
        const workload = data.workload ?? this.gateway.name;
        if (!this.isAnswering) return;
        for (const origin of data.origins ?? this.#originsOf(workload)) await this.post(workload, origin);
        return;
      }
      case 'delivery':
        if (this.isAbsorbing) await this.absorb(data.delivery);
        return;
      case 'takeover-completed':
        if (this.isBusy) this.work(data.workload);
        return;
      case 'owner-releasing':
        if (!this.isLettingGo) return;
        await this.rest(data.workload);
        // The last word on every origin, posted after it stopped.
        await this.postAll(data.workload);
        await this.release(data.workload);
        return;
      case 'superseded':
        await this.rest(data.workload);
        return;
      default:
    }
  }

  async release(workload: string): Promise<void> {
    const answer = await this.gateway.api(`/v1/ownership/${workload}/released`, { method: 'POST' });
    if (answer.status !== 204) this.#complain(new Error(`released ${workload} was answered ${answer.status}`));
  }

  /** Fetches and acknowledges what is still open in a delivery, one after the other, `most` of them. */
  async absorb(delivery: Delivery, most = Infinity): Promise<void> {
    let left = most;
    const { id, attempt, reason, epoch } = delivery;
    for (const row of delivery.snapshots) {
      if (row.state !== 'pending' || left <= 0) continue;
      left -= 1;
      const answer = await this.gateway.api(row.href);
      if (answer.status !== 200) continue;
      const { workload, origin, version } = row;
      if (sha256(answer.body) !== row.sha256) this.#complain(new Error(`${origin} came with other bytes`));
      const { by, count } = JSON.parse(answer.body.toString()) as State;
      this.absorbed.push({ delivery: id, attempt, reason, workload, epoch, origin, version, by, count });
      this.#states.set(`${workload}/${origin}`, { by, count });
      await this.gateway.api(`${row.href}/ack?version=${version}`, { method: 'POST' });
    }
  }

  #originsOf(workload: string): string[] {
    return ORIGINS.filter((origin) => this.#states.has(`${workload}/${origin}`));
  }

  #complain(error: unknown): void {
    // A gateway that was killed answers nobody, and its application knows.
    if (error instanceof Error && 'code' in error) return;
    this.complaints.push(`${this.gateway.name}: ${String(error)}`);
  }
}

/**
 * What a planned move lost: whatever the owner's application was told to be accepted, and of which the new owner's has
 * neither the version nor a newer one. @returns a line for each
 */
export function lostBetween(from: OwnerApp, to: OwnerApp, workload: string): string[] {
  const has = to.newestAbsorbed(workload);
  return [...from.newestAccepted(workload)].flatMap(([origin, { version, count }]) => {
    const absorbed = has.get(origin);
    if (absorbed === undefined) return [`${workload}/${origin}: nothing came, ${version} was accepted`];
    const isThere = absorbed.version >= version && absorbed.count >= count;
    return isThere
      ? []
      : [`${workload}/${origin}: ${version} (${count}) was accepted, ${absorbed.version} (${absorbed.count}) came`];
  });
}
