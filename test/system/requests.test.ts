import { expect } from 'chai';
import type { RequestAnswer } from '../../src/cli/answers.ts';
import type { SyncView } from '../../src/ports/gateway-api.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { useStage, type Stage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';

/** The application beside a gateway: it posts these origins whenever it is asked for all, and what is named. */
function postWhenAsked(stage: Stage, gateway: GatewayProcess, ...origins: readonly string[]): void {
  const answered = new Set(gateway.events.of('snapshot-request').map(({ data }) => data.requestId));
  let isOver = false;
  stage.after(() => void (isOver = true));
  const follow = async (): Promise<void> => {
    while (!isOver) {
      const { data } = await gateway.events.until('snapshot-request', ({ requestId }) => !answered.has(requestId));
      answered.add(data.requestId);
      for (const origin of data.origins ?? origins) await gateway.putAccepted(origin, freshBytes(1000));
    }
  };
  // It ends with the test: nobody asks any more, or nobody answers.
  follow().catch(() => undefined);
}

describe('snapshots on demand', () => {
  const stage = useStage();

  it('a request that waits ends when everything that was asked for is at the peer', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    for (const origin of ['orders', 'accounts']) await dc1.putReplicated(origin, 'old');
    postWhenAsked(stage, dc1, 'orders', 'accounts');
    const answer = await dc1.api('/v1/snapshot-requests?wait=replicated', { method: 'POST', json: { timeout: 20 } });
    expect(answer.status).to.equal(200);
    const { rows } = answer.json() as RequestAnswer;
    expect(rows.map(({ origin, state }) => [origin, state])).to.deep.equal([
      ['accounts', 'replicated'],
      ['orders', 'replicated'],
    ]);
    const held = await dc2.held('dc1');
    expect(held.map(({ origin, version }) => [origin, version])).to.deep.equal(
      rows.map(({ origin, version }) => [origin, version]),
    );
  });

  it('snapshots request --wait has a line per origin, and fails for what was not posted', async () => {
    const { dc1 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'old');
    postWhenAsked(stage, dc1, 'orders');
    const done = await crossdc('snapshots', 'request', '--wait', '--timeout', '20', '--url', dc1.url);
    expect(done.status, done.stderr).to.equal(0);
    expect(done.stdout).to.match(/^orders +dc1 +\d+ +replicated$/m);

    await dc1.putReplicated('never', 'old');
    const late = await crossdc('snapshots', 'request', '--wait', '--timeout', '1', '--url', dc1.url);
    expect(late).to.include({ status: 1, stderr: 'crossdc: not in time: 1 origin not posted\n' });
    expect(late.stdout)
      .to.match(/^never +dc1 +- +missing$/m)
      .and.to.match(/^orders +dc1 +\d+ +replicated$/m);
    const overdue = await dc1.events.until('snapshot-overdue');
    expect(overdue.data.origins).to.deep.equal(['never']);
  });

  it('sync --wait brings fresh snapshots of the peer, whose gateway is passive', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { dc1: { crossDCOperationMode: 0 } });
    await dc1.putReplicated('orders', 'old');
    const [old] = await dc2.held('dc1');
    postWhenAsked(stage, dc1, 'orders');
    const done = await crossdc('sync', 'dc1', '--wait', '--timeout', '20', '--url', dc2.url, '--json');
    expect(done.status, done.stderr).to.equal(0);
    const [origin] = (JSON.parse(done.stdout) as SyncView).origins;
    expect(origin).to.include({ workload: 'dc1', origin: 'orders', after: old?.version, state: 'held' });
    const [held] = await dc2.held('dc1');
    expect(held?.version)
      .to.equal(origin?.version)
      .and.to.be.above(old?.version ?? Infinity);
    expect(dc1.events.of('snapshot-request').map(({ data }) => data.reason)).to.deep.equal(['sync']);
  });

  it('a sync that nobody answers is answered 504 with what is missing, and without its peer 503', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    await dc1.putReplicated('orders', 'old');
    const late = await dc2.api('/v1/peers/dc1/sync?wait=held&timeout=1', { method: 'POST' });
    expect(late.status).to.equal(504);
    expect((late.json() as SyncView).origins.map(({ origin, state }) => [origin, state])).to.deep.equal([
      ['orders', 'waiting'],
    ]);
    await dc1.kill9();
    await dc2.events.until('peer-down');
    const refused = await dc2.api('/v1/peers/dc1/sync', { method: 'POST' });
    expect(refused.status).to.equal(503);
  });

  it('a gateway with syncAtStartup pulls at the first contact', async () => {
    const pair = await Pair.create(stage, { dc2: { syncAtStartup: true } });
    await pair.dc1.start();
    await pair.dc1.putAccepted('orders', 'old');
    postWhenAsked(stage, pair.dc1, 'orders');
    await pair.dc2.start();
    await pair.dc1.events.until('snapshot-request', ({ reason }) => reason === 'sync');
    await pair.dc2.untilLogged("the peer's snapshots were pulled (syncAtStartup)");
  });

  it('shutdown --snapshot ends the gateway only when the peer has everything fresh', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { keys: { snapshotRequestTimeout: 2 } });
    await dc1.putReplicated('orders', 'old');
    const refused = await crossdc('shutdown', '--snapshot', '--url', dc1.url);
    expect(refused.status).to.equal(1);
    expect(refused.stdout).to.match(/^orders +dc1 +- +missing$/m);
    expect(refused.stderr).to.contain('the gateway goes on');
    expect(await dc1.status()).to.include({ shuttingDown: false });

    postWhenAsked(stage, dc1, 'orders');
    const done = await crossdc('shutdown', '--snapshot', '--url', dc1.url);
    expect(done, done.stderr).to.include({ status: 0, stderr: '' });
    expect(await dc1.untilEnded()).to.deep.equal({ status: 0, signal: null });
    const version = /^orders +dc1 +(\d+) +replicated$/m.exec(done.stdout)?.[1];
    expect((await dc2.held('dc1')).map((row) => String(row.version))).to.deep.equal([version]);
    await dc2.events.until('peer-left');
  });
});
