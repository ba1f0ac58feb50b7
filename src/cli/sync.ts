import { asSync } from './answers.ts';
import { parseCommandLine, parseSeconds, type Command } from './command.ts';
import { printable } from './display-width.ts';
import { CliError, EXIT } from './exit-status.ts';
import { count } from './format.ts';
import { writeJson, writeLine, type CliIo } from './io.ts';
import { LocalApi } from './local-api.ts';
import { ownsNothing } from './owns-nothing.ts';
import { segment, withQuery } from './snapshots/paths.ts';
import { table } from './table.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';
import { waited } from './waited.ts';

const GRAMMAR = {
  name: 'sync',
  options: {
    ...TARGET_OPTIONS,
    wait: { type: 'boolean' },
    timeout: { type: 'string' },
    json: { type: 'boolean' },
  },
  positionals: ['PEER'],
} as const;

export const syncCommand: Command = {
  help: `\
crossdc sync PEER [--wait] [--timeout S] [--json]

Asks PEER's application for fresh snapshots, of everything that PEER owns. They come here as all its snapshots do.

  --wait             until all of them are held here: a line per origin, exit status 1 when one is not in time, or
                     when PEER owns nothing
  --timeout S        how long PEER's application has, and how long --wait waits (snapshotRequestTimeout)
  --json             one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [peer = ''] = positionals;
    const timeout = parseSeconds('timeout', values.timeout);
    const wait = values.wait === true ? 'held' : undefined;
    const path = withQuery(`/v1/peers/${segment(peer, 'PEER')}/sync`, { wait, timeout: timeout?.toString() });
    const api = new LocalApi(await resolveTarget(values, io));
    const { isInTime, body } = await waited(api, { method: 'POST', path }, timeout);
    const sync = asSync(api.target, body);
    const waiting = sync.origins.filter(({ state }) => state === 'waiting').length;
    const nothing = sync.origins.length === 0 ? await ownsNothing(api, sync.dataCenter) : null;
    if (values.json === true) await writeJson(io.stdout, sync);
    else if (nothing === null) await print(io, sync, wait !== undefined);
    else if (wait === undefined) await writeLine(io.stdout, nothing);
    if (nothing !== null && wait !== undefined) throw new CliError(EXIT.failed, nothing);
    if (!isInTime) throw new CliError(EXIT.failed, `not in time: ${count(waiting, 'origin')} not held here`);
    return EXIT.done;
  },
};

async function print(io: CliIo, sync: ReturnType<typeof asSync>, hasWaited: boolean): Promise<void> {
  const { syncId, origins } = sync;
  const peer = printable(sync.dataCenter);
  if (origins.length === 0) {
    await writeLine(io.stdout, `${printable(syncId)}: ${peer} knows of no origin, so there is nothing to wait for`);
    return;
  }
  if (!hasWaited) {
    await writeLine(
      io.stdout,
      `${printable(syncId)}: the application of ${peer} is asked for ${count(origins.length, 'origin')}`,
    );
    return;
  }
  const cells = origins.map(({ origin, workload, version, state }) => [
    printable(origin),
    printable(workload),
    version === null ? '-' : String(version),
    state === 'waiting' ? 'not held' : state,
  ]);
  for (const line of table(['ORIGIN', 'WORKLOAD', '>VERSION', 'STATE'], cells)) await writeLine(io.stdout, line);
}
