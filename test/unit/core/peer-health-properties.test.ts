import { expect } from 'chai';
import fc from 'fast-check';
import { stepPeerHealth } from '../../../src/core/peer-health.ts';
import {
  rememberedPeer,
  unknownPeer,
  type HealthConfig,
  type HealthEffect,
  type HealthEvent,
  type PeerHealth,
} from '../../../src/core/peer-state.ts';
import { missAfterMs, nextDeadline } from '../../../src/core/silence.ts';

interface Timed {
  readonly at: number;
  readonly event: HealthEvent;
}

/** Intervals whose quarter is whole, so that all moments of the arithmetic are whole milliseconds. */
const wholeConfig = fc.record<HealthConfig>({
  intervalMs: fc.constantFrom(8, 20, 40),
  missesAllowed: fc.integer({ min: 1, max: 5 }),
  beatsToRecover: fc.integer({ min: 1, max: 3 }),
  machines: fc.integer({ min: 1, max: 3 }),
});

const fractionConfig = fc.record<HealthConfig>({
  intervalMs: fc.double({ min: 0.05, max: 60_000, noNaN: true }),
  missesAllowed: fc.integer({ min: 1, max: 9 }),
  beatsToRecover: fc.integer({ min: 1, max: 3 }),
});

function events(intervals: fc.Arbitrary<number>): fc.Arbitrary<HealthEvent> {
  const order = fc.record({
    incarnation: fc.integer({ min: 1, max: 2 }),
    heartbeatCnt: fc.integer({ min: 1, max: 60 }),
  });
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('heartbeat' as const),
        order,
        intervalMs: intervals,
        application: fc.constantFrom('unknown' as const, 'passing' as const, 'critical' as const),
        heardUsAgoMs: fc.option(fc.integer({ min: 0, max: 100 })),
      }),
    },
    { weight: 4, arbitrary: fc.constant<HealthEvent>({ kind: 'answered' }) },
    { weight: 3, arbitrary: fc.constant<HealthEvent>({ kind: 'refused' }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('own-pause' as const), ms: fc.integer({ min: 1, max: 200 }) }),
    },
    { weight: 1, arbitrary: order.map((of): HealthEvent => ({ kind: 'orderly-shutdown', order: of })) },
  );
}

function timeline(intervals: fc.Arbitrary<number>): fc.Arbitrary<Timed[]> {
  return fc
    .array(fc.record({ gap: fc.integer({ min: 0, max: 80 }), event: events(intervals) }), { maxLength: 40 })
    .map((steps) => {
      let at = 0;
      return steps.map(({ gap, event }) => ({ at: (at += gap), event }));
    });
}

const wholeTimeline = timeline(fc.constantFrom(8, 20, 40, 60));

interface Played {
  /** Every change and every end of a refusal, with its time. */
  readonly said: string[];
  readonly health: PeerHealth;
}

/** Plays the events, ticking whenever `nextTick` says so; a tick comes after the events of its own millisecond. */
function play(
  config: HealthConfig,
  steps: readonly Timed[],
  nextTick: (health: PeerHealth, now: number) => number,
): Played {
  const said: string[] = [];
  let health = unknownPeer(0);
  let now = 0;
  const feed = (event: HealthEvent): void => {
    const step = stepPeerHealth(health, config, event, now);
    health = step.health;
    for (const effect of step.effects) if (effect.kind !== 'stale') said.push(`${now} ${JSON.stringify(effect)}`);
  };
  const end = (steps.at(-1)?.at ?? 0) + 2000;
  for (const [index, { at, event }] of steps.entries()) {
    if (at > now) {
      for (let tick = nextTick(health, now); tick < at; tick = nextTick(health, now)) {
        now = Math.max(now, tick);
        feed({ kind: 'tick' });
      }
    }
    now = at;
    feed(event);
    if ((steps[index + 1]?.at ?? end) > at) feed({ kind: 'tick' });
  }
  for (let tick = nextTick(health, now); tick <= end; tick = nextTick(health, now)) {
    now = Math.max(now, tick);
    feed({ kind: 'tick' });
  }
  return { said, health };
}

