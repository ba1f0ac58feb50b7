import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CALM, nothingMissed, refusedPut, saidOnce, SIZE } from '../support/failing-store.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';
import { describeWithTool } from '../support/tools.ts';

describeWithTool('prlimit', 'a limit of the process is reached', (prlimit) => {
  const stage = useStage();

  function limit(gateway: GatewayProcess, what: 'nofile' | 'fsize', most: number | 'unlimited'): void {
    // The soft limit alone: what was taken back can be given again.
    execFileSync(prlimit, ['--pid', String(gateway.pid), `--${what}=${most}:`], { stdio: 'pipe' });
  }

  /** The limit that leaves so many descriptors free now: it counts their numbers, and a number may be free below others. */
  function leaving(gateway: GatewayProcess, free: number): number {
    const open = new Set(readdirSync(`/proc/${gateway.pid}/fd`));
    let limited = 0;
    for (let left = free; left > 0 || open.has(String(limited)); limited += 1)
      if (!open.has(String(limited))) left -= 1;
    return limited;
  }

  it('of open files: nothing is condemned as damaged, and it recovers by itself', async () => {
    const pair = await Pair.running(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    const [old, fresh] = [freshBytes(SIZE), freshBytes(SIZE)];
    await dc1.putReplicated('orders', old);
    const version = await dc1.putReplicated('orders', fresh);
    // Room for the connection that asks, and none for the file that it asks for.
    const refused = await untilShown('an answer without a free descriptor', async () => {
      limit(dc2, 'nofile', leaving(dc2, 1));
      const answer = await dc2.api('/v1/peers/dc1/snapshots/orders').catch(() => undefined);
      return answer?.status === 503 ? answer : undefined;
    });
    expect(refused.json()).to.include({ type: 'urn:crossdc:problem:store-unavailable' });
    expect((refused.json() as { detail: string }).detail).to.contain('EMFILE');
    await untilShown('the failure', () => Promise.resolve(dc2.logged('a store cannot be used')[0]));
    limit(dc2, 'nofile', 1000);
    await dc2.events.until('store-recovered', (event) => event.store === 'held');
    const answer = await dc2.api('/v1/peers/dc1/snapshots/orders');
    expect([answer.status, answer.headers['crossdc-version']]).to.deep.equal([200, String(version)]);
    expect(answer.body.equals(fresh)).to.equal(true);
    expect((await dc2.history('dc1')).map(({ state }) => state)).to.deep.equal(['held', 'held']);
    expect(dc2.events.of('snapshot-damaged')).to.have.length(0);
    await nothingMissed(pair);
  });

  it('of the size of a file, at the sender: 507, nothing half-written, smaller ones go on', async () => {
    const pair = await Pair.running(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    const old = freshBytes(100_000);
    await dc1.putReplicated('orders', old);
    limit(dc1, 'fsize', 200_000);
    const refused = await refusedPut(dc1);
    expect(refused).to.include({ status: 507, type: 'urn:crossdc:problem:store-full' });
    expect(refused.detail).to.contain('EFBIG');
    expect(readdirSync(join(dc1.stateFolder, 'outgoing/.tmp'))).to.deep.equal([]);
    expect((await dc1.api('/v1/snapshots/orders')).body.equals(old)).to.equal(true);
    await dc1.putReplicated('orders', freshBytes(50_000));
    limit(dc1, 'fsize', 'unlimited');
    const fresh = freshBytes(SIZE);
    await dc1.putReplicated('orders', fresh);
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    await saidOnce(pair, { gateway: dc1, store: 'outgoing' });
  });

  it('of the size of a file, at the receiver: the sender knows why, and it arrives when it may', async () => {
    const pair = await Pair.running(stage, { keys: CALM });
    const { dc1, dc2 } = pair;
    await dc1.putReplicated('orders', freshBytes(100_000));
    limit(dc2, 'fsize', 200_000);
    const fresh = freshBytes(SIZE);
    const { version } = await dc1.putAccepted('orders', fresh);
    const failed = await dc1.untilLogged('a snapshot could not be sent; it is tried again');
    expect(failed.reason).to.equal('store-full');
    limit(dc2, 'fsize', 'unlimited');
    await dc1.events.until('snapshot-replicated', (event) => event.version === version);
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    await nothingMissed(pair);
  });
});
