import { runOwnership } from './ownership-chaos.ts';

/** More seeds for a longer look: CROSSDC_SIM_OWNERSHIP_SEEDS=50000, CROSSDC_SIM_FIRST_SEED=1 */
const SEEDS = Number(process.env.CROSSDC_SIM_OWNERSHIP_SEEDS ?? 9000);
const FIRST = Number(process.env.CROSSDC_SIM_FIRST_SEED ?? 1);
/** Each in a file of its own, which run beside each other: the longest computation of all tests. */
const PARTS = 3;
const PORTION = 500;

/** Defines the tests of one part of all seeds. */
export function simulateOwners(part: 1 | 2 | 3): void {
  const partSeeds = Math.ceil(SEEDS / PARTS);
  const begin = FIRST + (part - 1) * partSeeds;
  const end = Math.min(begin + partSeeds, FIRST + SEEDS);

  describe(`owners in a world of faults, part ${part} of ${PARTS}`, () => {
    let runs = 0;
    after(() => console.log(`      simulated runs around owners: ${runs}, seeds from ${begin} on`));

    for (let first = begin; first < end; first += PORTION) {
      const last = Math.min(first + PORTION, end) - 1;
      it(`are found by takeover and by plan, and everybody agrees in the end, seeds ${first} to ${last}`, async function () {
        this.timeout(120_000);
        for (let seed = first; seed <= last; seed += 1) {
          await runOwnership({ seed });
          runs += 1;
        }
      });
    }
  });
}