describe('peer health, whatever happens', () => {
  it('comes to the same when it ticks at its deadlines only as when it ticks every millisecond', () => {
    fc.assert(
      fc.property(wholeConfig, wholeTimeline, (config, steps) => {
        const everyMs = play(config, steps, (_health, now) => now + 1);
        const atDeadlines = play(config, steps, (health) => nextDeadline(health, config));
        expect(atDeadlines.said).to.deep.equal(everyMs.said);
        expect(atDeadlines.health.state).to.equal(everyMs.health.state);
      }),
      { numRuns: 1500 },
    );
  });

  it('never asks for the same moment twice: a tick at its deadline moves the deadline on', () => {
    fc.assert(
      fc.property(
        fractionConfig,
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        fc.boolean(),
        (config, start, isRefusing) => {
          let health = rememberedPeer({ state: 'up', reason: null, order: null }, true, start);
          if (isRefusing) health = { ...health, refusedAt: start };
          let last = -Infinity;
          for (;;) {
            const deadline = nextDeadline(health, config);
            if (deadline === Infinity) break;
            expect(deadline).to.be.greaterThan(last);
            last = deadline;
            health = stepPeerHealth(health, config, { kind: 'tick' }, deadline).health;
          }
          expect(health.state).to.equal('down');
        },
      ),
    );
  });

  it('is never down by silence before N intervals without a fresh heartbeat, nor within an interval of an answer', () => {
    fc.assert(
      fc.property(wholeConfig, wholeTimeline, (config, steps) => {
        let health = unknownPeer(0);
        let lastHeard = 0;
        let lastAnswer = -Infinity;
        const check = (effects: readonly HealthEffect[], now: number): void => {
          for (const effect of effects) {
            if (effect.kind !== 'changed' || effect.to !== 'down' || effect.reason === 'application-critical') continue;
            if (health.criticalInRow >= config.missesAllowed) continue;
            const interval = Math.max(config.intervalMs, health.announcedMs);
            expect(now - lastHeard).to.be.at.least(missAfterMs(config.missesAllowed, interval, config.missesAllowed));
            expect(now - lastAnswer).to.be.greaterThan(interval);
          }
        };
        let now = 0;
        for (const { at, event } of steps) {
          for (; now < at; now += 1) {
            const step = stepPeerHealth(health, config, { kind: 'tick' }, now);
            health = step.health;
            check(step.effects, now);
          }
          const step = stepPeerHealth(health, config, event, now);
          const isFresh = event.kind === 'heartbeat' && !step.effects.some((effect) => effect.kind === 'stale');
          health = step.health;
          if (isFresh) lastHeard = now;
          if (event.kind === 'answered') lastAnswer = now;
          check(step.effects, now);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never moves back in the order of messages, and keeps its counters in their bounds', () => {
    fc.assert(
      fc.property(wholeConfig, wholeTimeline, (config, steps) => {
        let health = unknownPeer(0);
        for (const { at, event } of steps) {
          const before = health;
          health = stepPeerHealth(health, config, event, at).health;
          health = stepPeerHealth(health, config, { kind: 'tick' }, at).health;
          const was = before.order ?? { incarnation: 0, heartbeatCnt: 0 };
          const is = health.order ?? was;
          const isForward =
            is.incarnation > was.incarnation ||
            (is.incarnation === was.incarnation && is.heartbeatCnt >= was.heartbeatCnt);
          expect(isForward).to.equal(true);
          expect(health.missed).to.be.within(0, config.missesAllowed);
          expect(health.countFrom).to.be.at.most(at);
          if (health.state === 'suspect' && health.reason === 'silence')
            expect(health.missed).to.be.within(1, config.missesAllowed - 1);
          if (health.state === 'up' || health.state === 'left') expect(health.reason).to.equal(null);
        }
      }),
    );
  });

  it('does not change what it was given', () => {
    fc.assert(
      fc.property(wholeConfig, wholeTimeline, (config, steps) => {
        let health = Object.freeze(unknownPeer(0));
        for (const { at, event } of steps)
          health = Object.freeze(stepPeerHealth(health, config, Object.freeze(event), at).health);
      }),
    );
  });
});
