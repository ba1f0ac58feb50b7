import { expect } from 'chai';
import type { OwnershipRow } from '../../src/core/ownership.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { lostBetween, OwnerApp } from '../support/owner-app.ts';
import { bare, bareRows, historyOf, primaryStatus, rowOf, untilRow, untilServed } from '../support/ownership-views.ts';
import { PrimaryWatch } from '../support/primary-watch.ts';
import { crossdc } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { Stage } from '../support/stage.ts';
import { toldSecrets } from '../support/told-secrets.ts';
import { Trio } from '../support/trio.ts';

const STEP_MS = 120_000;
/** An application that answers at all answers at once. */
const KEYS = { snapshotRequestTimeout: 8, releaseTimeout: 4, dataSnapshotHistory: 1 };

/** One story: a step that fails leaves the ones after it nothing to stand on. */
describe('the story of three data centres', () => {
  const stage = new Stage();
  const apps = new Map<string, OwnerApp>();
  let trio: Trio;
  let brokeAt: string | null = null;

  const app = (name: string): OwnerApp => apps.get(name)!;

  before(async function () {
    this.timeout(STEP_MS);
    trio = await Trio.create(stage, KEYS);
    for (const gateway of trio.all) apps.set(gateway.name, new OwnerApp(gateway));
    await trio.start();
  });
  beforeEach(function () {
    this.currentTest?.timeout(STEP_MS);
    // A step that was half taken cannot be taken once more.
    this.currentTest?.retries(0);
    if (brokeAt !== null) throw new Error(`the story broke off at "${brokeAt}"`);
  });
  afterEach(function () {
    if (this.currentTest?.state !== 'failed' || brokeAt !== null) return;
    brokeAt = this.currentTest.title;
    console.log(stage.lastWords());
  });
  after(async function () {
    this.timeout(STEP_MS);
    for (const { complaints } of apps.values()) expect(complaints).to.deep.equal([]);
    await stage.close();
    toldSecrets.settle();
  });

  async function failover(at: GatewayProcess, workload: string, to: string): Promise<void> {
    const ran = await crossdc('failover', workload, '--to', to, '--url', at.url);
    expect(ran.status, `${ran.stdout}${ran.stderr}`).to.equal(0);
    expect(ran.stdout).to.include(`${to} owns ${workload} since epoch`);
  }

  it('begins with every data centre at its own work', async () => {
    for (const gateway of trio.all) {
      const { name } = gateway;
      await untilServed(gateway, name);
      expect(await primaryStatus(gateway, name)).to.equal(200);
      app(name).work(name);
      for (const other of trio.others(name)) {
        expect(await primaryStatus(other, name)).to.equal(503);
        expect(await rowOf(other, name)).to.include({ owner: name, epoch: 1, reason: 'initial' });
      }
    }
    // Each has something of each other.
    for (const gateway of trio.all)
      for (const { name } of trio.others(gateway.name))
        await untilShown(`${gateway.name} holds both origins of ${name}`, async () =>
          (await gateway.held(name)).length === 2 ? true : undefined,
        );
  });

  it('dc2 is killed: dc1 takes its work over, step by step, and serves it only when the last one is taken', async () => {
    const { dc1, dc2, dc3 } = trio;
    const marks = { dc1: dc1.events.mark, dc3: dc3.events.mark };
    app('dc1').isAbsorbing = false;
    const watch = new PrimaryWatch([dc1, dc3], 'dc2');
    await dc2.kill9();
    await app('dc2').restAll();
    const { delivery } = (await dc1.events.until('delivery', () => true, marks.dc1)).data;
    expect(delivery).to.include({ reason: 'takeover', dataCenter: 'dc2', workload: 'dc2' });
    expect(delivery.epoch).to.be.above(1);
    // For as long as the application has not absorbed it, nothing changes.
    await watch.turn();
    expect(await rowOf(dc1, 'dc2')).to.include({ owner: 'dc2', epoch: 1, primary: false });
    app('dc1').isAbsorbing = true;
    await app('dc1').absorb(delivery);
    const completed = await dc1.events.until('takeover-completed', () => true, marks.dc1);
    await untilServed(dc1, 'dc2');
    await watch.turn();
    await watch.stop();

    const steps = [
      'peer-down',
      'takeover-started',
      'takeover-checked',
      'delivery',
      'delivery-done',
      'owner-changed',
      'takeover-completed',
    ] as const;
    expect(dc1.events.types(marks.dc1, ...steps, 'takeover-blocked', 'takeover-cancelled')).to.deep.equal(steps);
    expect(completed.data).to.include({
      workload: 'dc2',
      dataCenter: 'dc2',
      reason: 'takeover',
      epoch: delivery.epoch,
    });
    expect(completed.data.seconds).to.be.above(0);
    const row = await rowOf(dc1, 'dc2');
    expect(row).to.include({ owner: 'dc1', epoch: delivery.epoch, reason: 'takeover', primary: true });
    const taken = ['started', 'checked', 'delivered', 'acknowledged', 'owner-changed', 'completed'];
    expect(row.takeover?.steps.map(({ step }) => step)).to.deep.equal(taken);
    expect(row.blockedUntil).to.be.a('string');

    expect(watch.story('dc1')).to.deep.equal(['503', '200']);
    expect(watch.story('dc3')).to.deep.equal(['503']);
    const first = watch.polls.get('dc1')!.find(({ status }) => status === 200)!;
    expect(first.epoch).to.equal(delivery.epoch);
    // Both clocks are this machine's, and count whole milliseconds.
    expect(performance.timeOrigin + first.answeredAt).to.be.at.least(Date.parse(completed.data.at) - 5);

    // Everybody hears of it, and nobody else got it: on a slow machine the next in turn may have begun, and is called off.
    expect(bare(await untilRow(dc3, 'dc2', 'taken over', ({ owner }) => owner === 'dc1'))).to.deep.equal(bare(row));
    expect(dc3.events.types(marks.dc3, 'takeover-completed')).to.deep.equal([]);
    expect((await dc3.deliveries()).filter(({ state }) => state !== 'cancelled')).to.deep.equal([]);
    expect(lostBetween(app('dc2'), app('dc1'), 'dc2')).to.have.length.at.most(2);
    expect((await historyOf(dc1, 'takeover')).map(({ outcome }) => outcome)).to.deep.equal(['completed']);
  });

  it('dc2 is no target while it is down', async () => {
    const { dc1 } = trio;
    const before = bare(await rowOf(dc1, 'dc1'));
    const ran = await crossdc('failover', 'dc1', '--to', 'dc2', '--url', dc1.url);
    expect(ran.status).to.equal(1);
    expect(ran.stderr).to.include('"dc2" is down');
    expect(bare(await rowOf(dc1, 'dc1'))).to.deep.equal(before);
  });

  it('dc2 returns: it is superseded, never serves, and what its application posts is refused with the row', async () => {
    const { dc1, dc2 } = trio;
    const mark = dc2.events.mark;
    const row = bare(await rowOf(dc1, 'dc2'));
    const watch = new PrimaryWatch([dc1, dc2], 'dc2');
    await dc2.start();
    const { data } = await dc2.events.until('superseded', () => true, mark);
    expect(data.row).to.deep.equal(row);
    expect(data.was).to.include({ owner: 'dc2', epoch: 1 });
    // Said after it, and on a slow disk much later: the next step begins when all of this one has been told.
    await dc2.events.until('owner-changed', ({ workload, to }) => workload === 'dc2' && to === 'dc1', mark);
    const refused = await dc2.put('orders', 'what it had in mind');
    expect(refused.status).to.equal(409);
    expect((refused.json() as { row: OwnershipRow }).row).to.deep.include({
      workload: 'dc2',
      owner: 'dc1',
      epoch: row.epoch,
    });
    expect((await dc2.api('/v1/restore')).json()).to.include({ superseded: true, owner: 'dc1', epoch: row.epoch });
    await trio.untilAllSeen();
    await watch.turn();
    await watch.stop();
    expect(watch.story('dc2').filter((status) => status !== '0')).to.deep.equal(['503']);
    expect(watch.story('dc1')).to.deep.equal(['200']);
    expect(await rowOf(dc2, 'dc2')).to.include({ owner: 'dc1', primary: false });
  });

  it('dc2 gets its work back by command, and not one accepted snapshot is lost', async () => {
    const { dc1, dc2, dc3 } = trio;
    const marks = { dc1: dc1.events.mark, dc2: dc2.events.mark };
    expect(app('dc1').isWorking('dc2')).to.equal(true);
    app('dc2').forget();
    const watch = new PrimaryWatch(trio.all, 'dc2');
    await failover(dc2, 'dc2', 'dc2');
    await untilServed(dc2, 'dc2');
    await watch.turn();
    await watch.stop();
    await app('dc1').settled();
    expect(lostBetween(app('dc1'), app('dc2'), 'dc2')).to.deep.equal([]);
    expect(watch.violations()).to.deep.equal([]);
    expect(watch.story('dc1')).to.deep.equal(['200', '503']);
    expect(watch.story('dc2')).to.deep.equal(['503', '200']);
    const row = await rowOf(dc2, 'dc2');
    expect(row).to.include({ owner: 'dc2', reason: 'failback' });
    const given = (await dc2.events.until('delivery', ({ delivery }) => delivery.reason === 'return', marks.dc2)).data;
    expect(given.delivery).to.include({ epoch: row.epoch, heartbeatMsgType: 4, dataCenter: 'dc1' });
    await dc1.events.until('owner-changed', () => true, marks.dc1);
    expect(dc1.events.types(marks.dc1, 'move-started', 'owner-releasing', 'owner-changed')).to.deep.equal([
      'move-started',
      'owner-releasing',
      'owner-changed',
    ]);
    await dc2.events.until('takeover-completed', () => true, marks.dc2);
    expect(dc2.events.types(marks.dc2, 'delivery-done', 'owner-changed', 'takeover-completed')).to.deep.equal([
      'delivery-done',
      'owner-changed',
      'takeover-completed',
    ]);
    expect(bare(await untilRow(dc3, 'dc2', 'at home', ({ owner }) => owner === 'dc2'))).to.deep.equal(bare(row));
    expect(app('dc2').isWorking('dc2')).to.equal(true);
  });

  for (const isLettingGo of [true, false]) {
    it(`dc1 hands its work to dc3 and gets it back under load, ${isLettingGo ? '' : 'though no application lets go, '}with nothing lost and one primary at most`, async () => {
      const { dc1, dc2, dc3 } = trio;
      for (const name of ['dc1', 'dc3']) app(name).isLettingGo = isLettingGo;
      for (const [from, to] of [
        ['dc1', 'dc3'],
        ['dc3', 'dc1'],
      ] as const) {
        await untilShown(`the application of ${from} works`, () =>
          Promise.resolve(app(from).isWorking('dc1') ? true : undefined),
        );
        const accepted = app(from).accepted.length;
        const watch = new PrimaryWatch(trio.all, 'dc1');
        await watch.turn();
        // The owner decides, whoever is asked.
        await failover(dc2, 'dc1', to);
        await untilServed(to === 'dc3' ? dc3 : dc1, 'dc1');
        await watch.turn();
        await watch.stop();
        await app(from).rest('dc1');
        expect(watch.violations()).to.deep.equal([]);
        expect(watch.story(from)).to.deep.equal(['200', '503']);
        expect(watch.story(to)).to.deep.equal(['503', '200']);
        expect(watch.story('dc2')).to.deep.equal(['503']);
        expect(lostBetween(app(from), app(to), 'dc1')).to.deep.equal([]);
        const posted = app(from).accepted.length - accepted;
        expect(posted).to.be.above(0);
        console.log(
          `      from ${from} to ${to}: ${posted} snapshots accepted meanwhile, ${watch.count} polls, ` +
            `nobody primary for ${watch.gapMs(from, to).toFixed(0)} ms`,
        );
      }
      for (const name of ['dc1', 'dc3']) app(name).isLettingGo = true;
    });
  }

  it('dc3 takes the work of dc1 by force: not without a word on what is lost, and then at once', async () => {
    const { dc1, dc3 } = trio;
    const marks = { dc1: dc1.events.mark, dc3: dc3.events.mark };
    const before = await bareRows(trio.all);
    const warned = await crossdc('failover', 'dc1', '--to', 'dc3', '--force', '--url', dc1.url);
    expect(warned.status).to.equal(1);
    expect(warned.stdout).to.match(/orders: whatever "dc1" accepted after version \d+/);
    expect(warned.stderr).to.include('--accept-data-loss');
    expect(await bareRows(trio.all)).to.deep.equal(before);
    expect(dc3.events.types(marks.dc3, 'takeover-started', 'delivery')).to.deep.equal([]);

    const ran = await crossdc('failover', 'dc1', '--to', 'dc3', '--force', '--accept-data-loss', '--url', dc1.url);
    expect(ran.status, ran.stderr).to.equal(0);
    const { data } = await dc1.events.until('superseded', () => true, marks.dc1);
    expect(data.row).to.include({ workload: 'dc1', owner: 'dc3', reason: 'takeover' });
    await untilServed(dc3, 'dc1');
    expect(await primaryStatus(dc1, 'dc1')).to.equal(503);
    const [taken] = await historyOf(dc3, 'takeover');
    expect(taken).to.include({ workload: 'dc1', outcome: 'completed' });
    expect(taken?.actor).to.match(/^operator/);
    await app('dc1').rest('dc1');
    await failover(dc1, 'dc1', 'dc1');
    await untilServed(dc1, 'dc1');
    // Whether the few milliseconds in which both worked were noticed or not: an operator has seen it.
    await crossdc('ack', 'dc1', '--url', dc1.url);
  });

  it('dc1 is cut off: both sides claim what the other does, and when the line heals every loser is told', async () => {
    const { dc1, dc2, dc3 } = trio;
    // An operator has seen the takeover of before: the next one need not wait.
    expect((await crossdc('ack', 'dc2', '--url', dc1.url)).status).to.equal(0);
    for (const gateway of trio.all) await untilRow(gateway, 'dc2', 'acknowledged', ({ conflict }) => conflict === null);
    const marks = new Map(trio.all.map((gateway) => [gateway.name, gateway.events.mark]));
    const ownsNow = async (gateway: GatewayProcess, workload: string): Promise<OwnershipRow> =>
      bare(await untilServed(gateway, workload));
    trio.cut('dc1', 'dc2');
    trio.cut('dc1', 'dc3');
    // Of the two that see each other the first by name takes it; dc1 takes all.
    const claims = {
      dc1: await ownsNow(dc2, 'dc1'),
      dc2: await ownsNow(dc1, 'dc2'),
      dc3: await ownsNow(dc1, 'dc3'),
    };
    expect(await primaryStatus(dc1, 'dc1')).to.equal(200);
    expect(await primaryStatus(dc2, 'dc2')).to.equal(200);
    expect(dc3.events.types(marks.get('dc3'), 'takeover-started')).to.deep.equal([]);
    trio.heal('dc1', 'dc2');
    trio.heal('dc1', 'dc3');

    for (const [workload, winner] of Object.entries(claims)) {
      const home = trio.all.find(({ name }) => name === workload)!;
      const lost = (await home.events.until('superseded', (event) => event.workload === workload, marks.get(workload)))
        .data;
      expect(lost.row).to.deep.equal(winner);
      expect(await primaryStatus(home, workload)).to.equal(503);
      const owner = trio.all.find(({ name }) => name === winner.owner)!;
      for (const side of [home, owner]) {
        const found = await side.events.until(
          'ownership-conflict',
          (event) => event.workload === workload,
          marks.get(side.name),
        );
        const { conflict } = found.data;
        expect(conflict.winner).to.deep.equal(winner);
        expect(conflict.loser).to.include({ workload, owner: workload });
        expect(conflict.overlapMs).to.be.above(0);
        expect((await rowOf(side, workload)).conflict).to.deep.equal(conflict);
        expect(
          side.events.of('ownership-conflict', marks.get(side.name)).filter(({ data }) => data.workload === workload),
        ).to.have.length(1);
      }
      const both = await crossdc('status', '--url', owner.url);
      expect(both.stdout).to.include(workload);
    }
    await trio.untilAllSeen();
  });

  it('an operator acknowledges each conflict on one side, and it is cleared on both', async () => {
    for (const workload of ['dc1', 'dc2', 'dc3']) {
      const home = trio.all.find(({ name }) => name === workload)!;
      const ran = await crossdc('ack', workload, '--url', home.url);
      expect(ran.status, ran.stderr).to.equal(0);
      for (const gateway of trio.all)
        await untilRow(gateway, workload, 'without conflict', (row) => row.conflict === null);
    }
  });

  it('everybody gets the own work back, with nothing lost that the last owner had accepted', async () => {
    for (const workload of ['dc1', 'dc2', 'dc3']) {
      const home = trio.all.find(({ name }) => name === workload)!;
      const { owner } = await rowOf(home, workload);
      app(workload).forget();
      await failover(home, workload, workload);
      await untilServed(home, workload);
      await app(owner).settled();
      expect(lostBetween(app(owner), app(workload), workload)).to.deep.equal([]);
    }
    const [at1, at2, at3] = await bareRows(trio.all);
    expect(at2).to.deep.equal(at1);
    expect(at3).to.deep.equal(at1);
    for (const { workload, owner, reason } of at1!)
      expect({ owner, reason }).to.deep.equal({ owner: workload, reason: 'failback' });
  });
});
