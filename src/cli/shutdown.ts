import { performance } from 'node:perf_hooks';
import { MINUTE_MS, SECOND_MS } from '../units.ts';
import { asStatus } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { CliError, EXIT } from './exit-status.ts';
import { throwIfInterrupted, writeLine, type CliIo } from './io.ts';
import { LocalApi } from './local-api.ts';
import { isRefused } from './local-api-errors.ts';
import { ownsNothing } from './owns-nothing.ts';
import { freshSnapshots, printFresh } from './snapshots/fresh.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = {
  name: 'shutdown',
  options: { ...TARGET_OPTIONS, snapshot: { type: 'boolean' } },
  positionals: [],
} as const;

const LONGEST_MS = MINUTE_MS;
const POLL_MS = 50;

export const shutdownCommand: Command = {
  help: `\
crossdc shutdown [--snapshot]

Tells every peer that this data centre leaves, so that none takes it for dead, then stops the gateway; waits, a minute
at most, until it is gone.

  --snapshot         first asks the application for a fresh snapshot of every origin, and waits until they are at every
                     peer that is up, and at least at one. When that fails, or takes longer than
                     snapshotRequestTimeout, the exit status is 1 and the gateway goes on; crossdc shutdown stops it
                     all the same. Where this data centre owns no workload there is nothing to ask for: it says
                     who does its work, and shuts down
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const api = new LocalApi(await resolveTarget(values, io));
    if (values.snapshot === true) await takeSnapshots(api, io);
    const { incarnation, dataCenter } = asStatus(api.target, await api.json({ path: '/v1/status' }));
    await api.json({ method: 'POST', path: '/v1/messages', json: { msg: 'OrderlyShutdown' } });
    await untilGone(api, incarnation, io);
    await writeLine(io.stdout, `the gateway of ${dataCenter} has left and is stopped`);
    return EXIT.done;
  },
};

/**
 * Who owns nothing has nothing that could be lost: whoever does its work has the newest state, so the shutdown goes on.
 *
 * @throws CliError when the peers do not have all of it: whoever asked for the snapshots would lose what is missing
 */
async function takeSnapshots(api: LocalApi, io: CliIo): Promise<void> {
  const fresh = await freshSnapshots(api, {});
  const nothing = fresh.rows.length === 0 ? await ownsNothing(api) : null;
  if (nothing !== null) {
    await writeLine(io.stdout, `no snapshot is taken: ${nothing}`);
    return;
  }
  await printFresh(io, fresh);
  if (fresh.problem === null) return;
  throw new CliError(
    EXIT.failed,
    `${fresh.problem}; the gateway goes on. crossdc shutdown, without --snapshot, stops it all the same`,
  );
}

/** Gone is also a gateway in whose place another run already answers: a supervisor may be quicker than we are. */
async function untilGone(api: LocalApi, incarnation: number, io: CliIo): Promise<void> {
  const interrupted = io.interruption();
  const deadline = performance.now() + LONGEST_MS;
  while (performance.now() < deadline) {
    throwIfInterrupted(interrupted);
    if (await isGone(api, incarnation)) return;
    await io.sleep(POLL_MS, interrupted);
  }
  const seconds = LONGEST_MS / SECOND_MS;
  throw new CliError(EXIT.failed, `the gateway took the request, but still runs after ${seconds} s; its log says why`);
}

/** Only a refused connection proves that nobody listens any more: one that is slow to answer is still at work. */
async function isGone(api: LocalApi, incarnation: number): Promise<boolean> {
  try {
    const status = asStatus(api.target, await api.json({ path: '/v1/status', idleMs: 2 * SECOND_MS }));
    return status.incarnation !== incarnation;
  } catch (error) {
    if (error instanceof CliError) return isRefused(error);
    throw error;
  }
}
