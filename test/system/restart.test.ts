import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import type { EventType } from '../../src/core/events.ts';
import type { GatewayProcess, Receipt } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

const STORM: readonly EventType[] = ['peer-down', 'peer-left', 'delivery', 'takeover-cancelled'];
/** So many misses that a restart takes less, on any machine. */
const PATIENT = { keys: { consecutiveHeartbeatMissesAllowed: 30 } };

/** A PUT whose body has begun and not ended: the gateway has said that it takes it. */
async function beginPut(gateway: GatewayProcess, origin: string, bytes: Buffer): Promise<ClientRequest> {
  const headers = { 'content-length': String(bytes.length), expect: '100-continue' };
  const put = request(`${gateway.url}/v1/snapshots/${origin}`, { method: 'PUT', headers, agent: false });
  put.on('error', () => undefined);
  put.flushHeaders();
  await once(put, 'continue');
  await new Promise((resolve) => put.write(bytes.subarray(0, bytes.length / 2), resolve));
  return put;
}

describe('a gateway is stopped and started again', () => {
  const stage = useStage();

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`by ${signal}, within N intervals: exit status 0, and no event for anybody`, async () => {
      const { dc1, dc2 } = await Pair.running(stage, PATIENT);
      await dc1.putReplicated('orders', 'state');
      const marks = { dc1: dc1.events.mark, dc2: dc2.events.mark };
      const before = (await dc2.peer('dc1')).incarnation!;
      expect(await dc1.stop(signal)).to.deep.equal({ status: 0, signal: null });
      await dc1.start();
      await dc2.untilPeer('dc1', 'in its new run', (peer) => peer.state === 'up' && peer.incarnation! > before);
      await dc1.untilPeer('dc2', 'up', (peer) => peer.state === 'up' && peer.missed === 0 && peer.hearsUs === true);
      expect(dc2.events.types(marks.dc2, ...STORM)).to.deep.equal([]);
      expect(dc1.events.types(marks.dc1, ...STORM)).to.deep.equal([]);
      expect((await dc2.peer('dc1')).transitions).to.equal(0);
      await untilShown('the snapshot as stored', async () => {
        const [row] = (await dc1.api('/v1/snapshots')).json() as Receipt[];
        return JSON.stringify(row?.replication) === '[{"peer":"dc2","state":"stored"}]' ? true : undefined;
      });
    });
  }

  it('a second signal ends it at once, whatever is still under way', async () => {
    const dc1 = await stage.gateway('dc1', { remoteDataCenterApplicationMachineNames: '127.0.0.1:1' });
    await dc1.start();
    const put = await beginPut(dc1, 'orders', freshBytes(1000));
    dc1.signal('SIGTERM');
    await dc1.untilLogged('told to stop');
    const signalledAt = performance.now();
    expect(await dc1.stop()).to.deep.equal({ status: 1, signal: null });
    expect(performance.now() - signalledAt).to.be.below(2000);
    put.destroy();
  });

  it('finishes the upload that is under way, and ships it after the restart', async () => {
    const { dc1, dc2 } = await Pair.running(stage, PATIENT);
    const state = freshBytes(10_000);
    const put = await beginPut(dc1, 'orders', state);
    dc1.signal('SIGTERM');
    await dc1.untilLogged('told to stop');
    put.end(state.subarray(state.length / 2));
    const [answer] = (await once(put, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).to.equal(202);
    expect(await dc1.untilEnded()).to.deep.equal({ status: 0, signal: null });
    await dc1.start();
    await dc1.events.until('snapshot-replicated');
    expect((await dc2.held('dc1')).map((row) => row.bytes)).to.deep.equal([state.length]);
  });

  it('and then its peer dies: what it held before the restart is still delivered', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const state = freshBytes(20_000);
    await dc1.putReplicated('orders', state);
    await dc2.stop();
    await dc2.start();
    await dc1.kill9();
    const { delivery } = (await dc2.events.until('delivery')).data;
    expect(delivery).to.include({ reason: 'takeover', dataCenter: 'dc1' });
    const app = new TestApp(dc2);
    await app.absorb(delivery);
    expect(app.absorbed.get('orders')!.equals(state)).to.equal(true);
  });

  it('while its peer is dead, it says nothing of that again, delivers nothing twice, and has its work', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'state');
    await dc1.kill9();
    await new TestApp(dc2).absorb((await dc2.events.until('delivery')).data.delivery);
    await dc2.events.until('delivery-done');
    await dc2.stop();
    const from = dc2.events.mark;
    await dc2.start();
    // The stop may have come before the last steps, which the next run takes then.
    await dc2.events.until('takeover-completed');
    await dc2.events.noneFor(1200, ['peer-down', 'peer-suspect', 'delivery', 'peer-up'], from);
    expect((await dc2.peer('dc1')).state).to.equal('down');
    expect((await dc2.api('/primary?workload=dc1')).status).to.equal(200);
  });
});
