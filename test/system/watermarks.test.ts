import { expect } from 'chai';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';

/** Longer than any wait of a test: what is seen before has not come with the interval. */
const LONG = { heartbeatExchangeInterval: 600 };

interface Known {
  readonly incarnation: number | null;
  readonly watermarks: Record<string, { seq?: number; position?: string }>;
}

async function put(gateway: GatewayProcess, name: string, watermark: object, query = ''): Promise<void> {
  const answer = await gateway.api(`/v1/watermarks/${name}${query}`, { method: 'PUT', json: watermark });
  expect(answer.status, answer.body.toString()).to.equal(204);
}

async function untilKnown(gateway: GatewayProcess, peer: string, seq: number): Promise<Known> {
  return untilShown(`watermark ${seq} of ${peer}`, async () => {
    const known = (await gateway.api(`/v1/peers/${peer}/watermarks`)).json() as Known;
    return known.watermarks.published?.seq === seq ? known : undefined;
  });
}

describe('watermarks', () => {
  const stage = useStage();

  it('that are flushed are at the peer at once, however long the interval is', async () => {
    const { dc1, dc2 } = await Pair.create(stage, { keys: LONG });
    await dc2.start();
    await dc1.start();
    await dc2.events.until('peer-up');
    await put(dc1, 'published', { seq: 41, position: 'log.7:10' }, '?flush=1');
    await put(dc1, 'a%2Fb', { seq: 1 });
    await put(dc1, 'published', { seq: 42 }, '?flush=1');
    const known = await untilKnown(dc2, 'dc1', 42);
    const { incarnation } = await dc1.status();
    expect(known).to.deep.equal({ incarnation, watermarks: { published: { seq: 42 }, 'a/b': { seq: 1 } } });
    expect((await dc1.api('/v1/watermarks')).json()).to.deep.equal(known.watermarks);

    await put(dc1, 'a%2Fb', {}, '?flush=1');
    await untilShown('the removal', async () => {
      const { stdout } = await crossdc('watermarks', 'dc1', '--url', dc2.url);
      return (
        stdout === `incarnation ${String(incarnation)}\nNAME       SEQ  POSITION\npublished   42  -\n` || undefined
      );
    });
  });

  it('of a killed data centre are in its delivery, and survive a kill of the survivor too', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'state');
    for (let seq = 1; seq <= 30; seq += 1) await put(dc1, 'published', { seq });
    const { incarnation } = await untilKnown(dc2, 'dc1', 30);
    await dc1.kill9();
    const { data } = await dc2.events.until('delivery');
    expect(data.delivery.watermarks).to.deep.equal({ published: { seq: 30 } });

    await dc2.kill9();
    await dc2.start();
    expect(await untilKnown(dc2, 'dc1', 30)).to.deep.equal({ incarnation, watermarks: { published: { seq: 30 } } });
    expect((await dc2.deliveries()).map(({ watermarks }) => watermarks)).to.deep.equal([{ published: { seq: 30 } }]);
  });

  it('that were answered 204 are there after a kill, each as it was put last', async () => {
    const { dc1 } = await Pair.create(stage, { keys: LONG });
    await dc1.start();
    const names = Array.from({ length: 40 }, (_, index) => `n${String(index)}`);
    await Promise.all(
      names.map(async (name) => {
        for (let seq = 1; seq <= 25; seq += 1) await put(dc1, name, { seq });
      }),
    );
    await dc1.kill9();
    await dc1.start();
    const own = (await dc1.api('/v1/watermarks')).json();
    expect(own).to.deep.equal(Object.fromEntries(names.map((name) => [name, { seq: 25 }])));
  });

  it('that are too many are refused', async () => {
    const { dc1 } = await Pair.create(stage, { keys: LONG });
    await dc1.start();
    const large = await dc1.api('/v1/watermarks/large', { method: 'PUT', json: { position: 'x'.repeat(4092) } });
    expect(large.status, large.body.toString()).to.equal(413);
    expect(large.json()).to.have.property('type', 'urn:crossdc:problem:watermarks-too-large');
    await put(dc1, 'large', { position: 'x'.repeat(4091) });
  });
});
