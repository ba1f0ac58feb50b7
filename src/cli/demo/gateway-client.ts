import type { Delivery } from '../../core/delivery.ts';
import type { EventType, GatewayEvent } from '../../core/events.ts';
import type { HeldView, OutgoingView, PeerView, StatusView } from '../../ports/gateway-api.ts';
import { SECOND_MS } from '../../units.ts';
import { asDelivery, asEvents, asHeldRows, asOutgoingRows, asStatus } from '../answers.ts';
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

  async returnTo(peer: string): Promise<void> {
    await this.#api.json({ method: 'POST', path: `/v1/peers/${peer}/return` });
  }

  async shutDownOrderly(): Promise<void> {
    await this.#api.json({ method: 'POST', path: '/v1/messages', json: { msg: 'OrderlyShutdown' } });
  }

  #get(path: string): Promise<unknown> {
    return this.#api.json({ path, idleMs: 5 * SECOND_MS });
  }
}
