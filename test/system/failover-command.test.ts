import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayProcess, Keys } from '../support/gateway-process.ts';
import { DEATH_MS, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';

const QUICK: Keys = { failoverCommandRetries: 2, failoverCommandRetryInterval: 0.1 };

describe('the failover command', () => {
  const stage = useStage();

  /** dc1 dies with something held at dc2, where the command is configured. */
  async function death(keys: Keys): Promise<{ dc1: GatewayProcess; dc2: GatewayProcess; killedAt: number }> {
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { ...QUICK, ...keys } });
    await dc1.putReplicated('orders', 'state');
    const killedAt = performance.now();
    await dc1.kill9();
    return { dc1, dc2, killedAt };
  }

  it('is told who died and why, and its success is an event', async () => {
    const file = join(stage.folder(), 'environment');
    const { dc2 } = await death({
      failoverCommand: `env | grep ^CROSSDC_ | sort > ${file}`,
      applicationName: 'default',
    });
    const ran = await dc2.events.until('failover-command');
    expect(ran.data).to.include({ dataCenter: 'dc1', attempt: 1, exitStatus: 0, outcome: 'succeeded' });
    expect(readFileSync(file, 'utf8').trim().split('\n')).to.deep.equal([
      'CROSSDC_APPLICATION=default',
      'CROSSDC_DATA_CENTER=dc2',
      // The one that the takeover will have, reserved before the command is begun.
      'CROSSDC_EPOCH=2',
      'CROSSDC_PEER=dc1',
      'CROSSDC_REASON=silence',
      'CROSSDC_STATE=down',
      `CROSSDC_URL=${dc2.url}`,
    ]);
    expect(await dc2.metric('crossdc_failover_command_runs_total', { outcome: 'succeeded' })).to.equal(1);
    expect((await dc2.api('/readyz')).status).to.equal(200);
  });

  const notExecutable = (folder: string): string => {
    const file = join(folder, 'command.sh');
    writeFileSync(file, '#!/bin/sh\nexit 0\n');
    chmodSync(file, 0o644);
    return file;
  };

  for (const { name, command, exitStatus } of [
    { name: 'that exits with 1', command: () => 'exit 1', exitStatus: 1 },
    { name: 'that is missing', command: (folder: string) => join(folder, 'nowhere'), exitStatus: 127 },
    { name: 'that is not executable', command: notExecutable, exitStatus: 126 },
  ]) {
    it(`${name} is retried, logged and counted, then given up, and readiness says so`, async () => {
      const { dc2, killedAt } = await death({ failoverCommand: command(stage.folder()) });
      const delivered = await dc2.events.until('delivery');
      expect(delivered.at - killedAt).to.be.below(DEATH_MS + 3000);
      const gaveUp = await dc2.events.until('failover-command-gave-up');
      expect(gaveUp.data).to.include({ dataCenter: 'dc1', attempts: 3 });
      const runs = dc2.events.of('failover-command').map(({ data }) => [data.attempt, data.exitStatus, data.outcome]);
      expect(runs).to.deep.equal([1, 2, 3].map((attempt) => [attempt, exitStatus, 'failed']));
      expect(await dc2.metric('crossdc_failover_command_runs_total', { outcome: 'failed' })).to.equal(3);
      expect(dc2.logged('the failover command ended')).to.have.length(3);
      const { status, checks } = await dc2.readiness();
      expect(status).to.equal(503);
      expect(checks.failoverCommand!.ok).to.equal(false);
      expect((await dc2.api('/healthz')).status).to.equal(200);
    });
  }

  it('that hangs is killed with all that it started, and nothing waits for it', async () => {
    const file = join(stage.folder(), 'pid');
    const { dc2, killedAt } = await death({
      failoverCommand: `sh -c 'echo $$ > ${file}; sleep 1000'; true`,
      failoverCommandTimeout: 0.5,
      failoverCommandRetries: 0,
    });
    const delivered = await dc2.events.until('delivery');
    expect(delivered.at - killedAt).to.be.below(DEATH_MS + 3000);
    const pid = await untilShown('the command at work', () => Promise.resolve(pidIn(file)));
    // It hangs, and the gateway takes new work.
    expect((await dc2.put('orders', 'own')).status).to.equal(202);
    const ran = await dc2.events.until('failover-command');
    expect(ran.data).to.include({ outcome: 'timed-out', exitStatus: null });
    await dc2.events.until('failover-command-gave-up');
    await untilShown('the end of what it started', () => Promise.resolve(isAlive(pid) ? undefined : true));
    expect(await dc2.metric('crossdc_failover_command_runs_total', { outcome: 'timed-out' })).to.equal(1);
  });

  it('is all that a passive gateway does by itself: no delivery, and no request for snapshots', async () => {
    const { dc2 } = await death({
      crossDCOperationMode: 0,
      failoverCommand: 'true',
      dataSnapshotExchangeInterval: 0.2,
    });
    await dc2.events.until('failover-command', (event) => event.outcome === 'succeeded');
    await dc2.events.noneFor(DEATH_MS, ['delivery', 'snapshot-request'], 0);
    expect((await dc2.peer('dc1')).blockedBy).to.equal('passive');
    expect((await dc2.status()).mode).to.equal('passive');
    expect((await dc2.api('/v1/deliveries', { method: 'POST', json: { dataCenter: 'dc1' } })).status).to.equal(201);
  });

  it('that a crash interrupted is run again, and makes no second delivery', async () => {
    const file = join(stage.folder(), 'runs');
    const failoverCommand = `echo $$ >> ${file}; [ $(wc -l < ${file}) -gt 1 ] || sleep 1000`;
    const { dc2 } = await death({ failoverCommand });
    await dc2.events.until('delivery');
    const pid = await untilShown('the command at work', () => Promise.resolve(pidIn(file)));
    // Half a failover is worse than one run to its end, so it outlives its gateway.
    stage.after(() => void process.kill(-pid, 'SIGKILL'));
    await dc2.kill9();
    await dc2.start();
    await dc2.events.until('failover-command', (event) => event.outcome === 'succeeded');
    expect(readFileSync(file, 'utf8').trim().split('\n')).to.have.length(2);
    expect(await dc2.deliveries()).to.have.length(1);
  });
});

/** The number in a file's only line; undefined while there is none. */
function pidIn(file: string): number | undefined {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text.endsWith('\n') ? Number(text) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
