import { expect } from 'chai';
import { moveRequest } from './move-request.ts';
import { postedWorld } from './posted-world.ts';
import { SimWorld } from './sim-world.ts';

const WORKLOAD = 'dc1';
const PAIR = ['dc1', 'dc2'];
const THREE = ['dc1', 'dc2', 'dc3'];
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };
const HOUR_MS = 3_600_000;

const apiAt = (world: SimWorld, name: string) => world.gateway(name).gateway!.api;
const rowAt = (world: SimWorld, name: string) => apiAt(world, name).ownership.row(WORKLOAD);

/** @returns how it was answered: the plan's checks that failed, or the refusal */
async function move(world: SimWorld, at: string, to: string, ms = 30_000): Promise<string> {
  const moved = apiAt(world, at)
    .ownership.move(moveRequest(WORKLOAD, to))
    .then(
      () => 'accepted',
      (error: unknown) => String(error),
    );
  await world.run(ms);
  return moved;
}

describe('takeoverBlockPeriod', () => {
  it('keeps every survivor from a second takeover, though the work went home in between', async () => {
    const world = await postedWorld(THREE, { takeoverBlockPeriodMs: HOUR_MS });
    const dc1 = world.gateway('dc1');
    dc1.kill();
    await world.run(10_000);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc2', epoch: 2 });
    dc1.start();
    await world.run(5000);
    expect(await move(world, 'dc2', 'dc1')).to.equal('accepted');
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc1', epoch: 3 });
    // What was noted of it outlives a restart.
    world.gateway('dc3').kill();
    world.gateway('dc3').start();
    await world.run(5000);
    dc1.kill();
    await world.run(60_000);
    for (const name of ['dc2', 'dc3'])
      expect(rowAt(world, name), name).to.include({ owner: 'dc1', epoch: 3, blockedBy: 'block-period' });
  });

  it('is ended for every survivor by one acknowledgement, given anywhere', async () => {
    const world = await postedWorld(THREE, { takeoverBlockPeriodMs: HOUR_MS });
    world.gateway('dc1').kill();
    await world.run(10_000);
    await apiAt(world, 'dc2').ownership.acknowledge(WORKLOAD, 'a test');
    await world.run(5000);
    for (const name of ['dc2', 'dc3']) expect(rowAt(world, name).blockedUntil, name).to.equal(null);
    world.gateway('dc2').kill();
    await world.run(30_000);
    expect(rowAt(world, 'dc3')).to.include({ owner: 'dc3', epoch: 3, primary: true });
  });
});

describe('failback=automatic', () => {
  it('leaves alone what an operator has moved on purpose', async () => {
    const world = await postedWorld(PAIR, { failback: 'automatic', failbackDelayMs: 10_000 });
    expect(await move(world, 'dc1', 'dc2')).to.equal('accepted');
    await world.run(60_000);
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc2', epoch: 2, reason: 'switchover' });
  });
});

describe('what blocks a dead peer', () => {
  it('is shown while it does, and no longer', async () => {
    const world = await postedWorld(PAIR, { takeoverPolicy: 'manual' });
    world.gateway('dc1').kill();
    await world.run(10_000);
    expect(apiAt(world, 'dc2').peer('dc1').blockedBy).to.equal('manual');
    expect(await move(world, 'dc2', 'dc2')).to.equal('accepted');
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', primary: true });
    expect(apiAt(world, 'dc2').peer('dc1').blockedBy).to.equal(null);
  });

  it('is not its turn for a survivor only until another has taken over', async () => {
    const world = await postedWorld(THREE);
    world.gateway('dc1').kill();
    await world.run(20_000);
    expect(rowAt(world, 'dc3').owner).to.equal('dc2');
    expect(apiAt(world, 'dc3').peer('dc1').blockedBy).to.equal(null);
  });
});

