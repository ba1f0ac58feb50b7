import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';

describe('a row of what is held that cannot be believed', () => {
  const stage = useStage();

  it('is said at the start, with what its place says it was of; what is not ours is named once', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const version = await dc2.putReplicated('orders/of today', 'state');
    await dc1.kill9();
    const held = join(dc1.stateFolder, 'held');
    writeFileSync(join(held, 'dc2', 'dc2', 'orders%2Fof%20today', `${version}.json`), '{"format":1}');
    writeFileSync(join(held, 'README'), 'mine');
    const mark = dc1.events.mark;
    const from = dc1.log.all.length;
    await dc1.start();
    const { data } = await dc1.events.until('snapshot-damaged', () => true, mark);
    expect(data).to.include({ dataCenter: 'dc2', workload: 'dc2', origin: 'orders/of today', version });
    expect(data.reason).to.include(`the row ${version}.json cannot be used`);
    expect(await dc1.metric('crossdc_snapshot_verification_failures_total')).to.equal(1);
    const named = dc1.log.all.slice(from).filter((line) => JSON.stringify(line).includes('README'));
    expect(named).to.have.length(1);
    // The origin has it still, and sends it again.
    await untilShown('a good copy', async () => ((await dc1.held('dc2')).length === 1 ? true : undefined));
  });
});
