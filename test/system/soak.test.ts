import { expect } from 'chai';
import { reportText } from '../support/soak/report.ts';
import { soak } from '../support/soak/soak.ts';

describe('a minute of random snapshots under random faults', () => {
  it('loses nothing that was accepted, goes back on nothing, and leaves nothing open', async function () {
    this.timeout(300_000);
    const seed = Date.now() % 1_000_000;
    console.log(`      seed ${seed}: npm run soak -- --minutes 1 --seed ${seed} --verbose`);
    const report = await soak({ minutes: 1, seed, store: 'postgresql', tell: () => undefined });
    if (report.verdict !== 'ok') console.log(reportText(report));
    expect(report.problems).to.deep.equal([]);
    expect(report.accepted, 'snapshots were accepted').to.be.above(200);
    expect(report.comparedOrigins).to.equal(24);
    for (const [part, done] of Object.entries(report.faults)) {
      expect(Object.keys(done), `something was done to ${part}`).to.not.be.empty;
    }
  });
});
