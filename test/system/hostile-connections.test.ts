import { expect } from 'chai';
import { nothingMissed } from '../support/failing-store.ts';
import { Flood } from '../support/flood.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';

const IDLE = 2000;
const SLOW = 200;
const CHATTY = 10;
const KILLS = 3;
/** A second for each heartbeat: what is late for another reason than the flood is still in time. */
const CALM = { heartbeatExchangeInterval: 1 };
const PATIENCE_MS = 60_000;
const TEST_MS = 150_000;

describe('connections that hang at the peer port', () => {
  const stage = useStage();

  /** Until the gateway has heard so many more heartbeats of its peer. */
  async function beats(gateway: GatewayProcess, peer: string, more: number): Promise<void> {
    const heard = (): Promise<number> => gateway.metric('crossdc_heartbeats_received_total', { peer });
    const from = await heard();
    const probe = async (): Promise<true | undefined> => ((await heard()) >= from + more ? true : undefined);
    await untilShown(`${more} heartbeats of ${peer}`, probe, PATIENCE_MS);
  }

  for (const auth of ['none', 'key'] as const) {
    it(`cost the real peer no heartbeat, also when it has to connect anew (peerAuth=${auth})`, async function () {
      this.timeout(TEST_MS);
      const trust = auth === 'key' ? { peerSharedKey: 'a-key-that-is-shared-by-both-sides-only' } : {};
      const pair = await Pair.running(stage, { keys: { ...CALM, ...trust }, isRelayed: true });
      const { dc1, dc2 } = pair;
      await dc1.putReplicated('orders', freshBytes(100_000));
      const flood = new Flood(dc2.site.peerPort);
      stage.after(() => flood.close());
      await flood.open('idle', IDLE);
      await flood.open('slow-header', SLOW / 2);
      await flood.open('slow-body', SLOW / 2);
      await flood.open('chatty', CHATTY);
      expect(flood.stats.connected).to.be.at.least(IDLE + SLOW);
      await beats(dc2, 'dc1', 4);

      // Right after a heartbeat, so that what is lost is a connection and no message.
      for (let kill = 0; kill < KILLS; kill += 1) {
        await beats(dc2, 'dc1', 1);
        const { connections } = pair.toDc2.stats;
        pair.toDc2.refuse();
        pair.toDc2.heal();
        await beats(dc2, 'dc1', 2);
        expect(pair.toDc2.stats.connections).to.be.above(connections);
      }
      await dc1.putReplicated('orders', freshBytes(100_000));
      await nothingMissed(pair);
      for (const [gateway, peer] of [
        [dc1, 'dc2'],
        [dc2, 'dc1'],
      ] as const) {
        expect((await gateway.peer(peer)).state).to.equal('up');
        expect(gateway.events.types(0, 'peer-suspect', 'peer-down')).to.deep.equal([]);
        expect(gateway.log.all.filter(({ level }) => level === 'error' || level === 'fatal').length).to.be.below(10);
      }
    });
  }
});
