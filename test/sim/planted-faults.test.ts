import { expect } from 'chai';
import { admit } from '../../src/core/admission.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import type { HealthStep } from '../../src/core/peer-state.ts';
import { RULES, type Rules } from '../../src/services/rules.ts';
import { runChaos } from './chaos.ts';
import { Violation } from './oracle.ts';

/** How many seeds a planted fault may take until it is found. */
const SEEDS = 60;

/** The first broken promise that the simulator finds with these rules; null when it finds none. */
async function firstViolation(rules: Rules): Promise<string | null> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      await runChaos({ seed, rules });
    } catch (error) {
      if (error instanceof Violation) return error.message;
      throw error;
    }
  }
  return null;
}

function withoutChange(step: HealthStep, before: HealthStep['health']): HealthStep {
  return { health: before, effects: step.effects.filter((effect) => effect.kind !== 'changed') };
}

interface Planted {
  readonly promise: string;
  readonly fault: string;
  readonly rules: Partial<Rules>;
  readonly found: RegExp;
}

const FAULTS: readonly Planted[] = [
  {
    promise: 'a peer is never down before N intervals of silence',
    fault: 'one miss too few is allowed',
    rules: {
      stepPeerHealth: (health, config, event, now) =>
        RULES.stepPeerHealth(
          health,
          event.kind === 'tick' ? { ...config, missesAllowed: config.missesAllowed - 1 } : config,
          event,
          now,
        ),
    },
    found: /declared dc\d down after \d+(\.\d+)? ms of silence/,
  },
  {
    promise: 'a peer is never down for our own pause',
    fault: 'own pauses are not taken into account',
    rules: {
      stepPeerHealth: (health, config, event, now) =>
        event.kind === 'own-pause' ? { health, effects: [] } : RULES.stepPeerHealth(health, config, event, now),
    },
    found: /declared dc\d down after \d+(\.\d+)? ms of silence/,
  },
  {
    promise: 'a peer that answers is not declared down',
    fault: 'answers are not noted',
    rules: {
      stepPeerHealth: (health, config, event, now) =>
        event.kind === 'answered' ? { health, effects: [] } : RULES.stepPeerHealth(health, config, event, now),
    },
    found: /declared dc\d down \d+(\.\d+)? ms after it answered/,
  },
  {
    promise: 'a peer that is silent is found out',
    fault: 'nobody looks at the clock',
    rules: {
      nextDeadline: () => Infinity,
      stepPeerHealth: (health, config, event, now) =>
        event.kind === 'tick' ? { health, effects: [] } : RULES.stepPeerHealth(health, config, event, now),
    },
    found: /has not noticed that dc\d is silent/,
  },
  {
    promise: 'both sides are up again within two intervals after every heal',
    fault: 'a peer that was down once stays so',
    rules: {
      stepPeerHealth: (health, config, event, now) => {
        const step = RULES.stepPeerHealth(health, config, event, now);
        return health.state === 'down' && event.kind === 'heartbeat' ? withoutChange(step, health) : step;
      },
    },
    found: /two intervals after the line was healed/,
  },
  {
    promise: 'both sides are up again also when a clock went back',
    fault: 'numbers follow the wall clock alone',
    rules: { nextNumber: (_last, wallMs) => Math.max(1, Math.floor(wallMs)) },
    found: /two intervals after the line was healed|announced again and not marked as a repeat/,
  },
  {
    promise: 'versions never go back in any store',
    fault: 'retention begins at the wrong end',
    rules: {
      expendable: (rows, history, isPinned) =>
        [...rows]
          .filter((row) => row.place === 'live' && !isPinned(row.version))
          .sort((a, b) => a.version - b.version)
          .slice(1 + history),
    },
    found: /a version went back/,
  },
  {
    promise: 'every accepted version or a newer one arrives',
    fault: 'a newer version is taken for the one that is there',
    rules: { admit: (newest, incoming) => (newest === undefined ? admit(newest, incoming) : { kind: 'same' }) },
    found: /never arrived/,
  },
  {
    promise: 'every accepted version or a newer one arrives, also after failures',
    fault: 'what failed once is not tried again',
    rules: {
      createPlan: () => {
        const plan = RULES.createPlan();
        const failed = plan.failed.bind(plan);
        plan.failed = (key) => failed(key, () => Infinity);
        plan.retryAll = () => undefined;
        plan.reconcile = () => undefined;
        return plan;
      },
    },
    found: /never arrived/,
  },
  {
    promise: 'what is held from a dead peer is delivered, all of it',
    fault: 'the last origin is forgotten',
    rules: { newestOffered: (rows) => RULES.newestOffered(rows).slice(0, -1) },
    found: /never delivered|without (orders|audit|stock)|nothing-held, which is not true/,
  },
  {
    promise: 'a delivery ends only when every snapshot of it is answered',
    fault: 'it ends with the first answer',
    rules: {
      settle: (delivery, verdict) => {
        const settled = RULES.settle(delivery, verdict);
        if (settled.kind !== 'settled') return settled;
        const done: Delivery = { ...settled.delivery, state: 'done' };
        return { ...settled, delivery: done, done: true };
      },
    },
    found: /calls a delivery done that lacks/,
  },
  {
    promise: 'a death leads to a delivery or to a true reason why not',
    fault: 'every death is taken for a refusal',
    rules: {
      stepPeerHealth: (health, config, event, now) => {
        const step = RULES.stepPeerHealth(health, config, event, now);
        const isDeath = step.effects.some((effect) => effect.kind === 'changed' && effect.to === 'down');
        return isDeath ? { ...step, health: { ...step.health, reason: 'refused', refusedAt: Infinity } } : step;
      },
    },
    found: /refuses it, and nobody did|never delivered/,
  },
];

describe('the simulator finds a fault that breaks the promise that', () => {
  for (const { promise, fault, rules, found } of FAULTS) {
    it(`${promise}: ${fault}`, async () => {
      const violation = await firstViolation({ ...RULES, ...rules });
      expect(violation).to.match(found);
    });
  }

  it('none, because none is planted', async () => {
    expect(await firstViolation(RULES)).to.equal(null);
  });
});
