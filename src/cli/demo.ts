import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { SECOND_MS } from '../units.ts';
import { parseCommandLine, type Command } from './command.ts';
import { Children } from './demo/children.ts';
import { keyFileIn, startGateways, type Stage } from './demo/stage.ts';
import { comeBack, failBack, killAndTakeOver, leave, reopen, replicate, seeEachOther } from './demo/story.ts';
import { Timeline } from './demo/timeline.ts';
import { isInterruption, Watch } from './demo/watch.ts';
import { printable } from './display-width.ts';
import { CliError, EXIT } from './exit-status.ts';
import { fileProblem } from './file-problem.ts';
import { writeLine, type CliIo } from './io.ts';
import { createFile, SECRET_MODE } from './keys/secret-file.ts';
import { newSharedKeyFile } from './keys/texts.ts';

const GRAMMAR = { name: 'demo', options: { keep: { type: 'boolean' } }, positionals: [] } as const;

const WHOLE_DEMO_MS = 58 * SECOND_MS;
const LOG_LINES = 15;

export const demoCommand: Command = {
  help: `\
crossdc demo [--keep]

Two gateways and a small application beside each, on free loopback ports and in a temporary folder, with a new key by
which each knows the other: heartbeats, snapshots, a data centre that is killed, its takeover, its return without the
work, its fail-back, an orderly shutdown. Prints a timeline; the exit status is 0 only if every step was verified. Takes less than a minute and leaves
nothing behind.

  --keep             leaves both running at the end, until Ctrl-C; says where they answer
`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const folder = await temporaryFolder();
    const children = new Children();
    // However this process ends, short of SIGKILL, nobody and nothing stays behind; then the leash ends the children.
    const onExit = (): void => {
      children.killNow();
      rmSync(folder, { recursive: true, force: true });
    };
    process.on('exit', onExit);
    try {
      return await play({ io, folder, children, keep: values.keep === true });
    } finally {
      await children.stopAll();
      await rm(folder, { recursive: true, force: true });
      process.off('exit', onExit);
    }
  },
};

/** @throws CliError when there is no temporary folder, or no room or right in it */
async function temporaryFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'crossdc-demo-'));
  } catch (error) {
    const reason = fileProblem(error);
    throw new CliError(EXIT.failed, `demo: ${tmpdir()} cannot be used: ${reason}; TMPDIR may name another folder`);
  }
}

interface Play {
  readonly io: CliIo;
  readonly folder: string;
  readonly children: Children;
  readonly keep: boolean;
}

async function play({ io, folder, children, keep }: Play): Promise<number> {
  const timeline = new Timeline(io);
  const watch = new Watch(io, children, WHOLE_DEMO_MS);
  try {
    await timeline.say('', `two data centres in ${folder}`);
    const { text, id } = newSharedKeyFile(io.wallMs());
    await createFile({ path: keyFileIn(folder), text, mode: SECRET_MODE });
    await timeline.say('', `a new key for both, id ${id}: with it each proves to the other who it is`);
    const stage: Stage = { ...(await startGateways({ folder, children, watch })), timeline, watch };
    await seeEachOther(stage);
    await replicate(stage);
    await killAndTakeOver(stage);
    await comeBack(stage);
    await failBack(stage);
    await leave(stage);
    if (keep) {
      await reopen(stage);
      await keepRunning(stage, io, children);
    }
    await children.stopAll();
    await rm(folder, { recursive: true, force: true });
    await timeline.say(
      '',
      `every step was verified in ${(timeline.elapsedMs / SECOND_MS).toFixed(1)} s; all is stopped and removed`,
    );
    return EXIT.done;
  } catch (error) {
    // A defect has its stack; the others say all there is in their sentence.
    const reason = error instanceof TypeError ? (error.stack ?? error.message) : messageOf(error);
    await timeline.say(
      '',
      isInterruption(error) ? 'interrupted before everything was shown' : `FAILED: ${printable(reason)}`,
    );
    if (!isInterruption(error)) await printLogs(io, children);
    return EXIT.failed;
  }
}

async function keepRunning({ dc1, dc2, timeline }: Stage, io: CliIo, children: Children): Promise<void> {
  const interrupted = io.interruption();
  await timeline.say('', 'both are running; every step before was verified. Ctrl-C stops and removes everything.');
  await timeline.detail([
    ...[dc1, dc2].flatMap(({ name, client, gateway }) => [
      `${name}  ${client.url}/  (gateway pid ${String(gateway.process.pid)}, log ${gateway.logFile})`,
      `     crossdc status --watch --url ${client.url}`,
    ]),
    'Kill one of the two gateways (kill -9 PID), and watch the other.',
  ]);
  const told = new Set<string>();
  while (!interrupted.aborted) {
    // Somebody may have killed it on purpose, to see what happens: that is no failure.
    const dead = children.findDead();
    if (dead !== undefined) {
      dead.isExpectedToEnd = true;
      if (!told.has(dead.name)) await timeline.say('', `the ${dead.name} has ended`);
      told.add(dead.name);
    }
    await io.sleep(SECOND_MS / 4, interrupted);
  }
}

async function printLogs(io: CliIo, children: Children): Promise<void> {
  for (const file of children.logFiles) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => messageOf(error));
    const lines = text.trimEnd().split('\n').slice(-LOG_LINES);
    await writeLine(io.stderr, `--- the end of ${file}`);
    for (const line of lines) await writeLine(io.stderr, printable(line));
  }
}
