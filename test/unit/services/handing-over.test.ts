import { expect } from 'chai';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { Webhook } from '../../../src/services/webhook.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { bytesOf, Stage } from './stage.ts';

const signal = new AbortController().signal;
const a = { origin: 'a', workload: undefined };

function offered(stage: Stage): string[] {
  return stage.held.offered('dc2').map(({ key, version }) => `${key.origin}@${version}`);
}

describe('what was handed over', () => {
  it('by a takeover is marked, and stays on offer for deliver and return', async () => {
    const stage = await new Stage().load();
    const delivery = await stage.takeover(await stage.hold('a', 1));
    await stage.deliveries.acknowledge(delivery.id, a);
    expect(stage.stores.held.rows().map(({ deliveredBy }) => deliveredBy)).to.deep.equal([delivery.id]);
    expect(offered(stage)).to.deep.equal(['a@1']);
    expect(stage.held.views('dc2', { history: false, workload: undefined })[0]?.state).to.equal('delivered');
  });

  it('by hand changes nothing in what is held', async () => {
    const stage = await new Stage().load();
    const delivery = await stage.deliveries.create({
      reason: 'manual',
      dataCenter: 'dc2',
      snapshots: [await stage.hold('a', 1)],
    });
    const before = stage.stores.held.rows();
    await stage.deliveries.acknowledge(delivery.id, a);
    expect(stage.deliveries.get(delivery.id).state).to.equal('done');
    expect(stage.stores.held.rows()).to.deep.equal(before);
    expect(stage.stores.held.rows()[0]?.deliveredBy).to.equal(null);
  });

  it('and rejected is kept in quarantine and told with its reason; without an older version the delivery is done', async () => {
    const stage = await new Stage().load();
    const delivery = await stage.takeover(await stage.hold('a', 1));
    await stage.deliveries.reject(delivery.id, { ...a, reason: 'no state of ours' });
    expect(stage.stores.held.rows().map(({ place }) => place)).to.deep.equal(['quarantined']);
    expect(offered(stage)).to.deep.equal([]);
    expect(stage.ofType('snapshot-rejected')[0]).to.include({
      delivery: delivery.id,
      dataCenter: 'dc2',
      origin: 'a',
      version: 1,
      reason: 'no state of ours',
    });
    expect(stage.deliveries.get(delivery.id)).to.include({ state: 'done' });
    expect(stage.ofType('delivery-done')).to.have.length(1);
  });

  it('stays pinned while newer versions arrive, whatever the history allows', async () => {
    const stage = await new Stage({ settings: { snapshotHistory: 0 } }).load();
    const delivery = await stage.takeover(await stage.hold('a', 1));
    const peer = await stage.peers.identify('dc2', 'default', true);
    for (const version of [2, 3]) {
      const text = `a ${version}`;
      const bytes = Buffer.from(text);
      const sha256 = await sha256Of(bytes);
      await stage.held.receive(
        peer,
        {
          heartbeatMsgType: 2,
          heartbeatCnt: version,
          dataCenterOrigin: 'dc2',
          applicationName: 'default',
          incarnation: 1,
          workload: 'dc2',
          origin: 'a',
          description: {
            version,
            bytes: bytes.length,
            sha256,
            takenAt: '2026-01-01T00:00:00.000Z',
            position: null,
            labels: {},
            withdrawn: false,
          },
          batch: null,
        },
        bytesOf(text),
        signal,
      );
      await settled();
    }
    expect(stage.stores.held.rows().map(({ version }) => version)).to.have.members([1, 3]);
    expect(stage.deliveries.get(delivery.id).snapshots[0]?.version).to.equal(1);
  });
});

describe('dataSnapshotHistory', () => {
  it('is how many versions of an own snapshot are kept beside the newest', async () => {
    const stage = await new Stage({ settings: { snapshotHistory: 2 } }).load();
    const versions: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const request = { ...a, position: null, labels: {}, content: bytesOf(`state ${i}`), bytes: null, sha256: null };
      versions.push((await stage.own.put(request, signal)).version);
      await settled();
    }
    expect(stage.stores.outgoing.rows().map(({ version }) => version)).to.have.members(versions.slice(2));
  });
});

describe('the webhook', () => {
  it('gets an open delivery again each minute, marked as a repeat, until it is answered', async () => {
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
    webhook.start();
    await settled();
    const delivery = await stage.takeover(await stage.hold('a', 1));
    await settled();
    await stage.clock.advance(60_000);
    await stage.clock.advance(60_000);
    const attempts = posted.flatMap((event) => (event.type === 'delivery' ? [event.delivery.attempt] : []));
    expect(attempts).to.deep.equal([1, 2, 3]);
    await deliveries.acknowledge(delivery.id, a);
    await settled();
    await stage.clock.advance(60_000);
    expect(posted.map(({ type }) => type)).to.deep.equal(['delivery', 'delivery', 'delivery', 'delivery-done']);
    context.tasks.abort();
  });
});

async function sha256Of(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}
