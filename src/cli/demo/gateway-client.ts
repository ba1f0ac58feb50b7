import type { Delivery } from '../../core/delivery.ts';
import type { EventType, GatewayEvent } from '../../core/events.ts';
import type { HeldView, OutgoingView, PeerView, StatusView } from '../../ports/gateway-api.ts';
import type { OwnershipView } from '../../ports/ownership-api.ts';
import { SECOND_MS } from '../../units.ts';
import type { MovePlan } from '../../wire/ownership.ts';
import { asDelivery, asEvents, asHeldRows, asOutgoingRows, asOwnership, asPlan, asStatus } from '../answers.ts';
import { LocalApi } from '../local-api.ts';

type EventOf<T extends EventType> = Extract<GatewayEvent, { readonly type: T }>;

/** One gateway's local API as the demo uses it: what any operator could ask. */
export class GatewayClient {
  readonly url: string;
  readonly #api: LocalApi;

  constructor(url: string) {
    this.url = url;
    this.#api = new LocalApi({ url: new URL(url), source: 'the demo', token: undefined });
  }

  async status(): Promise<StatusView> {
    return asStatus(this.#api.target, await this.#get('/v1/status'));
  }

  /** undefined until the gateway knows a peer of that name. */
  async peer(name: string): Promise<PeerView | undefined> {
    return (await this.status()).peers.find((peer) => peer.name === name);
  }

  async outgoing(): Promise<OutgoingView[]> {
    return asOutgoingRows(this.#api.target, await this.#get('/v1/snapshots'));
  }

  async held(peer: string): Promise<HeldView[]> {
    return asHeldRows(this.#api.target, await this.#get(`/v1/peers/${peer}/snapshots`));
  }

  async delivery(id: string): Promise<Delivery> {
    return asDelivery(this.#api.target, await this.#get(`/v1/deliveries/${id}`));
  }

  /** The events of one type after an id, oldest first. */
  async events<T extends EventType>(type: T, after: number): Promise<EventOf<T>[]> {
    const found: EventOf<T>[] = [];
    for (let from = after; ;) {
      const page = asEvents(this.#api.target, await this.#get(`/v1/events?after=${from}&limit=500`));
      found.push(...page.filter((event): event is EventOf<T> => event.type === type));
      const last = page.at(-1);
      if (last === undefined || last.id <= from) return found;
      from = last.id;
    }
  }

  /** The id of the newest event, for asking later what came after it. */
  async lastEventId(): Promise<number> {
    let from = 0;
    for (;;) {
      const page = asEvents(this.#api.target, await this.#get(`/v1/events?after=${from}&limit=500`));
      const last = page.at(-1);
      if (last === undefined || last.id <= from) return from;
      from = last.id;
    }
  }

  async requestSnapshots(): Promise<void> {
    await this.#api.json({ method: 'POST', path: '/v1/snapshot-requests', json: {} });
  }

  async ownership(workload: string): Promise<OwnershipView> {
    return asOwnership(this.#api.target, await this.#get(`/v1/ownership/${workload}`));
  }

  /** What a load balancer asks: the status of `/primary`, and the epoch that comes with it. */
  async primary(workload: string): Promise<{ readonly status: number; readonly epoch: number }> {
    const answer = await this.#api.send({ path: `/primary?workload=${workload}`, idleMs: 5 * SECOND_MS });
    answer.resume();
    return { status: answer.statusCode ?? 0, epoch: Number(answer.headers['crossdc-epoch']) };
  }

  /** As `crossdc failover WORKLOAD --to DC`. */
  async failover(workload: string, to: string): Promise<MovePlan> {
    const json = { to };
    return asPlan(this.#api.target, await this.#api.json({ method: 'POST', path: `/v1/ownership/${workload}`, json }));
  }

  /** An operator has seen the takeover: the next one may follow by itself at once. */
  async acknowledge(workload: string): Promise<void> {
    await this.#api.json({ method: 'POST', path: `/v1/ownership/${workload}/ack` });
  }

  /** The status with which a post for a workload is answered. Not for one that would be accepted. */
  async statusOfPost(workload: string, origin: string): Promise<number> {
    const headers = { 'content-length': '0' };
    const path = `/v1/snapshots/${origin}?workload=${workload}`;
    const answer = await this.#api.send({ method: 'PUT', path, headers });
    answer.resume();
    return answer.statusCode ?? 0;
  }

  async shutDownOrderly(): Promise<void> {
    await this.#api.json({ method: 'POST', path: '/v1/messages', json: { msg: 'OrderlyShutdown' } });
  }

  #get(path: string): Promise<unknown> {
    return this.#api.json({ path, idleMs: 5 * SECOND_MS });
  }
}
