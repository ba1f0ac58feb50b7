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

  async send(event: { readonly type: string; readonly delivery?: Delivery }): Promise<void> {
    (await this.#opened).write(`event: ${event.type}\nid: 1\ndata: ${JSON.stringify(event)}\n\n`);
  }
}

function storedBook(books: OrderBooks, book: string): StoredSnapshot {
  const bytes = books.snapshot(book);
  return fakeSnapshot(book, bytes, { key: { dataCenter: 'dc1', workload: 'dc1', origin: book } }).stored;
}

function deliveryOf(reason: DeliveryReason, snapshots: readonly StoredSnapshot[]) {
  return createDelivery({ id: '5', reason, dataCenter: 'dc1', createdAt: AT, snapshots });
}

describe("the demo's application", () => {
  let gateway: ScriptedGateway;
  let stream: Stream;
  let child: ChildProcess | undefined;
  let asked = 0;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
    stream = new Stream(gateway);
  });
  afterEach(async () => {
    if (child?.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await gateway.stop();
  });

  function open(start: 'fresh' | 'await-return'): void {
    child = fork(APPLICATION, [gateway.url, 'dc2', start], {
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

  /** Resolves with what was sent when a request of this line has been answered. */
  function request(line: string, status = 202): Promise<Buffer> {
    return new Promise((resolve) => {
      gateway.on(line, (response, seen) => {
        void json(status, {})(response, seen);
        resolve(seen.body);
      });
    });
  }

  it('posts each of its books when it is asked, and the digest of the bytes is the checksum of its state', async () => {
    open('fresh');
    const posted = BOOKS.map((book) => request(`PUT /v1/snapshots/${book}`));
    await stream.send(SNAPSHOT_REQUEST);
    const bodies = await Promise.all(posted);
    const { books, isSubscribed } = await ask({ kind: 'state' });
    expect(isSubscribed).to.equal(true);
    expect(bodies.map((body) => createHash('sha256').update(body).digest('hex'))).to.deep.equal(
      books.map(({ sha256 }) => sha256),
    );
  });

  it('absorbs a takeover, verifies it, and acknowledges the version that it has', async () => {
    const dc1 = new OrderBooks('dc1');
    for (let placed = 0; placed < 7; placed += 1) dc1.place();
    gateway.on('GET /v1/deliveries/5/snapshots/bonds', text(200, dc1.snapshot('bonds').toString('utf8')));
    open('fresh');
    const acknowledged = request('POST /v1/deliveries/5/snapshots/bonds/ack?version=7&workload=dc1', 204);
    await stream.send({ type: 'delivery', delivery: deliveryOf('takeover', [storedBook(dc1, 'bonds')]) });
    await acknowledged;
    const taken = (await ask({ kind: 'state' })).books.filter(({ dataCenter }) => dataCenter === 'dc1');
    expect(taken).to.deep.equal(dc1.summaries().filter(({ book }) => book === 'bonds'));
  });

  it('rejects what is no book', async () => {
    const stored = fakeSnapshot('bonds', 'nonsense', {
      key: { dataCenter: 'dc1', workload: 'dc1', origin: 'bonds' },
    }).stored;
    gateway.on('GET /v1/deliveries/5/snapshots/bonds', text(200, 'nonsense'));
    open('fresh');
    const rejected = request('POST /v1/deliveries/5/snapshots/bonds/reject?version=7&workload=dc1', 204);
    await stream.send({ type: 'delivery', delivery: deliveryOf('takeover', [stored]) });
    expect(JSON.parse((await rejected).toString('utf8')))
      .to.have.property('reason')
      .that.contains('JSON');
  });

  it('that waits for its state posts nothing before it was returned, and all of it afterwards', async () => {
    const home = new OrderBooks('dc2');
    for (let placed = 0; placed < 9; placed += 1) home.place();
    gateway.on('GET /v1/deliveries/5/snapshots/bonds', text(200, home.snapshot('bonds').toString('utf8')));
    open('await-return');
    const acknowledged = request('POST /v1/deliveries/5/snapshots/bonds/ack?version=7&workload=dc1', 204);
    await stream.send(SNAPSHOT_REQUEST);
    await stream.send({ type: 'delivery', delivery: deliveryOf('return', [storedBook(home, 'bonds')]) });
    await acknowledged;
    expect(gateway.lines.filter((line) => line.startsWith('PUT'))).to.deep.equal([]);
    const posted = request('PUT /v1/snapshots/bonds');
    await stream.send(SNAPSHOT_REQUEST);
    expect((await posted).equals(home.snapshot('bonds'))).to.equal(true);
  });

  it('ends when the channel to the demo closes', async () => {
    open('fresh');
    await ask({ kind: 'state' });
    child!.disconnect();
    expect(await once(child!, 'exit')).to.deep.equal([0, null]);
  });
});
