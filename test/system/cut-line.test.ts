import { expect } from 'chai';
import type { OwnershipView } from '../../src/ports/ownership-api.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { INTERVAL_MS, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';

/** What a busy machine may take on top of what the interface promises. */
const NOISE_MS = 1000;
const CALM_MS = 3 * INTERVAL_MS;

/** Who owns what, and whether two did at one time, by the gateway's word. */
async function rowsOf(gateway: GatewayProcess): Promise<string> {
  const views = (await gateway.api('/v1/ownership')).json() as OwnershipView[];
  const rows = views.map(({ workload, owner, epoch, conflict }) => [workload, owner, epoch, conflict !== null]);
  return JSON.stringify(rows.sort());
}

describe('the line between two data centres is cut', () => {
  const stage = useStage();

  for (const stalled of ['resumed', 'lost'] as const) {
    it(`both ways, longer than the threshold: each declares the other down, and both are up within two intervals of the heal (old connections ${stalled})`, async () => {
      const pair = await Pair.running(stage, { isRelayed: true });
      const { dc1, dc2 } = pair;
      await dc1.putReplicated('orders', 'of dc1');
      await dc2.putReplicated('orders', 'of dc2');
      pair.cut();
      await Promise.all([dc1.events.until('peer-down'), dc2.events.until('peer-down')]);
      await Promise.all([dc1.events.until('delivery'), dc2.events.until('delivery')]);
      const marks = { dc1: dc1.events.mark, dc2: dc2.events.mark };
      const healedAt = performance.now();
      pair.heal(stalled);
      const [up1, up2] = await Promise.all([
        dc1.events.until('peer-up', () => true, marks.dc1),
        dc2.events.until('peer-up', () => true, marks.dc2),
      ]);
      const tookMs = Math.max(up1.at, up2.at) - healedAt;
      console.log(
        `      both up ${tookMs.toFixed(0)} ms after the heal, ${(tookMs / INTERVAL_MS).toFixed(2)} intervals`,
      );
      expect(tookMs).to.be.below(2 * INTERVAL_MS + NOISE_MS);
      expect([up1.data.from, up2.data.from]).to.deep.equal(['down', 'down']);
      await Promise.all([dc1.events.until('takeover-cancelled'), dc2.events.until('takeover-cancelled')]);
      expect(await dc1.putReplicated('orders', 'of dc1, later')).to.be.above(0);
    });
  }

  it('in one direction: both sides know which, and the one that is heard is not declared down', async () => {
    // An answer must come within an interval, on a busy machine too; three of them in silence would be a death.
    const misses = 3;
    const keys = { heartbeatExchangeInterval: CALM_MS / 1000, consecutiveHeartbeatMissesAllowed: misses };
    const pair = await Pair.running(stage, { isRelayed: true, keys });
    const { dc1, dc2 } = pair;
    await dc1.putReplicated('orders', 'state');
    // What dc1 sends does not arrive any more; what dc2 sends does, and is answered.
    pair.toDc2.cut('both');
    const suspect = await dc2.events.until('peer-suspect', (event) => event.reason === 'one-way');
    expect(suspect.data.dataCenter).to.equal('dc1');
    await dc1.untilPeer('dc2', 'not hear us', (peer) => peer.hearsUs === false);
    expect(await dc1.metric('crossdc_peer_hears_this_gateway', { peer: 'dc2' })).to.equal(0);
    expect(await dc2.peer('dc1')).to.include({ state: 'suspect', reason: 'one-way', hearsUs: true });
    expect(await dc2.metric('crossdc_peer_hears_this_gateway', { peer: 'dc1' })).to.equal(1);
    expect((await dc1.peer('dc2')).state).to.equal('up');
    await dc2.events.noneFor(2 * misses * CALM_MS, ['peer-down', 'delivery'], 0);
    expect(dc1.events.types(0, 'peer-down', 'delivery')).to.deep.equal([]);

    pair.heal();
    await dc2.events.until('peer-up', (event) => event.from === 'suspect');
    await dc1.untilPeer('dc2', 'hear us again', (peer) => peer.hearsUs === true);
  });

  it('in one direction, and then the other gateway dies: it is down N intervals after its last answer', async () => {
    const pair = await Pair.running(stage, { isRelayed: true });
    const { dc1, dc2 } = pair;
    await dc1.putReplicated('orders', 'state');
    pair.toDc2.cut('both');
    await dc2.events.until('peer-suspect', (event) => event.reason === 'one-way');
    await dc1.kill9();
    const down = await dc2.events.until('peer-down');
    expect(down.data).to.include({ dataCenter: 'dc1', reason: 'silence' });
    await dc2.events.until('delivery');
  });

  it('is not cut but slow and uneven, and misses are set for it: nobody is declared down', async () => {
    const pair = await Pair.running(stage, { isRelayed: true, keys: { consecutiveHeartbeatMissesAllowed: 10 } });
    const { dc1, dc2 } = pair;
    pair.toDc1.delay(100, 150);
    pair.toDc2.delay(100, 150);
    const sent = await dc1.metric('crossdc_heartbeats_sent_total');
    const heard = (await dc1.peer('dc2')).lastHeartbeatCnt!;
    await dc1.untilPeer('dc2', '30 heartbeats later', (peer) => peer.lastHeartbeatCnt! > heard + 30);
    expect(await dc1.metric('crossdc_heartbeats_sent_total')).to.be.above(sent + 20);
    for (const gateway of [dc1, dc2]) expect(gateway.events.types(0, 'peer-down', 'delivery')).to.deep.equal([]);
  });

  it('again and again at random moments: both are up at the end, and every death had its return', async () => {
    const pair = await Pair.running(stage, { isRelayed: true });
    const { dc1, dc2 } = pair;
    for (const round of [1, 2, 3]) {
      const marks = { dc1: dc1.events.mark, dc2: dc2.events.mark };
      pair.cut();
      await dc1.events.until('peer-down', () => true, marks.dc1);
      await dc2.events.until('peer-down', () => true, marks.dc2);
      pair.heal(round % 2 === 0 ? 'lost' : 'resumed');
      await pair.untilBothUp(marks);
    }
    for (const gateway of [dc1, dc2]) {
      const other = gateway === dc1 ? 'dc2' : 'dc1';
      const shown = await gateway.peer(other);
      expect(shown).to.include({ state: 'up', transitions: 6 });
      expect(await gateway.metric('crossdc_peer_transitions_total', { to: 'down' })).to.equal(3);
    }
    // Each took the other for dead and did its work; now both say the same of every workload.
    await untilShown('both say who owns what', async () => {
      const [rows1, rows2] = await Promise.all([rowsOf(dc1), rowsOf(dc2)]);
      return rows1 === rows2 ? true : undefined;
    });
  });
});
