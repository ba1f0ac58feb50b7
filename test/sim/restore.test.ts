import { expect } from 'chai';
import { GatewayError } from '../../src/errors.ts';
import type { GatewayApi } from '../../src/ports/gateway-api.ts';
import type { HistoryEntry, RestoreView } from '../../src/ports/ownership-api.ts';
import { SimWorld } from './sim-world.ts';

const signal = new AbortController().signal;

function apiOf(world: SimWorld, name: string): GatewayApi {
  const { gateway } = world.gateway(name);
  if (gateway === null) throw new Error(`${name} does not run`);
  return gateway.api;
}

/** dc1 has posted two versions of `a` and one of `b`, all of which dc2 holds. */
async function holding(): Promise<SimWorld> {
  const world = new SimWorld({ seed: 11 });
  await world.begin();
  for (const origin of ['a', 'a', 'b']) {
    world.gateway('dc1').application.post(origin);
    await world.run(500);
  }
  return world;
}

/** `origin: source, …`, and that each version is newer than the next. */
function shown({ origins }: RestoreView): string[] {
  return origins.map(({ origin, candidates }) => {
    const versions = candidates.map(({ version }) => version);
    expect(versions).to.deep.equal([...versions].sort((a, b) => b - a));
    return `${origin}: ${candidates.map(({ source }) => source).join(', ')}`;
  });
}

describe('what an application starts from', () => {
  it('is what it posted itself, and where it was replicated to what is held', async () => {
    const world = await holding();
    const [dc1, dc2] = [apiOf(world, 'dc1'), apiOf(world, 'dc2')];
    expect(shown(dc1.restore())).to.deep.equal(['a: own, own', 'b: own']);
    expect(dc1.restore()).to.include({ workload: 'dc1', owner: 'dc1', epoch: 1, superseded: false });
    expect(shown(dc2.restore('dc1'))).to.deep.equal(['a: held, held', 'b: held']);
    expect(dc2.restore().origins).to.deep.equal([]);
    const older = dc1.restore().origins[0]?.candidates[1];
    const reader = await dc1.openOutgoing('a', 'dc1', older?.version);
    expect(reader.snapshot.sha256).to.equal(older?.sha256);
    await reader.close();
    expect(() => dc1.restore('dc9')).to.throw(GatewayError, 'No data centre is called "dc9"');
  });

  it('is also what a peer gave back, beside the own of the same version', async () => {
    const world = await holding();
    const dc1 = world.gateway('dc1');
    dc1.kill();
    dc1.application.isIdle = true;
    dc1.start();
    await world.run(3000);
    await apiOf(world, 'dc2').returnTo('dc1');
    await world.run(3000);
    const restored = apiOf(world, 'dc1').restore();
    expect(shown(restored)).to.deep.equal(['a: own, returned, own', 'b: own, returned']);
    const [, candidate] = restored.origins[0]?.candidates ?? [];
    const which = { origin: 'a', workload: 'dc1', dataCenter: 'dc2', version: candidate?.version ?? 0 };
    const reader = await apiOf(world, 'dc1').openReturned(which);
    expect(reader.snapshot.sha256).to.equal(candidate?.sha256);
    await reader.close();
  });

  it('says that another owns the work after a takeover', async () => {
    const world = await holding();
    const dc1 = world.gateway('dc1');
    dc1.kill();
    await world.run(60_000);
    dc1.start();
    await world.run(10_000);
    expect(apiOf(world, 'dc1').restore()).to.include({ owner: 'dc2', epoch: 2, superseded: true });
    expect(apiOf(world, 'dc2').restore('dc1')).to.include({ owner: 'dc2', epoch: 2, superseded: false });
  });
});

describe('verifying what a peer holds', () => {
  it('finds nothing where all is well, and says when the peer is away', async () => {
    const world = await holding();
    const states = async (): Promise<string[]> =>
      (await apiOf(world, 'dc1').verify('dc2', false, signal)).map(({ origin, state }) => `${origin} ${state}`);
    const verified = states();
    await world.run(1000);
    expect(await verified).to.deep.equal(['a same', 'b same']);
    world.gateway('dc2').kill();
    await world.run(30_000);
    const refused: unknown = await states().catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(GatewayError).with.property('code', 'peer-unavailable');
  });

  it('finds what the peer lost, and sends it again', async () => {
    const world = await holding();
    const b = apiOf(world, 'dc1')
      .outgoing()
      .find(({ origin }) => origin === 'b');
    world.gateway('dc2').disk.damage({ dataCenter: 'dc1', workload: 'dc1', origin: 'b' }, b?.version ?? 0);
    const read: unknown = await apiOf(world, 'dc2')
      .openHeld('dc1', { origin: 'b', workload: 'dc1', version: b?.version })
      .catch((error: unknown) => error);
    expect(read).to.have.property('code', 'snapshot-damaged');
    const repaired = apiOf(world, 'dc1').verify('dc2', true, signal);
    await world.run(1000);
    expect((await repaired).map(({ origin, state, repair }) => `${origin} ${state} ${String(repair)}`)).to.deep.equal([
      'a same null',
      'b lost sent-again',
    ]);
    await world.run(3000);
    const after = apiOf(world, 'dc1').verify('dc2', false, signal);
    await world.run(1000);
    expect((await after).map(({ state }) => state)).to.deep.equal(['same', 'same']);
  });
});

describe('the history', () => {
  it('has the verdict on a peer that died with what it was made from, also after a restart', async () => {
    const world = await holding();
    const dc2 = world.gateway('dc2');
    const history = (): Promise<readonly HistoryEntry[]> => apiOf(world, 'dc2').ownership.history(0, 1000);
    world.gateway('dc1').kill();
    await world.run(60_000);
    const before = await history();
    const verdicts = before.filter(({ kind }) => kind === 'verdict');
    expect(verdicts.map(({ dataCenter, outcome }) => `${String(dataCenter)} ${outcome}`)).to.deep.equal([
      'dc1 up',
      'dc1 down',
    ]);
    const { missesAllowed } = dc2.settings;
    expect(verdicts[1]?.inputs).to.deep.include({ from: 'suspect', reason: 'silence', missed: missesAllowed });
    expect(verdicts[1]?.inputs.held).to.include({ origins: 2 });
    const takeovers = before.filter(({ kind }) => kind === 'takeover');
    expect(takeovers.map(({ outcome }) => outcome)).to.deep.equal(['completed']);
    // What was known when it was decided, and not what became of it since.
    expect(takeovers[0]?.inputs).to.deep.include({
      peerState: 'down',
      peerReason: 'silence',
      missed: missesAllowed,
      missesAllowed,
      rttMs: verdicts[1]?.inputs.rttMs,
      ownPauses: { count: 0, longestSeconds: 0, lastAt: null },
      held: 2,
    });
    expect(takeovers[0]?.inputs.heldAgeSeconds).to.be.above(0);
    dc2.kill();
    dc2.start();
    await world.run(5000);
    world.gateway('dc1').start();
    await world.run(10_000);
    const after = await history();
    expect(after.slice(0, before.length)).to.deep.equal(before);
    expect(after.length).to.be.greaterThan(before.length);
    const ids = after.map(({ id }) => id);
    expect(ids).to.deep.equal([...new Set(ids)].sort((a, b) => a - b));
  });
});
