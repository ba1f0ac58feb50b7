import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { expect } from 'chai';
import { EventSource } from 'eventsource';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { fakeDelivery, fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { assertEventMatchesOpenApi } from '../../support/openapi.ts';
import { Harness, problemOf } from './harness.ts';

/** One block of the stream. */
interface Block {
  readonly event?: string;
  readonly id?: string;
  readonly data?: string;
  readonly comment?: string;
}

/** A subscriber that takes the stream apart by itself, so that each line is looked at. */
class Subscriber {
  readonly #response: IncomingMessage;
  readonly #blocks: Block[] = [];
  readonly #reading: AsyncIterator<Buffer>;
  #text = '';

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.#reading = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  static async open(api: Harness, path = '/v1/events', headers: OutgoingHttpHeaders = {}): Promise<Subscriber> {
    const request = httpRequest({ host: '127.0.0.1', port: api.port, path, headers, agent: false });
    request.on('error', () => undefined).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.statusCode).to.equal(200);
    expect(response.headers['content-type']).to.equal('text/event-stream');
    return new Subscriber(response);
  }

  /** The next block; null when the stream has ended. */
  async next(): Promise<Block | null> {
    while (this.#blocks.length === 0) {
      const chunk = await this.#reading.next();
      if (chunk.done === true) return null;
      this.#text += chunk.value.toString();
      const parts = this.#text.split('\n\n');
      this.#text = parts.pop()!;
      this.#blocks.push(...parts.map(parseBlock));
    }
    return this.#blocks.shift()!;
  }

  async take(count: number): Promise<Block[]> {
    const blocks: Block[] = [];
    while (blocks.length < count) blocks.push((await this.next())!);
    return blocks;
  }

  leave(): void {
    this.#response.destroy();
  }
}

function parseBlock(text: string): Block {
  const block: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf(': ');
    const name = line.startsWith(':') ? 'comment' : line.slice(0, at);
    expect(block, `${name} twice in ${text}`).not.to.have.property(name);
    block[name] = line.slice(at + 2);
  }
  return block;
}

const up = { type: 'peer-up', dataCenter: 'dc2', incarnation: 5, from: '127.0.0.1:1' } as const;
const idsOf = (blocks: readonly Block[]): (string | undefined)[] => blocks.map((block) => block.id);

