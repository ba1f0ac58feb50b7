import { expect } from 'chai';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { SerialQueue } from '../../../src/services/serial-queue.ts';
import { bounded } from '../../../src/services/wake.ts';
import { Webhook } from '../../../src/services/webhook.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { Stage } from './stage.ts';

describe('the webhook', () => {
  it('goes on when the event log could not be read for a while', async () => {
    const stage = await new Stage().load();
    const posted: GatewayEvent[] = [];
    const sink = {
      post: (event: GatewayEvent) => {
        posted.push(event);
        return Promise.resolve({ delivered: true, detail: '' });
      },
    };
    const { hub: events, records, deliveries, context } = stage;
    const webhook = new Webhook(context, { events, sink, records, deliveries });
    await webhook.load();
    const read = events.read.bind(events);
    events.read = () => Promise.reject(new Error('the disk is away'));
    webhook.start();
    await events.publish({ type: 'shutdown', orderly: false });
    await settled();
    events.read = read;
    await stage.clock.advance(2000);
    expect(posted.map(({ type }) => type)).to.deep.equal(['shutdown']);
    context.tasks.abort();
  });
});

describe('a serial queue', () => {
  it('goes on after a job that throws before it returns a promise', async () => {
    const { context, defects } = new Stage();
    const queue = new SerialQueue(context, 'jobs');
    const done: number[] = [];
    queue.add(() => {
      throw new Error('a defect');
    });
    queue.add(() => Promise.resolve(done.push(2)));
    await settled();
    expect(done).to.deep.equal([2]);
    expect(defects).to.have.length(1);
  });
});

describe('a bounded signal', () => {
  it('ends with any of the callers, or by itself', () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const first = bounded(one.signal, two.signal);
    two.abort();
    expect(first.signal.aborted).to.equal(true);
    const second = bounded(one.signal);
    second.end();
    expect([second.signal.aborted, one.signal.aborted]).to.deep.equal([true, false]);
    expect(bounded(one.signal, two.signal).signal.aborted).to.equal(true);
  });
});
