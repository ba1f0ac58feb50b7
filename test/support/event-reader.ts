import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { parseServerSentEvents } from '../../src/cli/sse.ts';
import type { EventType, GatewayEvent } from '../../src/core/events.ts';
import { Seen } from './seen.ts';
import { toldSecrets } from './told-secrets.ts';

export type EventOf<T extends EventType> = Extract<GatewayEvent, { type: T }>;

export interface SeenEvent<T extends EventType = EventType> {
  /** null: said again, or not from the log. */
  readonly id: number | null;
  readonly data: EventOf<T>;
  /** `performance.now()` when it came. */
  readonly at: number;
}

/** A subscriber of one gateway's event stream that resumes after each restart, as an application would. */
export class EventReader {
  readonly #seen = new Seen<SeenEvent>();
  /** Called with each event as it comes, by whoever acts on them. */
  onEvent: (seen: SeenEvent) => void = () => undefined;
  #lastId = 0;
  #request: ClientRequest | undefined;

  get all(): readonly SeenEvent[] {
    return this.#seen.all;
  }

  /** Where the next event will be: what comes later is asked for from here. */
  get mark(): number {
    return this.#seen.all.length;
  }

  /** Those of the types that came since the mark, as one line each, for comparing whole stories. */
  types(from = 0, ...only: readonly EventType[]): EventType[] {
    const types = this.#seen.all.slice(from).map((event) => event.data.type);
    return only.length === 0 ? types : types.filter((type) => only.includes(type));
  }

  of<T extends EventType>(type: T, from = 0): SeenEvent<T>[] {
    return this.#seen.all.slice(from).filter((event) => event.data.type === type) as unknown as SeenEvent<T>[];
  }

  /** Resolves when the stream is open; reading goes on beside, until the gateway ends it. */
  async connect(url: string, authorization: Readonly<Record<string, string>> = {}): Promise<void> {
    const headers = { ...authorization, accept: 'text/event-stream', 'last-event-id': String(this.#lastId) };
    this.#request = request(`${url}/v1/events`, { headers, agent: false });
    this.#request.end();
    const [response] = (await once(this.#request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`the event stream was answered ${response.statusCode ?? 0}`);
    this.#request.on('error', () => undefined);
    void this.#read(response);
  }

  close(): void {
    this.#request?.destroy();
  }

  /** The first such event from the mark on, also one that came already. */
  async until<T extends EventType>(
    type: T,
    where: (event: EventOf<T>, seen: SeenEvent) => boolean = () => true,
    from = 0,
  ): Promise<SeenEvent<T>> {
    const fits = (seen: SeenEvent): boolean => seen.data.type === type && where(seen.data as EventOf<T>, seen);
    return (await this.#seen.until(`the event ${type}`, fits, from)) as unknown as SeenEvent<T>;
  }

  /** Lets time pass in which none of these may come, or none that `where` is true of. */
  async noneFor(
    ms: number,
    types: readonly EventType[],
    from = this.mark,
    where: (event: GatewayEvent) => boolean = () => true,
  ): Promise<void> {
    const isForbidden = ({ data }: SeenEvent): boolean => types.includes(data.type) && where(data);
    await this.#seen.noneFor(ms, types.join(' or '), isForbidden, from);
  }

  async #read(response: IncomingMessage): Promise<void> {
    try {
      for await (const message of parseServerSentEvents(response as AsyncIterable<Buffer>)) {
        toldSecrets.hear('the event stream', message.data);
        const id = message.id === null ? null : Number(message.id);
        this.#lastId = id ?? this.#lastId;
        const seen: SeenEvent = { id, data: JSON.parse(message.data) as GatewayEvent, at: performance.now() };
        this.#seen.add(seen);
        this.onEvent(seen);
      }
    } catch {
      // The gateway is gone; whoever waits for an event finds out by its own bound, or by the exit.
    }
  }
}