describe('local API: the event stream', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness().start()));
  afterEach(() => api.stop());

  it('starts now, and gives type, id and the flat event on one line', async () => {
    api.api.events.publish(up);
    const subscriber = await Subscriber.open(api);
    const event = api.api.events.publish({ type: 'store-error', store: 'own', reason: 'line one\nline two\r\u2028' });
    const block = await subscriber.next();
    expect(block).to.include({ event: 'store-error', id: String(event.id) });
    expect(JSON.parse(block!.data!)).to.deep.equal(event);
    assertEventMatchesOpenApi(JSON.parse(block!.data!));
  });

  it('starts at the oldest with 0', async () => {
    const events = Array.from({ length: 250 }, () => api.api.events.publish(up));
    const subscriber = await Subscriber.open(api, '/v1/events', { 'last-event-id': '0' });
    expect(idsOf(await subscriber.take(250))).to.deep.equal(events.map((event) => String(event.id)));
  });

  it('resumes without gap or duplicate, by header, by query, and the header is the later word', async () => {
    const events = [api.api.events.publish(up), api.api.events.publish(up), api.api.events.publish(up)];
    const [first, second, third] = events.map((event) => String(event.id));
    const byHeader = await Subscriber.open(api, '/v1/events', { 'last-event-id': first! });
    expect(idsOf(await byHeader.take(2))).to.deep.equal([second, third]);
    const byQuery = await Subscriber.open(api, `/v1/events?lastEventId=${first!}`);
    expect(idsOf(await byQuery.take(2))).to.deep.equal([second, third]);
    const both = await Subscriber.open(api, '/v1/events?lastEventId=0', { 'last-event-id': second! });
    expect(idsOf(await both.take(1))).to.deep.equal([third]);
    const live = api.api.events.publish(up);
    expect(idsOf(await both.take(1))).to.deep.equal([String(live.id)]);
  });

  it('says first that the log is truncated when the id is older than the log, or newer than all of it', async () => {
    api.api.events.publish(up, 100);
    const oldest = api.api.events.publish(up, 110);
    api.api.events.publish(up, 120);
    api.api.events.log.shift();
    for (const lastEventId of ['100', '121']) {
      const subscriber = await Subscriber.open(api, '/v1/events', { 'last-event-id': lastEventId });
      const [truncated, ...rest] = await subscriber.take(3);
      expect(truncated).to.have.property('event', 'log-truncated').and.not.to.equal(undefined);
      expect(truncated).not.to.have.property('id');
      expect(JSON.parse(truncated!.data!)).to.include({ type: 'log-truncated', oldestId: oldest.id });
      assertEventMatchesOpenApi(JSON.parse(truncated!.data!), 'UnloggedEvent');
      expect(idsOf(rest)).to.deep.equal(['110', '120']);
    }
  });

  it('does not call the log truncated for an id that is still in it, nor for 0', async () => {
    api.api.events.publish(up, 100);
    api.api.events.publish(up, 110);
    api.api.events.log.shift();
    const atOldest = await Subscriber.open(api, '/v1/events', { 'last-event-id': '110' });
    api.api.events.publish(up, 120);
    expect(idsOf(await atOldest.take(1))).to.deep.equal(['120']);
    const atZero = await Subscriber.open(api, '/v1/events', { 'last-event-id': '0' });
    expect(idsOf(await atZero.take(2))).to.deep.equal(['110', '120']);
  });

  it('announces open deliveries on connect, after what the log has, without an id and with a raised attempt', async () => {
    const delivery = fakeDelivery('d-1', [fakeSnapshot('orders', 'state')]);
    const logged = api.api.events.publish({ type: 'delivery', attempt: 1, delivery });
    api.api.events.open = [delivery];
    const subscriber = await Subscriber.open(api, '/v1/events', { 'last-event-id': '0' });
    const [first, again] = await subscriber.take(2);
    expect([first!.id, first!.event]).to.deep.equal([String(logged.id), 'delivery']);
    expect(again).to.have.property('event', 'delivery');
    expect(again).not.to.have.property('id');
    const body = JSON.parse(again!.data!) as { delivery: { attempt: number } };
    expect(body).to.have.all.keys('type', 'at', 'attempt', 'delivery');
    expect(body.delivery.attempt).to.equal(2);
    assertEventMatchesOpenApi(body, 'UnloggedEvent');
  });

  it('ends with what is in the log when the server closes, and gives its place back', async () => {
    const subscriber = await Subscriber.open(api);
    const event = api.api.events.publish({ type: 'shutdown', orderly: true });
    const closed = api.server.close(5000);
    expect(idsOf(await subscriber.take(1))).to.deep.equal([String(event.id)]);
    expect(await subscriber.next()).to.equal(null);
    await closed;
    expect(api.api.events.waiting).to.equal(0);
  });

  it('is bounded in subscribers, and frees the place of one who leaves', async () => {
    const small = await new Harness({ limits: { subscribers: 1, keepAliveMs: 20 } }).start();
    const first = await Subscriber.open(small);
    const refused = await small.checked('GET', '/v1/events');
    expect(problemOf(refused)).to.deep.include({ status: 503, code: 'busy' });
    expect(refused.headers['retry-after']).to.equal('1');
    await small.api.events.waitingFor(1);
    first.leave();
    await small.api.events.waitingFor(0);
    const second = await Subscriber.open(small);
    expect((await second.next())?.comment).to.equal('keep-alive');
    await small.stop();
  });

  it('counts those that follow as applications, until they leave', async () => {
    const first = await Subscriber.open(api);
    const second = await Subscriber.open(api);
    await api.api.events.attachedBy(2);
    first.leave();
    await api.api.events.attachedBy(1);
    await api.checked('HEAD', '/v1/events');
    expect(api.api.events.attached).to.equal(1);
    second.leave();
    await api.api.events.attachedBy(0);
  });

  it('cuts a subscriber that takes nothing, and serves the others meanwhile', async () => {
    const impatient = await new Harness({ limits: { subscriberStallMs: 50 } }).start();
    const stuck = await impatient.dial();
    stuck.pause().on('error', () => undefined);
    stuck.write(`GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:${String(impatient.port)}\r\nLast-Event-ID: 0\r\n\r\n`);
    const reader = await Subscriber.open(impatient);
    const reason = 'x'.repeat(256 * 1024);
    const events = Array.from({ length: 120 }, () =>
      impatient.api.events.publish({ type: 'store-error', store: 'own', reason }),
    );
    expect(idsOf(await reader.take(120))).to.deep.equal(events.map((event) => String(event.id)));
    stuck.resume();
    await once(stuck, 'close');
    expect(impatient.lines.map((line) => line.sentence)).to.deep.equal([
      'A subscriber of events took nothing and was cut',
    ]);
    await impatient.stop();
  });

  it('answers HEAD without a stream', async () => {
    const reply = await api.checked('HEAD', '/v1/events');
    expect([reply.status, reply.headers['content-type']]).to.deep.equal([200, 'text/event-stream']);
  });

  for (const id of ['-1', 'abc', '1.5', '9007199254740992']) {
    it(`refuses Last-Event-ID ${id}`, async () => {
      const reply = await api.checked('GET', '/v1/events', { headers: { 'last-event-id': id } });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'last-event-id' });
    });
  }

  it('cuts the stream and logs it when the log cannot be read', async () => {
    api.api.events.read = () => Promise.reject(new Error('the disk is gone'));
    const subscriber = await Subscriber.open(api);
    let failure: unknown;
    await subscriber.next().catch((error: unknown) => (failure = error));
    expect(failure).to.be.instanceOf(Error);
    expect(api.lines.map((line) => line.facts.error)).to.deep.equal(['the disk is gone']);
  });

  it('is understood by EventSource, which goes on where it was', async () => {
    const nextOf = (source: EventSource): Promise<{ readonly lastEventId: string; readonly data: string }> =>
      new Promise((resolve) => source.addEventListener('peer-up', resolve, { once: true }));
    const first = new EventSource(`${api.base}/v1/events`);
    await new Promise((resolve) => first.addEventListener('open', resolve, { once: true }));
    const arrived = nextOf(first);
    const seen = api.api.events.publish(up);
    const message = await arrived;
    first.close();
    expect([message.lastEventId, JSON.parse(message.data)]).to.deep.equal([String(seen.id), seen]);

    const missed = api.api.events.publish(up);
    const second = new EventSource(`${api.base}/v1/events?lastEventId=${message.lastEventId}`);
    expect((await nextOf(second)).lastEventId).to.equal(String(missed.id));
    second.close();
  });
});

