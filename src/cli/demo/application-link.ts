import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { DeliveredSnapshot, Delivery } from '../../core/delivery.ts';
import type { GatewayEvent } from '../../core/events.ts';
import { messageOf } from '../../errors.ts';
import type { RestoreView } from '../../ports/ownership-api.ts';
import { SECOND_MS } from '../../units.ts';
import { asOwnership, asOwnershipRows } from '../answers.ts';
import type { LocalApi } from '../local-api.ts';
import { parseServerSentEvents } from '../sse.ts';
import type { Work } from './application-protocol.ts';
import { BOOKS, type OrderBooks } from './order-books.ts';

export interface LinkOptions {
  readonly api: LocalApi;
  /** The data centre that the application is in: the workload that is meant where none is named. */
  readonly home: string;
  readonly books: OrderBooks;
  readonly onSubscribed: (isSubscribed: boolean) => void;
}

const PRIMARY_IDLE_MS = 2 * SECOND_MS;

/**
 * What any application does beside its gateway: it works where `/primary` is 200 and nowhere else, begins with what
 * `/v1/restore` has, posts its state when it is asked to, absorbs what is delivered, and lets go when it is told to.
 * This is all of it.
 */
export class ApplicationLink {
  readonly #options: LinkOptions;
  /** By workload: the epoch under which we work on it now. */
  readonly #working = new Map<string, number>();
  /** By workload: the epoch for which its books were taken. Those of another epoch are never gone on with. */
  readonly #takenFor = new Map<string, number>();
  #lastEventId: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get working(): readonly Work[] {
    return [...this.#working].map(([workload, epoch]) => ({ workload, epoch }));
  }

  /** One connection to the event stream, until it ends. What was missed in between comes first in the next one. */
  async listen(signal: AbortSignal): Promise<void> {
    const { api, onSubscribed } = this.#options;
    const headers = {
      accept: 'text/event-stream',
      ...(this.#lastEventId === null ? {} : { 'last-event-id': this.#lastEventId }),
    };
    const answer = await api.open({ path: '/v1/events', headers, signal, idleMs: 60_000 });
    onSubscribed(true);
    try {
      for await (const message of parseServerSentEvents(answer as AsyncIterable<Buffer>)) {
        await this.#inTurn(() => this.#handle(JSON.parse(message.data) as GatewayEvent));
        // Only now: an event that we die of is sent again.
        if (message.id !== null) this.#lastEventId = message.id;
      }
    } finally {
      onSubscribed(false);
    }
  }

  /** Asks whose turn it is. A gateway that does not answer does not say that it is ours: then nothing is. */
  look(): Promise<void> {
    return this.#inTurn(() => this.#look());
  }

  async #look(): Promise<void> {
    const { api } = this.#options;
    try {
      for (const { workload } of asOwnershipRows(api.target, await api.json({ path: '/v1/ownership' }))) {
        const answer = await api.send({ path: `/primary?workload=${workload}`, idleMs: PRIMARY_IDLE_MS });
        answer.resume();
        if (answer.statusCode === 200) await this.#start(workload, Number(answer.headers['crossdc-epoch']));
        else this.#stop(workload);
      }
    } catch (error) {
      this.#working.clear();
      throw error;
    }
  }

  /** A workload must not be started and stopped at once. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #handle(event: GatewayEvent): Promise<void> {
    switch (event.type) {
      case 'snapshot-request': {
        const workload = event.workload ?? this.#options.home;
        if (this.#working.has(workload)) await this.#post(workload, event.origins);
        return;
      }
      case 'delivery':
        if (event.delivery.state === 'open') await this.#take(event.delivery);
        return;
      case 'owner-releasing':
        await this.#release(event.workload);
        return;
      case 'superseded':
        this.#stop(event.workload);
        return;
      case 'takeover-completed':
        await this.#look();
        return;
      default:
    }
  }

  async #start(workload: string, epoch: number): Promise<void> {
    if (this.#working.get(workload) === epoch) return;
    if (this.#takenFor.get(workload) !== epoch) await this.#restore(workload, epoch);
    this.#working.set(workload, epoch);
  }

  #stop(workload: string): void {
    this.#working.delete(workload);
  }

  /**
   * The last of what we did goes with the work. `/primary` was 503 before this was said, so we may have stopped by
   * ourselves: the epoch says whether the books are still those of the work that is given away.
   */
  async #release(workload: string): Promise<void> {
    const { api } = this.#options;
    this.#stop(workload);
    const { epoch } = asOwnership(api.target, await api.json({ path: `/v1/ownership/${workload}` }));
    if (this.#takenFor.get(workload) === epoch) await this.#post(workload, null);
    const answer = await api.send({ method: 'POST', path: `/v1/ownership/${workload}/released` });
    answer.resume();
  }

  async #restore(workload: string, epoch: number): Promise<void> {
    const { api, books } = this.#options;
    const view = (await api.json({ path: `/v1/restore?workload=${workload}` })) as RestoreView;
    const newest = view.origins.flatMap(({ candidates }) => candidates.slice(0, 1));
    const contents = await Promise.all(newest.map(async ({ href }) => readBytes(await api.open({ path: href }))));
    books.forget(workload);
    for (const bytes of contents) books.absorb(bytes);
    this.#takenFor.set(workload, epoch);
  }

  async #post(workload: string, origins: readonly string[] | null): Promise<void> {
    const { api, books } = this.#options;
    for (const book of BOOKS.filter((name) => origins === null || origins.includes(name))) {
      const bytes = books.snapshot(workload, book);
      const headers = { 'content-type': 'application/json', 'content-length': String(bytes.length) };
      const path = `/v1/snapshots/${book}?workload=${workload}`;
      const answer = await api.send({ method: 'PUT', path, headers, content: once(bytes) });
      const text = (await readBytes(answer)).toString('utf8');
      if (answer.statusCode === 202) continue;
      // 409: the work is another data centre's since we looked.
      this.#stop(workload);
      throw new Error(`${path} was answered ${String(answer.statusCode)}: ${text}`);
    }
  }

  /** Each snapshot by itself: what fails is announced again, and what was acknowledged is not asked for twice. */
  async #take(delivery: Delivery): Promise<void> {
    const { api } = this.#options;
    for (const row of delivery.snapshots.filter(({ state }) => state === 'pending')) {
      const path = `/v1/deliveries/${delivery.id}/snapshots/${encodeURIComponent(row.origin)}`;
      const query = `version=${row.version}&workload=${encodeURIComponent(row.workload)}`;
      const bytes = await this.#fetch(row);
      try {
        this.#absorb(delivery, bytes);
      } catch (error) {
        await api.json({ method: 'POST', path: `${path}/reject?${query}`, json: { reason: messageOf(error) } });
        continue;
      }
      await api.json({ method: 'POST', path: `${path}/ack?${query}` });
    }
  }

  /** The first of a new epoch takes the place of whatever we had of the workload. */
  #absorb({ workload, epoch }: Delivery, bytes: Buffer): void {
    const { books } = this.#options;
    const isNew = this.#takenFor.get(workload) !== epoch;
    books.absorb(bytes, isNew ? { insteadOf: workload } : {});
    this.#takenFor.set(workload, epoch);
  }

  /** @throws Error when the bytes are not those that the delivery names */
  async #fetch(row: DeliveredSnapshot): Promise<Buffer> {
    const bytes = await readBytes(await this.#options.api.open({ path: row.href }));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== row.sha256) throw new Error(`${row.origin} came with sha-256 ${sha256} and not ${row.sha256}`);
    return bytes;
  }
}

async function readBytes(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
