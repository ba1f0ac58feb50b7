import { asStatus } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { CliError, EXIT } from './exit-status.ts';
import { isAborted, write, writeJson, writeLine, type CliIo } from './io.ts';
import { LocalApi } from './local-api.ts';
import { paintFor } from './paint.ts';
import { readOpenDeliveries } from './open-deliveries.ts';
import { renderStatus, type Seen } from './status-text.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';
import { SECOND_MS } from '../units.ts';

const GRAMMAR = {
  name: 'status',
  options: { ...TARGET_OPTIONS, json: { type: 'boolean' }, watch: { type: 'boolean' } },
  positionals: [],
} as const;

const CLEAR_SCREEN = '\u001b[2J';
const HOME = '\u001b[H';
const CLEAR_TO_END_OF_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

export const statusCommand: Command = {
  help: `\
crossdc status [--json] [--watch]

Prints this data centre, who owns the work and what somebody should do about it, its peers, what is held from them, what
is outgoing, and which deliveries wait for the application.

  --json             one JSON document, as GET /v1/status gives it
  --watch            again each second, until Ctrl-C
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const api = new LocalApi(await resolveTarget(values, io));
    if (values.watch === true) return watch(api, io, values.json === true);
    const status = asStatus(api.target, await api.json({ path: '/v1/status' }));
    if (values.json === true) await writeJson(io.stdout, status);
    else await writeTable(io, { status, open: await readOpenDeliveries(api, status) });
    return EXIT.done;
  },
};

async function writeTable(io: CliIo, seen: Seen): Promise<void> {
  for (const line of renderStatus(seen, io.wallMs(), paintFor(io))) await writeLine(io.stdout, line);
}

/** A gateway that goes away while it is watched is shown as such, not left: it may be the one that is restarted. */
async function watch(api: LocalApi, io: CliIo, asJson: boolean): Promise<number> {
  const interrupted = io.interruption();
  for (let round = 1; !isAborted(interrupted); round += 1) {
    try {
      const status = asStatus(api.target, await api.json({ path: '/v1/status', signal: interrupted }));
      if (asJson) await writeLine(io.stdout, JSON.stringify(status));
      else {
        const open = await readOpenDeliveries(api, status, interrupted);
        await redraw(io, renderStatus({ status, open }, io.wallMs(), paintFor(io)), round);
      }
    } catch (error) {
      if (isAborted(interrupted)) break;
      if (round === 1 || !(error instanceof CliError)) throw error;
      if (asJson) await writeLine(io.stderr, `crossdc: ${error.message}`);
      else await redraw(io, [error.message], round);
    }
    await io.sleep(SECOND_MS, interrupted);
  }
  return EXIT.done;
}

async function redraw(io: CliIo, lines: readonly string[], round: number): Promise<void> {
  if (io.stdout.isTTY !== true) {
    await write(io.stdout, `${lines.join('\n')}\n\n`);
    return;
  }
  // Written over in place, and in one piece, so that nothing flickers.
  const screen = lines.map((line) => line + CLEAR_TO_END_OF_LINE).join('\n');
  await write(io.stdout, `${round === 1 ? CLEAR_SCREEN : ''}${HOME}${screen}\n${CLEAR_BELOW}`);
}
