import { expect } from 'chai';
import { eventText, isTruncated, streamEvents } from '../../../../src/adapters/local-api/event-stream.ts';
import type { Exchange } from '../../../../src/adapters/local-api/exchange.ts';
import { DEFAULT_LIMITS } from '../../../../src/adapters/local-api/limits.ts';
import { FakeGatewayApi, fakeDelivery, fakeSnapshot } from '../../../support/fake-gateway-api.ts';
import { FakeResponse } from './fake-response.ts';
import { ManualClock, settled } from './manual-clock.ts';

const up = { type: 'peer-up', dataCenter: 'dc2', incarnation: 5, from: '127.0.0.1:1' } as const;

describe('a stream of events', () => {
  let api: FakeGatewayApi;
  let clock: ManualClock;
  let response: FakeResponse;
  let closing: AbortController;
  const logged: string[] = [];
  beforeEach(() => {
    api = new FakeGatewayApi();
    clock = new ManualClock();
    response = new FakeResponse();
    closing = new AbortController();
    logged.length = 0;
  });

  function start(lastId: number | null): Promise<void> {
    const log = { info: (_facts: object, sentence: string) => logged.push(sentence) };
    const context = { api, clock, log, limits: DEFAULT_LIMITS, closing: closing.signal };
    return streamEvents({ response: response.asResponse(), context } as unknown as Exchange, lastId);
  }

  /** The ids, types and comments that were written since the last look. */
  function seen(): string[] {
    const blocks = response.text.split('\n\n').slice(0, -1);
    response.chunks.length = 0;
    return blocks.map((block) => /^id: (.*)$/m.exec(block)?.[1] ?? /^(?:event: |: )(.*)$/m.exec(block)?.[1] ?? block);
  }

  it('announces open deliveries on connect and every 60 s, and a heartbeat comment each 15 s', async () => {
    api.events.open = [fakeDelivery('d-1', [fakeSnapshot('orders', 'state')])];
    void start(null);
    await settled();
    expect(seen()).to.deep.equal(['delivery']);
    await clock.advance(14_999);
    expect(seen()).to.deep.equal([]);
    await clock.advance(1);
    expect(seen()).to.deep.equal(['keep-alive']);
    for (let quarter = 2; quarter <= 3; quarter += 1) await clock.advance(15_000);
    expect(seen()).to.deep.equal(['keep-alive', 'keep-alive']);
    await clock.advance(15_000);
    expect(response.text).to.contain('"attempt":3');
    expect(seen()).to.deep.equal(['delivery', 'keep-alive']);
  });

  it('announces nothing more once the delivery is done', async () => {
    api.events.open = [fakeDelivery('d-1', [fakeSnapshot('orders', 'state')])];
    void start(null);
    await settled();
    seen();
    api.events.open = [];
    await clock.advance(60_000);
    expect(seen()).to.deep.equal(['keep-alive']);
  });

  it('goes on announcing while events come without a pause', async () => {
    api.events.open = [fakeDelivery('d-1', [fakeSnapshot('orders', 'state')])];
    void start(null);
    await settled();
    seen();
    for (let second = 0; second < 60; second += 1) {
      api.events.publish(up);
      await clock.advance(1000);
    }
    const types = seen();
    expect(types.filter((type) => type === 'delivery')).to.have.length(1);
    expect(types.filter((type) => type === 'keep-alive')).to.have.length(4);
    expect(types.filter((type) => /^\d+$/.test(type))).to.have.length(60);
  });

  it('sends what comes while a slow subscriber is waited for, once and in order', async () => {
    void start(null);
    await settled();
    response.isFull = true;
    const first = api.events.publish(up);
    await settled();
    const rest = [api.events.publish(up), api.events.publish(up)];
    await settled();
    expect(seen()).to.deep.equal([String(first.id)]);
    response.drain();
    await settled();
    expect(seen()).to.deep.equal(rest.map((event) => String(event.id)));
  });

  it('says so when the log dropped events that a slow subscriber had not had', async () => {
    void start(null);
    await settled();
    response.isFull = true;
    const first = api.events.publish(up);
    await settled();
    api.events.publish(up);
    const kept = api.events.publish(up);
    api.events.log.splice(0, 2);
    response.drain();
    await settled();
    expect(seen()).to.deep.equal([String(first.id), 'log-truncated', String(kept.id)]);
  });

  it('ends when the subscriber goes away, and nothing is left that waits', async () => {
    const streaming = start(null);
    await settled();
    response.destroy();
    await streaming;
    expect([api.events.waiting, clock.sleeping]).to.deep.equal([0, 0]);
    expect(logged).to.deep.equal([]);
  });

  it('ends after what is in the log when the server closes', async () => {
    const streaming = start(null);
    await settled();
    const events = Array.from({ length: 150 }, () => api.events.publish(up));
    closing.abort();
    await streaming;
    expect(seen()).to.deep.equal(events.map((event) => String(event.id)));
    expect([api.events.waiting, clock.sleeping]).to.deep.equal([0, 0]);
  });

  it('ends and says so when the subscriber takes nothing for 30 s', async () => {
    const streaming = start(null);
    await settled();
    response.isFull = true;
    api.events.publish(up);
    await settled();
    await clock.advance(29_999);
    expect(response.destroyed).to.equal(false);
    await clock.advance(1);
    await streaming;
    expect(logged).to.deep.equal(['A subscriber of events took nothing and was cut']);
  });

  it('does not turn in circles while nothing happens', async () => {
    void start(null);
    await settled();
    const { reads } = api.events;
    await clock.advance(10_000);
    expect(api.events.reads).to.equal(reads);
  });
});

describe('an event on the stream', () => {
  it('is one line of data, whatever is in it', () => {
    const text = eventText({ id: 7, at: 'now', type: 'store-error', store: 'own', reason: 'a\nb\r\nid: 9\n\n' });
    expect(text.split('\n').map((line) => line.split(':')[0])).to.deep.equal(['event', 'id', 'data', '', '']);
    expect(text).not.to.contain('\r');
  });
});

describe('a log that may be truncated', () => {
  const cases: [last: number, oldest: number, newest: number, truncated: boolean][] = [
    [0, 0, 0, false],
    [0, 50, 90, false],
    [49, 50, 90, true],
    [50, 50, 90, false],
    [90, 50, 90, false],
    [91, 50, 90, true],
    [5, 0, 0, true],
  ];
  for (const [last, oldestId, newestId, truncated] of cases) {
    it(`is ${truncated ? '' : 'not '}truncated for ${String(last)} when it has ${String(oldestId)} to ${String(newestId)}`, () => {
      expect(isTruncated({ oldestId, newestId }, last)).to.equal(truncated);
    });
  }
});
