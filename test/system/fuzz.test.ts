import { expect } from 'chai';
import { fuzz } from '../support/fuzz/fuzz.ts';

const REQUESTS = 2500;

describe('5,000 hostile requests to both listeners of a live pair', () => {
  for (const auth of ['key', 'none'] as const) {
    it(`break nothing, change nothing and leave nothing behind (peerAuth=${auth})`, async function () {
      this.timeout(180_000);
      const seed = Date.now() % 1_000_000;
      console.log(`      seed ${seed}: npm run fuzz -- --requests ${REQUESTS} --seed ${seed} --auth ${auth}`);
      const report = await fuzz({ requests: REQUESTS, seed, auth, tell: () => undefined });
      if (report.problemCount > 0) console.log(JSON.stringify(report, null, 2));
      expect(report.problems).to.deep.equal([]);
      // They were refused for many reasons, not all at the door.
      expect(Object.keys(report.answers)).to.include.members(['400', '401', '404', '405', '431']);
    });
  }
});
