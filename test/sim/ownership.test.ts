import { expect } from 'chai';
import { runOwnership } from './ownership-chaos.ts';
import type { SimWorld } from './sim-world.ts';

/** Everything that a run did, as far as anybody could see it. */
function storyOf(world: SimWorld): string[] {
  return world.oracle.events.map(({ at, gateway, event }) => `${at} ${gateway} ${JSON.stringify(event)}`);
}

describe('owners in a world of faults', () => {
  it('do the same again with the same seed', async () => {
    const story = storyOf(await runOwnership({ seed: 3 }));
    expect(storyOf(await runOwnership({ seed: 3 }))).to.deep.equal(story);
    expect(storyOf(await runOwnership({ seed: 4 }))).not.to.deep.equal(story);
    expect(story.length).to.be.greaterThan(20);
  });

  it('are contested in some worlds of three, and are settled by one command then', async () => {
    let contested = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      const { oracle } = await runOwnership({ seed, names: ['dc1', 'dc2', 'dc3'] });
      for (const { event } of oracle.events)
        if (event.type === 'ownership-conflict' && event.conflict.winner.epoch === event.conflict.loser.epoch)
          contested += 1;
    }
    expect(contested).to.be.greaterThan(0);
  });

  it('are hit by enough: every way of a takeover and of a move happens within the first seeds', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed += 1) {
      for (const { event } of (await runOwnership({ seed, chaosMs: 5000 })).oracle.events) {
        seen.add(event.type);
        if (event.type === 'takeover-blocked' || event.type === 'takeover-completed')
          seen.add(`${event.type} ${event.reason}`);
      }
    }
    expect([...seen]).to.include.members([
      'takeover-started',
      'takeover-cancelled',
      'takeover-completed takeover',
      'takeover-completed switchover',
      'takeover-completed failback',
      'takeover-blocked manual',
      'takeover-blocked block-period',
      'takeover-blocked app-critical',
      'move-started',
      'move-rolled-back',
      'owner-releasing',
      'owner-changed',
      'superseded',
      'ownership-conflict',
    ]);
  });
});
