import { expect } from 'chai';
import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { ApplicationState, Ask, Reply } from '../../../src/cli/demo/application-protocol.ts';
import { BOOKS, OrderBooks } from '../../../src/cli/demo/order-books.ts';
import { createDelivery, type Delivery, type DeliveryReason } from '../../../src/core/delivery.ts';
import type { StoredSnapshot } from '../../../src/core/snapshot.ts';
import { fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { untilShown } from '../../support/seen.ts';
import { json, ScriptedGateway, text } from './scripted-gateway.ts';

const APPLICATION = fileURLToPath(new URL('../../../src/cli/demo/application.ts', import.meta.url));
const SNAPSHOT_REQUEST = { type: 'snapshot-request', requestId: '1', reason: 'manual', origins: null };
const AT = '2026-01-02T03:04:05.678Z';

/** A gateway whose event stream is in the test's hand. */
class Stream {
  readonly #opened: Promise<ServerResponse>;

  constructor(gateway: ScriptedGateway) {
    this.#opened = new Promise((resolve) => {
      gateway.on('GET /v1/events', (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
        resolve(response);
      });
    });
  }

  async send(event: { readonly type: string } & Readonly<Record<string, unknown>>): Promise<void> {
    (await this.#opened).write(`event: ${event.type}\nid: 1\ndata: ${JSON.stringify(event)}\n\n`);
  }
}

function deliveryOf(reason: DeliveryReason, snapshots: readonly StoredSnapshot[], epoch = 2): Delivery {
  const workload = snapshots[0]?.key.workload ?? 'dc1';
  return createDelivery({ id: '5', reason, dataCenter: 'dc1', workload, epoch, createdAt: AT, snapshots });
}

function storedBook(books: OrderBooks, dataCenter: string, book: string): StoredSnapshot {
  const bytes = books.snapshot(dataCenter, book);
  return fakeSnapshot(book, bytes, { key: { dataCenter, workload: dataCenter, origin: book } }).stored;
}

function traded(dataCenter: string, orders: number): OrderBooks {
  const books = new OrderBooks();
  for (let placed = 0; placed < orders; placed += 1) books.place(dataCenter);
  return books;
}

