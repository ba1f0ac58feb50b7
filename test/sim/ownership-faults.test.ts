import { expect } from 'chai';
import { RULES, type Rules } from '../../src/services/rules.ts';
import { Violation } from './oracle.ts';
import { runOwnership, type OwnershipChaosOptions } from './ownership-chaos.ts';

/** How many seeds a planted fault may take until it is found. */
const SEEDS = 150;

type Fault = Omit<OwnershipChaosOptions, 'seed'>;

/** The first broken promise that the simulator finds; null when it finds none. */
async function firstViolation(fault: Fault): Promise<string | null> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      await runOwnership({ seed, ...fault });
    } catch (error) {
      if (error instanceof Violation) return error.message;
      throw error;
    }
  }
  return null;
}

/** @param names more than two where the fault shows only between survivors */
function withRules(rules: Partial<Rules>, names?: readonly string[]): Fault {
  return { rules: { ...RULES, ...rules }, ...(names === undefined ? {} : { names }) };
}

interface Planted {
  readonly promise: string;
  readonly fault: string;
  readonly planted: Fault;
  readonly found: RegExp;
}

const PLANTED: readonly Planted[] = [
  {
    promise: 'an epoch outlives a crash',
    fault: 'the rows are not written down',
    planted: { forgets: (record) => record.startsWith('ownership/') },
    found: /its disk (has|knows of)|has forgotten epoch/,
  },
  {
    promise: 'an epoch is given once',
    fault: 'what was reserved is forgotten when it is called off',
    planted: withRules({
      reserveEpoch: (known, jump) => ({ ...RULES.reserveEpoch(known, jump), ownership: known }),
    }),
    found: /its disk knows of|gives epoch \d+ of dc\d to .* after/,
  },
  {
    promise: 'at equal epochs nobody has lost',
    fault: 'epochs are compared with >=',
    planted: withRules(
      {
        hearRow: (known, heard, context) => {
          const isRival = heard.row.epoch === known.row.epoch && heard.row.owner !== known.row.owner;
          if (!isRival) return RULES.hearRow(known, heard, context);
          // As an implementation would that took the other row for the higher one.
          const lower = { ...known, row: { ...known.row, epoch: known.row.epoch - 1 } };
          return RULES.hearRow(lower, heard, context);
        },
      },
      ['dc1', 'dc2', 'dc3'],
    ),
    found: /under one epoch/,
  },
  {
    promise: 'the higher epoch wins wherever two meet',
    fault: 'an owner keeps its row',
    planted: withRules({
      hearRow: (known, heard, context) =>
        known.row.owner === context.self ? { ownership: known, effects: [] } : RULES.hearRow(known, heard, context),
    }),
    found: /has heard epoch \d+ of dc\d and stays at/,
  },
  {
    promise: 'what a later owner accepts is newer',
    fault: 'versions do not know of epochs',
    // It takes a while until the one who lost the work has posted after its owner did.
    planted: {
      ...withRules({ nextVersion: (last, wallMs, { seen }) => RULES.nextVersion(last, wallMs, { seen, epoch: 0 }) }),
      chaosMs: 5000,
    },
    found: /under epoch \d+; under epoch \d+ there is/,
  },
  {
    promise: '/primary turns 200 last',
    fault: 'it does not wait for the delivery',
    planted: withRules({
      notPrimaryBecause: (known, facts) =>
        RULES.notPrimaryBecause(known, { ...facts, hasOpenDelivery: false, isChanging: false }),
    }),
    found: /before takeover-completed|while its application has state of it to absorb|serve dc\d at once/,
  },
  {
    promise: '/primary is 200 only where the workload is owned',
    fault: 'it is 200 before the epoch rises',
    planted: withRules({
      notPrimaryBecause: (known, facts) =>
        facts.isChanging && !facts.hasOpenDelivery ? null : RULES.notPrimaryBecause(known, facts),
    }),
    found: /serves dc\d, which dc\d owns|before takeover-completed|serve dc\d at once/,
  },
  {
    promise: 'the owner stands down before the target begins',
    fault: 'its /primary stays 200 while it releases',
    planted: withRules({
      notPrimaryBecause: (known, facts) => RULES.notPrimaryBecause(known, { ...facts, isChanging: false }),
    }),
    found: /before takeover-completed|serve dc\d at once/,
  },
  {
    promise: 'after a pause nobody serves before it has heard its peers',
    fault: 'what was known before is trusted',
    planted: withRules({
      notPrimaryBecause: (known, facts) => RULES.notPrimaryBecause(known, { ...facts, isSettled: true }),
    }),
    found: /after a pause of its own/,
  },
  {
    promise: 'both sides report that both worked',
    fault: 'what the other side says of a conflict is not taken in',
    planted: withRules({ hearConflict: (known) => ({ ownership: known, effects: [] }) }),
    found: /does not report it/,
  },
  {
    promise: 'a reason that holds up a takeover is true',
    fault: 'everything that is held is taken for too old',
    planted: withRules({
      takeoverBlock: (facts) => RULES.takeoverBlock({ ...facts, maxHeldAgeMs: facts.heldAgeMs === null ? 0 : -1 }),
    }),
    found: /held-too-old, which is not true/,
  },
  {
    promise: 'a change of owner raises the epoch',
    fault: 'it keeps the present one',
    planted: withRules({
      changeOwner: (known, change) => ({ ...known, row: { ...known.row, ...change, epoch: known.row.epoch } }),
    }),
    found: /its disk has|under one epoch/,
  },
];

describe('the simulator finds, where owners are concerned, a fault that breaks the promise that', () => {
  for (const { promise, fault, planted, found } of PLANTED) {
    const title = `${promise}: ${fault}`;
    it(title, async function () {
      this.timeout(60_000);
      const violation = await firstViolation(planted);
      expect(violation).to.match(found);
      const seed = /^seed \d+/.exec(violation ?? '')?.[0] ?? 'no seed';
      this.runnable().title = `${title} (found by ${seed})`;
    });
  }
});
