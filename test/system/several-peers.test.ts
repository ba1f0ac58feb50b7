import { expect } from 'chai';
import type { OutgoingView } from '../../src/ports/gateway-api.ts';
import type { GatewayProcess, Keys, Receipt } from '../support/gateway-process.ts';
import { FAST, Pair } from '../support/pair.ts';
import { freePorts } from '../support/ports.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

describe('several peers', () => {
  const stage = useStage();

  async function three(keys: Keys = {}): Promise<GatewayProcess[]> {
    const gateways = [];
    for (const name of ['dc1', 'dc2', 'dc3']) gateways.push(await stage.gateway(name, { ...FAST, ...keys }));
    for (const gateway of gateways) {
      for (const other of gateways.filter((one) => one !== gateway)) {
        gateway.keys[`remoteDataCenterApplicationMachineNames.${other.name}`] = `127.0.0.1:${other.site.peerPort}`;
      }
    }
    await Promise.all(gateways.map((gateway) => gateway.start()));
    for (const gateway of gateways) {
      for (const other of gateways.filter((one) => one !== gateway)) {
        await gateway.events.until('peer-up', (event) => event.dataCenter === other.name);
      }
    }
    return gateways;
  }

  it('each get every snapshot, and of the survivors of a death, which each notices by itself, one takes over', async () => {
    // Two deaths follow each other closely, and are none that an operator has to look at in between.
    const keys = { takeoverBlockPeriod: 0 };
    const [dc1, dc2, dc3] = (await three(keys)) as [GatewayProcess, GatewayProcess, GatewayProcess];
    const state = freshBytes(100_000);
    expect((await dc1.put('orders', state, '?wait=replicated')).status).to.equal(200);
    // It does not wait for a peer that a busy machine has made suspect.
    await untilShown('both peers have it', async () => {
      const [row] = (await dc1.api('/v1/snapshots')).json() as OutgoingView[];
      return row?.replication.every((one) => one.state === 'stored') === true ? row : undefined;
    });
    await dc1.kill9();
    const absorb = async (survivor: GatewayProcess): Promise<void> => {
      const app = new TestApp(survivor);
      await app.absorb((await survivor.events.until('delivery')).data.delivery);
      expect(app.absorbed.get('orders')!.equals(state)).to.equal(true);
    };
    await absorb(dc2);
    await dc2.events.until('takeover-completed', ({ workload }) => workload === 'dc1');
    await dc3.events.until('peer-down', ({ dataCenter }) => dataCenter === 'dc1');
    const heard = await dc3.events.until('owner-changed');
    expect(heard.data).to.include({ workload: 'dc1', from: 'dc1', to: 'dc2', epoch: 2 });
    expect(dc3.events.types(0, 'takeover-started', 'delivery')).to.deep.equal([]);
    expect((await dc2.peer('dc3')).state).to.equal('up');
    expect((await dc3.peer('dc2')).state).to.equal('up');

    // The one that is left has every snapshot too, and takes over all that the next dead peer owned.
    await dc2.kill9();
    await absorb(dc3);
    for (const [workload, epoch] of [
      ['dc1', 3],
      ['dc2', 2],
    ])
      await dc3.events.until('takeover-completed', (done) => done.workload === workload && done.epoch === epoch);
    expect(await dc3.deliveries()).to.have.length(1);
  });

  it('of which one is dead: a waiting upload waits for the living ones alone, and the dead one catches up', async () => {
    const [dc1, dc2, dc3] = (await three()) as [GatewayProcess, GatewayProcess, GatewayProcess];
    await dc3.kill9();
    await dc1.events.until('peer-down', (event) => event.dataCenter === 'dc3');
    const answer = await dc1.put('orders', 'state', '?wait=replicated');
    expect(answer.status).to.equal(200);
    const { replication } = answer.json() as Receipt;
    expect(replication.map(({ peer, state }) => [peer, state])).to.deep.equal([
      ['dc2', 'stored'],
      ['dc3', 'pending'],
    ]);
    await dc3.start();
    await dc1.events.until('snapshot-replicated', (event) => event.peer === 'dc3');
    expect((await dc3.held('dc1')).map((row) => row.origin)).to.deep.equal(['orders']);
    expect((await dc2.held('dc1')).map((row) => row.origin)).to.deep.equal(['orders']);
  });
});

describe('several machines of one peer', () => {
  const stage = useStage();

  for (const sendToAll of [true, false]) {
    it(`of which one is dead, with sendToAllRemoteMachines=${sendToAll}: the peer is reached, and has every snapshot`, async () => {
      const pair = await Pair.create(stage, { dc1: { sendToAllRemoteMachines: sendToAll } });
      const { dc1, dc2 } = pair;
      const [deadPort] = (await freePorts(1)) as [number];
      const machines = [`127.0.0.1:${deadPort}`, `127.0.0.1:${dc2.site.peerPort}`];
      dc1.keys.remoteDataCenterApplicationMachineNames = machines.join();
      await Promise.all([dc1.start(), dc2.start()]);
      await pair.untilBothUp();
      expect(await dc1.putReplicated('orders', 'state')).to.be.above(0);
      const shown = await dc1.untilPeer('dc2', 'at its second machine', (peer) => peer.machines[1]!.ok === true);
      expect(shown.machines.map(({ ok }) => ok)).to.deep.equal([false, true]);
      expect(shown.machines[0]!.lastError).to.include('unreachable');
      await dc2.untilPeer('dc1', 'heard without a miss', (peer) => peer.state === 'up' && peer.missed === 0);
      const said = dc1.logged('a machine of the peer cannot be reached; further errors like this are only counted');
      expect(said.filter((line) => line.machine === machines[0])).to.have.length(1);
    });
  }

  it('a second gateway that runs under the name of the peer is shown and counted', async () => {
    const pair = await Pair.running(stage);
    const { dc1, dc2 } = pair;
    const copy = await stage.gateway('dc1', { ...dc1.keys });
    await copy.start();
    const shown = await dc2.untilPeer('dc1', 'twice', (peer) => peer.incarnations === 2);
    expect(shown.state).to.equal('up');
    expect(await dc2.metric('crossdc_peer_incarnations', { peer: 'dc1' })).to.equal(2);
  });
});