describe('local API: pages of events', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness().start()));
  afterEach(() => api.stop());
  const accept = { accept: 'application/json' };

  interface Page {
    readonly events: readonly GatewayEvent[];
    readonly oldestId: number;
    readonly newestId: number;
  }

  it('gives a page after an id, and the bounds of the log', async () => {
    const events = Array.from({ length: 5 }, () => api.api.events.publish(up));
    const reply = await api.checked('GET', `/v1/events?after=${String(events[1]!.id)}&limit=2`, { headers: accept });
    expect(reply.json).to.deep.equal({ events: events.slice(2, 4), oldestId: events[0]!.id, newestId: events[4]!.id });
  });

  it('gives a hundred from the oldest when nothing is said, and an empty page of an empty log', async () => {
    expect((await api.checked('GET', '/v1/events', { headers: accept })).json).to.deep.equal({
      events: [],
      oldestId: 0,
      newestId: 0,
    });
    for (let count = 0; count < 130; count += 1) api.api.events.publish(up);
    const page = (await api.checked('GET', '/v1/events', { headers: accept })).json as Page;
    expect([page.events.length, page.events[0]!.id]).to.deep.equal([100, page.oldestId]);
  });

  it('gives the kind that is asked for', async () => {
    const type = async (value: string): Promise<string | undefined> =>
      (await api.ask('HEAD', '/v1/events', { headers: { accept: value } })).headers['content-type'];
    expect(await type('*/*')).to.equal('text/event-stream');
    expect(await type('text/event-stream')).to.equal('text/event-stream');
    expect(await type('application/json, */*;q=0.1')).to.match(/^application\/json/);
    const reply = await api.checked('GET', '/v1/events', { headers: { accept: 'image/png' } });
    expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'accept' });
  });

  for (const [query, field] of [
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['after=-1', 'after'],
    ['after=1&after=2', 'after'],
  ] as const) {
    it(`refuses ?${query}`, async () => {
      const reply = await api.checked('GET', `/v1/events?${query}`, { headers: accept });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field });
    });
  }
});
