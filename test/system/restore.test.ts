import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { RestoreView } from '../../src/ports/ownership-api.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { useStage } from '../support/stage.ts';

/** The bytes behind each candidate of the one origin that there is. */
async function texts(gateway: GatewayProcess, workload: string): Promise<string[]> {
  const answer = await gateway.api(`/v1/restore?workload=${workload}`);
  const [origin, ...others] = (answer.json() as RestoreView).origins;
  expect(others).to.deep.equal([]);
  const bodies: string[] = [];
  for (const { href, source } of origin?.candidates ?? [])
    bodies.push(`${source} ${(await gateway.api(href)).body.toString()}`);
  return bodies;
}

describe('what an application starts from', () => {
  const stage = useStage();

  it('is every version at both ends, whatever died, and what is held is what went out', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    for (const text of ['one', 'two']) await dc1.putReplicated('or ders', text);
    expect(await texts(dc1, 'dc1')).to.deep.equal(['own two', 'own one']);
    expect(await texts(dc2, 'dc1')).to.deep.equal(['held two', 'held one']);
    const verified = await crossdc('verify', 'dc2', '--url', dc1.url);
    expect(verified).to.include({ status: 0, stderr: '' });
    expect(verified.stdout).to.match(/^or ders +dc1 +\d+ +\d+ +same +-$/m);

    await dc1.kill9();
    const { data } = await dc2.events.until('delivery');
    expect(await texts(dc2, 'dc1')).to.deep.equal(['held two', 'held one']);
    for (const { href } of data.delivery.snapshots) await dc2.api(`${href}/ack`, { method: 'POST' });
    await dc2.events.until('takeover-completed');
    expect(await texts(dc2, 'dc1')).to.deep.equal(['held two', 'held one']);
    const away = await crossdc('verify', 'dc1', '--url', dc2.url);
    expect(away.status).to.equal(1);
    expect(away.stderr).to.equal(
      'crossdc: The peer does not answer: "dc1" is down (silence); it is asked when it is up.\n',
    );

    await dc1.start();
    await dc1.events.until('superseded');
    expect((await dc1.api('/v1/restore')).json()).to.include({ owner: 'dc2', epoch: 2, superseded: true });
    expect(await texts(dc1, 'dc1')).to.deep.equal(['own two', 'own one']);
  });
});

describe('the history', () => {
  const stage = useStage();

  it('has every verdict with what it was made from, and outlives the process', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.kill9();
    await dc2.events.until('peer-down');
    const line = /^\S+ +verdict +dc1: down, by automatic .*reason=silence missed=5 missesAllowed=5 /m;
    const before = await crossdc('history', '--url', dc2.url);
    expect(before.stdout).to.match(line);
    await dc2.kill9();
    const folder = join(dc2.stateFolder, 'history');
    const kept = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(kept.join('')).to.contain('"outcome":"down"');
    await dc2.start();
    const after = await crossdc('history', '--url', dc2.url);
    expect(after.stdout.startsWith(before.stdout), after.stdout).to.equal(true);
    expect(
      (await crossdc('history', '--limit', '1', '--json', '--url', dc2.url)).stdout.trimEnd().split('\n'),
    ).to.have.length(1);
  });
});
