import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { GatewayError } from '../../src/errors.ts';
import { StateLock } from '../../src/adapters/file/state-lock.ts';

const CHILD = fileURLToPath(new URL('./state-lock-child.ts', import.meta.url));

interface Outcome {
  readonly outcome: string;
  readonly ms?: number;
  readonly detail?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

describe('The lock of the state folder', function () {
  this.timeout(60_000);
  let root: string;
  let children: ChildProcess[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'crossdc-lock-'));
  });
  afterEach(async () => {
    await Promise.all(children.map(kill));
    children = [];
    rmSync(root, { recursive: true, force: true });
  });

  function start(folder = root): ChildProcess {
    const child = spawn(process.execPath, ['--import=tsx', CHILD, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  }

  async function outcomeOf(child: ChildProcess): Promise<Outcome> {
    for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line) as Outcome;
    throw new Error('the process ended and said nothing');
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async function refused(folder = root): Promise<GatewayError> {
    const error: unknown = await StateLock.acquire(folder).then(
      (lock) => lock.release(),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(GatewayError);
    return error as GatewayError;
  }

  it('refuses a second process and names the first', async () => {
    const holder = start();
    expect((await outcomeOf(holder)).outcome).to.equal('holding');
    const error = await refused();
    expect(error.code).to.equal('state-locked');
    expect(error.facts).to.include({ pid: holder.pid, answers: true });
    expect(error.message)
      .to.include(`process ${holder.pid}`)
      .and.to.match(/started \d{4}-\d\d-\d\dT/);
  });

  it('is free at once when its process was killed', async () => {
    for (let i = 0; i < 3; i += 1) {
      const holder = start();
      expect((await outcomeOf(holder)).outcome).to.equal('holding');
      await kill(holder);
    }
    const before = performance.now();
    const lock = await StateLock.acquire(root);
    expect(performance.now() - before).to.be.lessThan(500);
    expect(readdirSync(join(root, 'lock.d')).length, 'what the dead left is cleared').to.equal(1);
    await lock.release();
    expect(readdirSync(join(root, 'lock.d'))).to.deep.equal([]);
  });

  it('is not free while its process is stopped, and names it', async () => {
    const holder = start();
    expect((await outcomeOf(holder)).outcome).to.equal('holding');
    holder.kill('SIGSTOP');
    const error = await refused();
    expect(error.code).to.equal('state-locked');
    expect(error.facts).to.include({ pid: holder.pid, answers: false });
    expect(error.message).to.include('is it stopped?');
    holder.kill('SIGCONT');
    expect((await refused()).facts).to.include({ pid: holder.pid, answers: true });
  });

  it('goes to exactly one of eight that start together', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcomeOf(start())));
    const counted = outcomes.map((each) => each.outcome).sort();
    expect(counted).to.deep.equal(['holding', ...Array<string>(7).fill('state-locked')]);
  });

  it('goes to exactly one of many in one process, again and again', async () => {
    for (let round = 0; round < 20; round += 1) {
      const attempts = await Promise.allSettled(Array.from({ length: 6 }, () => StateLock.acquire(root)));
      const locks = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      expect(locks.length).to.equal(1);
      await locks[0]!.release();
      await locks[0]!.release();
    }
  });

  it('works below a path that is too long for a socket', async () => {
    const folder = join(root, 'x'.repeat(100), 'y'.repeat(100));
    const holder = start(folder);
    expect((await outcomeOf(holder)).outcome).to.equal('holding');
    expect((await refused(folder)).facts).to.include({ pid: holder.pid });
    await kill(holder);
    const lock = await StateLock.acquire(folder);
    expect((await refused(folder)).facts).to.include({ pid: process.pid });
    await lock.release();
    expect(readdirSync(join(folder, 'lock.d'))).to.deep.equal([]);
  });

  it('takes no notice of other files, and clears what died half-made', async () => {
    mkdirSync(join(root, 'lock.d'));
    writeFileSync(join(root, 'lock.d', 'README'), 'mine');
    writeFileSync(join(root, 'lock.d', `.123-${'0'.repeat(16)}.sock`), '');
    writeFileSync(join(root, 'lock.d', `123-${'0'.repeat(16)}.sock`), '');
    const lock = await StateLock.acquire(root);
    expect(readdirSync(join(root, 'lock.d')).length).to.equal(2);
    await lock.release();
    expect(readdirSync(join(root, 'lock.d'))).to.deep.equal(['README']);
  });

  it('does not keep a process alive', async () => {
    const child = start();
    expect((await outcomeOf(child)).outcome).to.equal('holding');
    child.stdin!.end();
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).to.equal(0);
    await (await StateLock.acquire(root)).release();
  });
});
