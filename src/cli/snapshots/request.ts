import { asRequest } from '../answers.ts';
import { parseCommandLine, parseSeconds, type Command } from '../command.ts';
import { CliError, EXIT } from '../exit-status.ts';
import { writeJson, writeLine, type CliIo } from '../io.ts';
import { LocalApi } from '../local-api.ts';
import { ownsNothing } from '../owns-nothing.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from '../target.ts';
import { freshSnapshots, printFresh, requestOf, type Wish } from './fresh.ts';

const GRAMMAR = {
  name: 'snapshots request',
  options: {
    ...TARGET_OPTIONS,
    origin: { type: 'string', multiple: true },
    workload: { type: 'string' },
    timeout: { type: 'string' },
    wait: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  positionals: [],
} as const;

export const requestCommand: Command = {
  help: `\
crossdc snapshots request [--origin O]... [--wait] [--timeout S] [--json]

Asks the application for snapshots now, by an event of type snapshot-request, of everything that this data centre owns.

  --origin O         only of this origin; may be given again
  --workload W       only of this workload
  --wait             until each was posted and is at every peer that is up, and at least at one: a line per origin,
                     exit status 1 when one is missing or not replicated in time, or when nothing is owned here
  --timeout S        after so many seconds an origin that was not posted is overdue, and --wait is over
                     (snapshotRequestTimeout)
  --json             one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const { origin: origins, workload } = values;
    const wish = { origins, workload, timeout: parseSeconds('timeout', values.timeout) };
    const api = new LocalApi(await resolveTarget(values, io));
    if (values.wait === true) return waitForAll(api, wish, io, values.json === true);
    const answer = asRequest(api.target, await api.json(requestOf(wish)));
    if (values.json === true) await writeJson(io.stdout, answer);
    else await writeLine(io.stdout, (await noneOf(api, wish)) ?? `snapshots requested: ${answer.requestId}`);
    return EXIT.done;
  },
};

/** What is named is refused where it is not owned; what is not named may be nothing. */
async function noneOf(api: LocalApi, { workload, origins }: Wish): Promise<string | null> {
  return workload === undefined && origins === undefined ? ownsNothing(api) : null;
}

async function waitForAll(api: LocalApi, wish: Wish, io: CliIo, asJson: boolean): Promise<number> {
  const { requestId, rows, problem } = await freshSnapshots(api, wish);
  const nothing = rows.length === 0 ? await ownsNothing(api) : null;
  if (asJson) await writeJson(io.stdout, { requestId, rows });
  else if (nothing === null) await printFresh(io, { requestId, rows });
  if (nothing !== null) throw new CliError(EXIT.failed, nothing);
  if (problem !== null) throw new CliError(EXIT.failed, problem);
  return EXIT.done;
}