describe('a change of owner by hand', () => {
  it('is refused before anything changed where the owner was never heard', async () => {
    const world = new SimWorld({ seed: 3, names: PAIR, settings: SETTINGS });
    world.gateway('dc2').start();
    await world.run(2000);
    expect(await move(world, 'dc2', 'dc2', 5000)).to.match(/"dc1" is unknown here, and may do the work; --force/);
    expect(rowAt(world, 'dc2').takeover).to.equal(null);
  });

  it('is refused before anything changed where the one who is to take it sees the owner', async () => {
    const world = await postedWorld(THREE, { takeoverPolicy: 'manual' });
    world.network.cut('dc1', 'dc3');
    await world.run(10_000);
    expect(await move(world, 'dc3', 'dc2', 5000)).to.match(/"dc1" is up here/);
    expect(rowAt(world, 'dc2').takeover).to.equal(null);
  });

  it('is refused before anything changed where nothing is known of the owner, which is no peer', async () => {
    const world = new SimWorld({ seed: 3, names: THREE, settings: SETTINGS });
    // dc2 alone knows both: it tells dc3 that dc1 owns the work.
    for (const name of ['dc1', 'dc3'])
      world.gateway(name).reconfigure({ peers: [{ name: 'dc2', machines: ['dc2:25091'] }] });
    // The simulator's own look at the rows wants all of them to be known everywhere.
    world.ownership.check = () => undefined;
    world.ownership.started = () => undefined;
    world.oracle.check = () => undefined;
    await world.begin();
    world.gateway('dc2').application.post('orders');
    await world.run(2000);
    const ask = (at: string, to: string): Promise<string> => {
      const moved = apiAt(world, at).ownership.move(moveRequest('dc2', to));
      return moved.then(() => 'accepted', String);
    };
    const given = ask('dc2', 'dc1');
    await world.run(30_000);
    expect(await given).to.equal('accepted');
    const rows = () => THREE.map((name) => apiAt(world, name).ownership.row('dc2'));
    for (const row of rows()) expect(row).to.include({ owner: 'dc1', epoch: 2 });
    const taken = ask('dc3', 'dc3');
    await world.run(10_000);
    expect(await taken).to.match(/owner: "dc1" is no peer of "dc3": nothing is known of it here, .*; --force takes it/);
    for (const row of rows()) expect(row).to.include({ owner: 'dc1', epoch: 2, takeover: null });
  });

  it('is begun once, of two that are asked for at once', async () => {
    const world = await postedWorld(THREE);
    world.gateway('dc1').pace.latencyMs = 20;
    const answers = await Promise.all([move(world, 'dc1', 'dc2', 0), move(world, 'dc1', 'dc3', 0), world.run(30_000)]);
    expect(answers[0]).to.equal('accepted');
    expect(answers[1]).to.match(/already being moved|is being moved/);
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc2', epoch: 2 });
  });

  it('believes nobody but the target that the target is ready', async () => {
    const world = await postedWorld(THREE);
    world.gateway('dc2').application.isIdle = true;
    const asked = move(world, 'dc1', 'dc2', 0);
    await world.run(13_000);
    await asked;
    const { move: known } = rowAt(world, 'dc1');
    expect(known?.phase).to.equal('handing-over');
    const progress = [{ id: known?.id ?? '', workload: WORKLOAD, state: 'ready' as const, reason: null }];
    const { gateway } = world.gateway('dc1');
    const message = {
      heartbeatMsgType: 1,
      heartbeatCnt: 1,
      dataCenterOrigin: 'dc3',
      applicationName: 'default',
      incarnation: 4e12,
      sentAt: '2026-01-01T00:00:00.000Z',
      interval: 1,
      application: { status: 'unknown' },
      lastHeard: null,
      protocol: 1,
      mode: 'active',
      ownership: { rows: [], conflicts: [], moves: [], progress },
    };
    await gateway!.inbox.receiveMessage(message as never, 'dc3');
    await world.run(500);
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc1', epoch: 1 });
  });

  it('cannot be released when the time for that is over', async () => {
    const world = await postedWorld(PAIR);
    world.gateway('dc1').application.isReleasing = false;
    world.gateway('dc2').application.isIdle = true;
    const asked = move(world, 'dc1', 'dc2', 0);
    await world.run(15_000);
    await asked;
    expect(rowAt(world, 'dc1').move?.phase).to.equal('handing-over');
    expect(() => apiAt(world, 'dc1').ownership.released(WORKLOAD)).to.throw(/its time was over/);
  });
});

describe('a peer whose name is learned from its first message', () => {
  it('gets no work back that was taken over from it when it had a name', async () => {
    const world = await postedWorld(PAIR);
    const [dc1, dc2] = [world.gateway('dc1'), world.gateway('dc2')];
    dc1.kill();
    await world.run(10_000);
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2 });
    dc2.kill();
    dc2.reconfigure({ peers: [{ name: null, machines: ['dc1:25091'] }] });
    // The simulator's own look at the rows wants a name.
    world.ownership.check = () => undefined;
    world.ownership.started = () => undefined;
    world.oracle.check = () => undefined;
    dc2.start();
    await world.run(2000);
    dc1.start();
    await world.run(10_000);
    expect(rowAt(world, 'dc1')).to.include({ owner: 'dc2', epoch: 2, primary: false });
    expect(rowAt(world, 'dc2')).to.include({ owner: 'dc2', epoch: 2, primary: true });
  });
});
