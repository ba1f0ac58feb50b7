import { expect } from 'chai';
import type { GatewayProcess, Keys } from '../support/gateway-process.ts';
import { httpCall } from '../support/http-call.ts';
import { DEATH_MS, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';

const REFUSES = 'a machine of the peer refuses this gateway; this is a matter of configuration, not a death';
const REFUSED = 'a request on the peer listener was refused';

function rejected(gateway: GatewayProcess, reason: string): Promise<number> {
  return gateway.metric('crossdc_peer_requests_rejected_total', { reason }).catch(() => 0);
}

/** It must be back, and refuse, before its silence counts for a death, on a busy machine too. */
const SLOW_TO_JUDGE: Keys = { consecutiveHeartbeatMissesAllowed: 15 };

describe('a gateway that the other one refuses', () => {
  const stage = useStage();

  for (const { name, change, reason, theirs } of [
    // Each refuses the other one.
    {
      name: 'the gateway of another application',
      change: { applicationName: 'other' },
      reason: 'wrong-application',
      theirs: 'unknown',
    },
    // One refuses; the other one hears it well, and that it is not heard itself is shown.
    {
      name: 'a data centre of another name',
      change: { localDataCenterName: 'dc9' },
      reason: 'wrong-data-center',
      theirs: 'up',
    },
  ] satisfies { name: string; change: Keys; reason: string; theirs: string }[]) {
    it(`because it is ${name} never comes up; both logs say why, once, and it is counted`, async () => {
      const { dc1, dc2 } = await Pair.create(stage, { dc1: change });
      await Promise.all([dc1.start(), dc2.start()]);
      await untilShown('many refusals', async () => ((await rejected(dc2, reason)) >= 10 ? true : undefined));
      expect((await dc2.status()).peers.map(({ state }) => state)).to.deep.equal(['unknown']);
      const [seen] = (await dc1.status()).peers;
      expect(seen!.state).to.equal(theirs);
      expect(seen!.hearsUs).not.to.equal(true);
      expect(dc1.logged(REFUSES, (line) => line.reason === reason)).to.have.length(1);
      expect(dc2.logged(REFUSED, (line) => line.reason === reason)).to.have.length(1);
      expect(dc1.logged(REFUSES)[0]!.level).to.equal('error');
      expect(dc2.logged(REFUSED)[0]!.level).to.equal('error');
      const [machine] = (await dc1.status()).peers[0]!.machines;
      expect(machine!.ok).to.equal(false);
      expect(machine!.lastError).to.include(reason);
      expect(dc2.events.types(0, 'peer-up', 'peer-down', 'delivery')).to.deep.equal([]);
      expect(dc1.events.types(0, 'peer-down', 'delivery')).to.deep.equal([]);
    });
  }

  it('and was up before is down for the reason refused, and nothing is delivered; mended, it is up again', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { keys: SLOW_TO_JUDGE });
    await dc1.putReplicated('orders', 'state');
    await dc1.stop();
    dc1.keys.applicationName = 'other';
    await dc1.start();
    const down = await dc2.events.until('peer-down');
    expect(down.data).to.include({ dataCenter: 'dc1', reason: 'refused' });
    const blocked = await dc2.events.until('takeover-blocked');
    expect(blocked.data).to.include({ dataCenter: 'dc1', reason: 'refused' });
    await dc2.events.noneFor(DEATH_MS, ['delivery'], 0);
    expect(await dc2.peer('dc1')).to.include({ state: 'down', reason: 'refused', blockedBy: 'refused' });

    await dc1.stop();
    dc1.keys.applicationName = 'default';
    await dc1.start();
    await dc2.events.until('peer-up', (event) => event.from === 'down');
    expect(dc2.events.types(0, 'delivery')).to.deep.equal([]);
  });

  it('and then dies is delivered: who does not answer any more does not refuse any more', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { keys: SLOW_TO_JUDGE });
    await dc1.putReplicated('orders', 'state');
    await dc1.stop();
    dc1.keys.applicationName = 'other';
    await dc1.start();
    await dc2.events.until('takeover-blocked');
    await dc1.kill9();
    expect((await dc2.events.until('delivery')).data.delivery).to.include({ reason: 'takeover', dataCenter: 'dc1' });
    expect(dc2.events.of('peer-down')).to.have.length(1);
  });

  it('because it speaks another protocol is told so clearly, and changes nothing', async () => {
    const { dc2 } = await Pair.running(stage);
    const message = {
      heartbeatMsgType: 1,
      heartbeatCnt: 1,
      dataCenterOrigin: 'dc1',
      applicationName: 'default',
      incarnation: 2 ** 52,
      sentAt: '2026-01-01T00:00:00Z',
      interval: 1,
      application: { status: 'unknown' },
      lastHeard: null,
      protocol: 2,
    };
    const answer = await httpCall(`${dc2.peerUrl}/peer/v1/messages`, { method: 'POST', json: message });
    expect(answer.status).to.equal(403);
    expect(answer.json()).to.include({ type: 'urn:crossdc:problem:wrong-protocol' });
    expect(answer.body.toString()).to.include('speaks protocol 1, the peer speaks protocol 2');
    expect(await rejected(dc2, 'wrong-protocol')).to.equal(1);
    expect(dc2.logged(REFUSED, (line) => line.reason === 'wrong-protocol')).to.have.length(1);
    expect((await dc2.peer('dc1')).incarnation).to.be.below(2 ** 52);
    expect((await dc2.peer('dc1')).state).to.equal('up');
  });
});

describe('a peer whose name is not configured', () => {
  const stage = useStage();

  it('is listed by its machines until it is heard; its name is kept across a restart, and another is refused', async () => {
    const pair = await Pair.create(stage);
    const { dc1, dc2 } = pair;
    delete dc2.keys.remoteDataCenterName;
    await dc2.start();
    const machines = `127.0.0.1:${dc1.site.peerPort}`;
    expect((await dc2.status()).peers.map((peer) => peer.name)).to.deep.equal([machines]);
    expect((await dc2.api('/v1/peers/dc1')).status).to.equal(404);
    await dc1.start();
    await dc2.events.until('peer-up', (event) => event.dataCenter === 'dc1');
    expect((await dc2.api('/v1/peers/dc1')).status).to.equal(200);
    await dc1.putReplicated('orders', 'state');
    await dc1.stop();
    await dc2.stop();

    await dc2.start();
    expect((await dc2.status()).peers.map((peer) => peer.name)).to.deep.equal(['dc1']);
    dc1.keys.localDataCenterName = 'dc9';
    await dc1.start();
    await untilShown('the refusal', async () => ((await rejected(dc2, 'wrong-data-center')) >= 3 ? true : undefined));
    // On a busy machine it may have been suspect meanwhile, and up again.
    const named = new Set(dc2.events.of('peer-up').map((seen) => seen.data.dataCenter));
    expect([...named]).to.deep.equal(['dc1']);
    expect((await dc2.status()).peers.map((peer) => peer.name)).to.deep.equal(['dc1']);
    expect((await dc2.held('dc1')).map((row) => row.origin)).to.deep.equal(['orders']);
  });
});
