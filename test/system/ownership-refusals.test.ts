import { expect } from 'chai';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { OwnerApp } from '../support/owner-app.ts';
import { bareRows, historyOf, rowOf, untilRow, untilServed } from '../support/ownership-views.ts';
import { crossdc } from '../support/program.ts';
import { useStage } from '../support/stage.ts';
import { Trio } from '../support/trio.ts';

/** Nothing begins by itself, and nobody is dead before a test has had its say. */
const KEYS = {
  takeoverPolicy: 'manual',
  consecutiveHeartbeatMissesAllowed: 15,
  snapshotRequestTimeout: 4,
  releaseTimeout: 1,
  dataSnapshotMaxBytes: 100_000,
};

/** What a change of owner would say; a refused one says nothing of it. */
const SAID = [
  'takeover-started',
  'takeover-completed',
  'takeover-cancelled',
  'delivery',
  'owner-releasing',
  'owner-changed',
  'superseded',
  'move-started',
  'move-rolled-back',
] as const;

/** Issue 5 and ../shared/scenarios.md 23: refused with the reason, before anything has changed. */
describe('23: a change of owner is refused', () => {
  const stage = useStage();

  async function three(): Promise<{ trio: Trio; apps: OwnerApp[] }> {
    const trio = await Trio.create(stage, KEYS);
    const apps = trio.all.map((gateway) => new OwnerApp(gateway));
    await trio.start();
    for (const gateway of trio.all) await untilServed(gateway, gateway.name);
    await apps[0]!.postAll('dc1');
    for (const gateway of trio.others('dc1'))
      await gateway.untilPeer('dc1', 'with both origins', ({ held }) => held.origins === 2);
    await trio.dc1.untilPeer('dc3', 'with everything', ({ replication }) => replication.pending === 0);
    return { trio, apps };
  }

  /** Runs `crossdc failover` and holds it to have changed nothing but the history. */
  async function refused(
    running: readonly GatewayProcess[],
    at: GatewayProcess,
    args: readonly string[],
    reason: string | RegExp,
  ): Promise<void> {
    const rows = await bareRows(running);
    const marks = running.map((gateway) => gateway.events.mark);
    const refusals = (await historyOf(at, 'refused')).length;
    const ran = await crossdc('failover', ...args, '--url', at.url);
    expect(ran.status, ran.stdout).to.equal(1);
    expect(ran.stderr).to.match(reason instanceof RegExp ? reason : new RegExp(reason));
    expect(ran.stderr).to.include('nothing has changed');
    expect(await bareRows(running)).to.deep.equal(rows);
    for (const [index, gateway] of running.entries())
      expect(gateway.events.types(marks[index], ...SAID), gateway.name).to.deep.equal([]);
    const now = await historyOf(at, 'refused');
    expect(now).to.have.length(refusals + 1);
    expect(now.at(-1)).to.include({ workload: args[0] });
    expect(now.at(-1)?.outcome).to.match(reason instanceof RegExp ? reason : new RegExp(reason));
  }

  it('to a data centre that nobody knows, to the owner itself, and with an epoch that is not the present one', async () => {
    const { trio } = await three();
    const { dc1 } = trio;
    await refused(trio.all, dc1, ['dc1', '--to', 'dc9'], 'target: "dc9" is no peer of "dc1"');
    await refused(trio.all, dc1, ['dc1', '--to', 'dc1'], 'owner: "dc1" owns it already');
    await refused(trio.all, dc1, ['dc1', '--to', 'dc3', '--if-epoch', '99'], 'epoch: the epoch is 1, not 99');
    const unknown = await crossdc('failover', 'dc9', '--to', 'dc1', '--url', dc1.url);
    expect(unknown.status).to.equal(1);
    expect(unknown.stderr).to.include('No workload is called "dc9"');
    const without = await crossdc('failover', 'dc1', '--url', dc1.url);
    expect(without.status).to.equal(2);
    const { body } = await dc1.api('/v1/ownership/dc1', { method: 'POST', json: { to: 'dc3', ifEpoch: 99 } });
    const problem = JSON.parse(body.toString()) as { code?: string; status: number; plan: object; row: object };
    expect(problem.status).to.equal(409);
    expect(problem.row).to.deep.include({ workload: 'dc1', owner: 'dc1', epoch: 1 });
  });

  it('to one whose application is critical, though it could be asked for by any gateway', async () => {
    const { trio } = await three();
    const { dc1, dc2, dc3 } = trio;
    await dc3.api('/v1/health', { method: 'PUT', json: { status: 'critical' } });
    await dc1.untilPeer('dc3', 'with a critical application', ({ application }) => application.status === 'critical');
    const asked = crossdc('failover', 'dc1', '--to', 'dc3', '--url', dc2.url);
    const rows = await bareRows(trio.all);
    const ran = await asked;
    expect(ran.status).to.equal(1);
    expect(ran.stderr).to.match(/the application at "dc3" is critical|"dc3" is (suspect|down)/);
    expect(await bareRows(trio.all)).to.deep.equal(rows);
    await dc3.api('/v1/health', { method: 'PUT', json: { status: 'passing' } });
    await dc1.untilPeer(
      'dc3',
      'well again',
      ({ state, application }) => state === 'up' && application.status === 'passing',
    );
    expect((await crossdc('failover', 'dc1', '--to', 'dc3', '--url', dc2.url)).status).to.equal(0);
  });

  it('to one that is down; and what is down is taken over by hand, once', async () => {
    const { trio, apps } = await three();
    const { dc1, dc2, dc3 } = trio;
    await dc3.kill9();
    await dc1.events.until('peer-down', ({ dataCenter }) => dataCenter === 'dc3');
    await refused([dc1, dc2], dc1, ['dc1', '--to', 'dc3'], 'target: "dc3" is down');
    expect((await rowOf(dc1, 'dc3')).blockedBy).to.equal('manual');
    apps[0]!.isAbsorbing = false;
    // Nothing of dc3 is held: nothing is delivered, and the takeover is over at once.
    expect((await crossdc('failover', 'dc3', '--to', 'dc1', '--url', dc1.url)).status).to.equal(0);
    await refused([dc1, dc2], dc1, ['dc3', '--to', 'dc1'], 'owner: "dc1" owns it already');
  });

  it('while a takeover of it is under way', async () => {
    const { trio, apps } = await three();
    const { dc1, dc2, dc3 } = trio;
    apps[1]!.isAbsorbing = false;
    await dc1.kill9();
    await dc2.events.until('peer-down', ({ dataCenter }) => dataCenter === 'dc1');
    expect((await crossdc('failover', 'dc1', '--to', 'dc2', '--no-wait', '--url', dc2.url)).status).to.equal(0);
    const { delivery } = (await dc2.events.until('delivery')).data;
    await refused([dc2, dc3], dc2, ['dc1', '--to', 'dc2'], 'idle: a takeover of it is delivering here');
    await apps[1]!.absorb(delivery);
    await untilServed(dc2, 'dc1');
  });

  it('to one that lags behind', async () => {
    const { trio } = await three();
    const { dc1, dc3 } = trio;
    // What dc3 takes is less than what dc1 takes: a snapshot that it refuses waits for ever.
    await dc3.stop();
    dc3.keys.dataSnapshotMaxBytes = 1000;
    await dc3.start();
    await dc1.untilPeer('dc3', 'up', ({ state }) => state === 'up');
    await dc1.putAccepted('large', Buffer.alloc(50_000, 'x'));
    await untilRow(dc1, 'dc1', 'lagging behind at dc3', ({ behind }) => (behind?.seconds ?? 0) > 5);
    await refused(trio.all, dc1, ['dc1', '--to', 'dc3'], /in-sync: "dc3" lacks 1 snapshot, the oldest for \d/);
  });

  it('while a move of it is under way, which is rolled back when the target does not acknowledge', async () => {
    const { trio, apps } = await three();
    const { dc1, dc2, dc3 } = trio;
    apps[2]!.isAbsorbing = false;
    expect((await crossdc('failover', 'dc1', '--to', 'dc3', '--no-wait', '--url', dc1.url)).status).to.equal(0);
    const { delivery } = (await dc3.events.until('delivery')).data;
    await refused(trio.all, dc2, ['dc1', '--to', 'dc2'], 'idle: it is being moved to "dc3" already');
    const back = await dc1.events.until('move-rolled-back');
    expect(back.data.reason).to.equal('the application at "dc3" did not acknowledge in time');
    await untilServed(dc1, 'dc1');
    expect(await rowOf(dc1, 'dc1')).to.include({ owner: 'dc1', epoch: 1 });
    // The delivery is void: what the target's application says of it now is refused.
    await dc3.events.until('takeover-cancelled');
    const [row] = delivery.snapshots;
    expect((await dc3.api(`${row!.href}/ack`, { method: 'POST' })).status).to.equal(409);
    apps[2]!.isAbsorbing = true;
    expect((await crossdc('failover', 'dc1', '--to', 'dc3', '--url', dc1.url)).status).to.equal(0);
    // The epoch of the one that came to nothing is burnt.
    expect((await untilServed(dc3, 'dc1')).epoch).to.equal(3);
  });
});
