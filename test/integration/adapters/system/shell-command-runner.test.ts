import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SystemClock } from '../../../../src/adapters/system/clock.ts';
import { ShellCommandRunner } from '../../../../src/adapters/system/shell-command-runner.ts';

const NEVER = new AbortController().signal;
const LONG_MS = 60_000;

describe('ShellCommandRunner', () => {
  const clock = new SystemClock();
  let folder: string;
  let left: number[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-hook-'));
    left = [];
  });

  afterEach(() => {
    for (const pid of left) kill(pid);
    rmSync(folder, { recursive: true, force: true });
  });

  function runner(environment: Record<string, string> = {}, killAfterMs = 200): ShellCommandRunner {
    return new ShellCommandRunner({
      clock,
      environment: { PATH: process.env.PATH ?? '', ...environment },
      killAfterMs,
    });
  }

  /** The process ids that a command wrote into files of the folder, so that a test can look for them and tidy up. */
  function pidIn(file: string): number {
    const pid = Number(readFileSync(join(folder, file), 'utf8'));
    left.push(pid);
    return pid;
  }

  function kill(pid: number): void {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone already, as it should be.
    }
  }

  it('tells success and what was printed', async () => {
    expect(await runner().run('echo out; echo err >&2', {}, LONG_MS, NEVER)).to.deep.include({
      outcome: 'succeeded',
      exitStatus: 0,
    });
    const { detail } = await runner().run('printf hello', {}, LONG_MS, NEVER);
    expect(detail).to.equal('exit status 0: hello');
  });

  it('tells the exit status of a failure', async () => {
    const result = await runner().run('echo no room; exit 3', {}, LONG_MS, NEVER);
    expect(result).to.deep.equal({ outcome: 'failed', exitStatus: 3, detail: 'exit status 3: no room' });
  });

  it('fails with 127 for a command that is missing and 126 for one that is not executable', async () => {
    expect(await runner().run('/no/such/command', {}, LONG_MS, NEVER)).to.include({
      outcome: 'failed',
      exitStatus: 127,
    });
    const script = join(folder, 'hook.sh');
    writeFileSync(script, '#!/bin/sh\n');
    chmodSync(script, 0o644);
    expect(await runner().run(script, {}, LONG_MS, NEVER)).to.include({ outcome: 'failed', exitStatus: 126 });
  });

  it('tells a command that was ended by a signal from one that exited', async () => {
    const result = await runner().run('kill -9 $$', {}, LONG_MS, NEVER);
    expect(result).to.deep.equal({ outcome: 'failed', exitStatus: null, detail: 'ended by SIGKILL' });
  });

  it('adds the variables and keeps our secrets back', async () => {
    const environment = { CROSSDC_PEER_SHARED_KEY: 'hunter2', GREETING: 'hello' };
    const { detail } = await runner(environment).run(
      'echo "$GREETING $CROSSDC_PEER/$CROSSDC_PEER_SHARED_KEY/"',
      { CROSSDC_PEER: 'dc2' },
      LONG_MS,
      NEVER,
    );
    expect(detail).to.equal('exit status 0: hello dc2//');
  });

  it('ends a command that hangs, with everything it started, and says that it timed out', async () => {
    const command = `sleep 600 & echo $! > ${folder}/child; echo started; wait`;
    const result = await runner().run(command, {}, 300, NEVER);
    expect(result).to.deep.include({ outcome: 'timed-out', exitStatus: null });
    expect(result.detail).to.equal('timed out, ended by SIGTERM: started');
    expect(isRunning(pidIn('child'))).to.equal(false);
  });

  it('kills a command that ignores SIGTERM', async () => {
    const result = await runner().run("trap '' TERM; while :; do sleep 0.05; done", {}, 200, NEVER);
    expect(result).to.deep.equal({ outcome: 'timed-out', exitStatus: null, detail: 'timed out, ended by SIGKILL' });
  });

  it('kills a child that ignores SIGTERM after its shell is gone', async () => {
    const child = `(trap '' TERM; echo $$ > /dev/null; while :; do sleep 0.05; done) & echo $! > ${folder}/child; wait`;
    const result = await runner().run(child, {}, 200, NEVER);
    expect(result.outcome).to.equal('timed-out');
    expect(isRunning(pidIn('child'))).to.equal(false);
  });

  it('does not call it a success when a command exits with 0 because we ended it', async () => {
    const result = await runner().run("trap 'exit 0' TERM; while :; do sleep 0.05; done", {}, 200, NEVER);
    expect(result).to.include({ outcome: 'timed-out', exitStatus: 0 });
  });

  it('does not wait for what a command leaves running, and does not kill it', async () => {
    const ready = join(folder, 'ready');
    const background = `(echo early; while [ ! -e ${ready} ]; do sleep 0.02; done; echo late; touch ${folder}/alive; exec sleep 600) &`;
    const result = await runner().run(`${background} echo $! > ${folder}/child`, {}, LONG_MS, NEVER);
    expect(result).to.include({ outcome: 'succeeded', exitStatus: 0 });
    const pid = pidIn('child');
    // It writes to the pipe after its command was done: had we closed our end, this would have been its last line.
    writeFileSync(ready, '');
    while (isRunning(pid) && !existsSync(join(folder, 'alive'))) await clock.sleep(10, NEVER);
    expect(isRunning(pid)).to.equal(true);
  });

  it('keeps only the end of an endless output', async () => {
    const { outcome, detail } = await runner().run(
      'head -c 3000000 /dev/zero | tr "\\0" x; echo; echo the end',
      {},
      LONG_MS,
      NEVER,
    );
    expect(outcome).to.equal('succeeded');
    expect(detail.length).to.be.lessThan(4300);
    expect(detail).to.match(/^exit status 0: …x+\nthe end$/);
  });

  it('stops a command when the gateway stops', async () => {
    const stop = new AbortController();
    const running = runner().run(`touch ${folder}/up; sleep 600`, {}, LONG_MS, stop.signal);
    while (!existsSync(join(folder, 'up'))) await clock.sleep(10, NEVER);
    stop.abort();
    expect(await running).to.deep.include({ outcome: 'failed', detail: 'stopped with the gateway, ended by SIGTERM' });
  });

  it('starts nothing when the gateway is stopping already', async () => {
    const result = await runner().run(`touch ${folder}/up`, {}, LONG_MS, AbortSignal.abort());
    expect(result.outcome).to.equal('not-started');
    expect(existsSync(join(folder, 'up'))).to.equal(false);
  });

  it('does not reject when nothing can be started', async () => {
    expect(await runner().run('a\0b', {}, LONG_MS, NEVER)).to.include({ outcome: 'not-started', exitStatus: null });
    const tooLong = 'x'.repeat(4 * 1024 * 1024);
    expect(await runner().run(`: ${tooLong}`, {}, LONG_MS, NEVER)).to.include({ outcome: 'not-started' });
  });
});

/** Whether a process runs: one that has ended but was not collected by its parent does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