describe("the demo's application", () => {
  let gateway: ScriptedGateway;
  let stream: Stream;
  let child: ChildProcess | undefined;
  let asked = 0;
  /** Who owns dc1 and dc2, as the gateway of dc2 has it, and what `/primary` says. */
  const rows = new Map<string, { owner: string; epoch: number; primary: number }>();

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
    stream = new Stream(gateway);
    owned('dc2', { owner: 'dc2', epoch: 1, primary: 200 });
    owned('dc1', { owner: 'dc1', epoch: 1, primary: 503 });
    for (const workload of ['dc1', 'dc2']) restorable(workload, []);
  });
  afterEach(async () => {
    if (child?.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await gateway.stop();
  });

  function owned(workload: string, row: { owner: string; epoch: number; primary: number }): void {
    rows.set(workload, row);
    const view = (name: string): object => ({ workload: name, ...rows.get(name), local: {} });
    gateway.on('GET /v1/ownership', json(200, ['dc2', 'dc1'].map(view)));
    gateway.on(`GET /v1/ownership/${workload}`, json(200, view(workload)));
    gateway.on(`GET /primary?workload=${workload}`, (response) => {
      response.writeHead(row.primary, { 'crossdc-epoch': row.epoch });
      response.end();
    });
  }

  /** What `/v1/restore` has: a book, and beside it what the newest of its versions is. */
  function restorable(workload: string, books: readonly { book: string; text: string }[]): void {
    const origins = books.map(({ book, text: content }) => {
      const href = `/v1/snapshots/${book}?version=9&workload=${workload}`;
      gateway.on(`GET ${href}`, text(200, content));
      return {
        origin: book,
        candidates: [
          { source: 'own', href },
          { source: 'held', href: '/an/older/one' },
        ],
      };
    });
    gateway.on(`GET /v1/restore?workload=${workload}`, json(200, { workload, origins, watermarks: {} }));
  }

  function open(): void {
    child = fork(APPLICATION, [gateway.url, 'dc2'], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  async function ask(question: Ask): Promise<ApplicationState> {
    asked += 1;
    child?.send({ id: asked, ask: question });
    for (;;) {
      const [reply] = (await once(child!, 'message')) as [Reply];
      if (reply.id === asked) return reply.state;
    }
  }

  async function until(what: string, isSo: (state: ApplicationState) => boolean): Promise<ApplicationState> {
    return untilShown(what, async () => {
      const state = await ask({ kind: 'state' });
      return isSo(state) ? state : undefined;
    });
  }

  const worksOn = (workload: string, epoch: number) =>
    until(`it works on ${workload}`, ({ working }) =>
      working.some((work) => work.workload === workload && work.epoch === epoch),
    );

  const rests = () => until('it rests', ({ working }) => working.length === 0);

  /** Resolves with what was sent when a request of this line has been answered. */
  function request(line: string, status = 202): Promise<Buffer> {
    return new Promise((resolve) => {
      gateway.on(line, (response, seen) => {
        void json(status, {})(response, seen);
        resolve(seen.body);
      });
    });
  }

  const posts = () => gateway.lines.filter((line) => line.startsWith('PUT'));

  it('works under the epoch of /primary, and posts each of its books when it is asked', async () => {
    open();
    await worksOn('dc2', 1);
    const posted = BOOKS.map((book) => request(`PUT /v1/snapshots/${book}?workload=dc2`));
    await stream.send(SNAPSHOT_REQUEST);
    const bodies = await Promise.all(posted);
    const { books, isSubscribed } = await ask({ kind: 'state' });
    expect(isSubscribed).to.equal(true);
    expect(bodies.map((body) => createHash('sha256').update(body).digest('hex'))).to.deep.equal(
      books.map(({ sha256 }) => sha256),
    );
  });

  it('begins with the newest that there is', async () => {
    restorable('dc2', [{ book: 'bonds', text: traded('dc2', 9).snapshot('dc2', 'bonds').toString('utf8') }]);
    open();
    const { books } = await worksOn('dc2', 1);
    expect(books.map(({ book, orders }) => [book, orders])).to.deep.equal([['bonds', 3]]);
  });

  it('absorbs a takeover, acknowledges the version that it has, and works when it is completed', async () => {
    const dc1 = traded('dc1', 7);
    gateway.on('GET /v1/deliveries/5/snapshots/bonds', text(200, dc1.snapshot('dc1', 'bonds').toString('utf8')));
    open();
    await worksOn('dc2', 1);
    const acknowledged = request('POST /v1/deliveries/5/snapshots/bonds/ack?version=7&workload=dc1', 204);
    await stream.send({ type: 'delivery', delivery: deliveryOf('takeover', [storedBook(dc1, 'dc1', 'bonds')]) });
    await acknowledged;
    const { working, books } = await ask({ kind: 'state' });
    expect(working).to.deep.equal([{ workload: 'dc2', epoch: 1 }]);
    const expected = dc1.summaries().filter(({ book }) => book === 'bonds');
    expect(books.filter(({ dataCenter }) => dataCenter === 'dc1')).to.deep.equal(expected);
    owned('dc1', { owner: 'dc2', epoch: 2, primary: 200 });
    await stream.send({ type: 'takeover-completed', workload: 'dc1', epoch: 2 });
    await worksOn('dc1', 2);
    // What the delivery brought is what it goes on with: it was of this epoch.
    expect(gateway.lines).not.to.include('GET /v1/restore?workload=dc1');
    const posted = request('PUT /v1/snapshots/bonds?workload=dc1');
    await stream.send({ ...SNAPSHOT_REQUEST, workload: 'dc1' });
    expect((await posted).equals(dc1.snapshot('dc1', 'bonds'))).to.equal(true);
  });

  it('rejects what is no book', async () => {
    const stored = fakeSnapshot('bonds', 'nonsense', {
      key: { dataCenter: 'dc1', workload: 'dc1', origin: 'bonds' },
    }).stored;
    gateway.on('GET /v1/deliveries/5/snapshots/bonds', text(200, 'nonsense'));
    open();
    const rejected = request('POST /v1/deliveries/5/snapshots/bonds/reject?version=7&workload=dc1', 204);
    await stream.send({ type: 'delivery', delivery: deliveryOf('takeover', [stored]) });
    expect(JSON.parse((await rejected).toString('utf8')))
      .to.have.property('reason')
      .that.contains('JSON');
  });

  it('that is not in charge posts nothing, and what is given back to it takes the place of what it had', async () => {
    restorable('dc2', [{ book: 'metals', text: traded('dc2', 30).snapshot('dc2', 'metals').toString('utf8') }]);
    open();
    await worksOn('dc2', 1);
    owned('dc2', { owner: 'dc1', epoch: 2, primary: 503 });
    await stream.send({ type: 'superseded', workload: 'dc2' });
    await rests();
    const dc2 = traded('dc2', 12);
    gateway.on('GET /v1/deliveries/5/snapshots/bonds', text(200, dc2.snapshot('dc2', 'bonds').toString('utf8')));
    const acknowledged = request('POST /v1/deliveries/5/snapshots/bonds/ack?version=7&workload=dc2', 204);
    await stream.send(SNAPSHOT_REQUEST);
    await stream.send({ type: 'delivery', delivery: deliveryOf('return', [storedBook(dc2, 'dc2', 'bonds')], 3) });
    await acknowledged;
    expect(posts()).to.deep.equal([]);
    owned('dc2', { owner: 'dc2', epoch: 3, primary: 200 });
    const { books } = await worksOn('dc2', 3);
    expect(books.map(({ book, orders }) => [book, orders])).to.deep.equal([['bonds', 4]]);
  });

  it('that is told to let go posts its last state first, also when it had stopped by itself', async () => {
    open();
    await worksOn('dc2', 1);
    await ask({ kind: 'trade', everyMs: 5 });
    await until('orders', ({ books }) => books.length === BOOKS.length);
    owned('dc2', { owner: 'dc2', epoch: 1, primary: 503 });
    await rests();
    for (const book of BOOKS) gateway.on(`PUT /v1/snapshots/${book}?workload=dc2`, json(202, {}));
    const released = request('POST /v1/ownership/dc2/released', 204);
    await stream.send({ type: 'owner-releasing', workload: 'dc2' });
    await released;
    const last = new Map(gateway.seen.map(({ line, body }) => [line, body]));
    const { books } = await ask({ kind: 'state' });
    for (const { book, sha256 } of books) {
      const body = last.get(`PUT /v1/snapshots/${book}?workload=dc2`) ?? Buffer.alloc(0);
      expect(createHash('sha256').update(body).digest('hex'), book).to.equal(sha256);
    }
  });

  it('stops when a post is refused because another data centre owns the work', async () => {
    open();
    await worksOn('dc2', 1);
    const refused = BOOKS.map((book) => request(`PUT /v1/snapshots/${book}?workload=dc2`, 409));
    owned('dc2', { owner: 'dc1', epoch: 2, primary: 503 });
    await stream.send(SNAPSHOT_REQUEST);
    await refused[0];
    await rests();
    expect(posts()).to.deep.equal([`PUT /v1/snapshots/${BOOKS[0]}?workload=dc2`]);
  });

  it('ends when the channel to the demo closes', async () => {
    open();
    await ask({ kind: 'state' });
    child!.disconnect();
    expect(await once(child!, 'exit')).to.deep.equal([0, null]);
  });
});
