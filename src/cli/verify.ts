import type { VerifyRow } from '../ports/ownership-api.ts';
import { asVerification } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { printable } from './display-width.ts';
import { EXIT } from './exit-status.ts';
import { count } from './format.ts';
import { writeJson, writeLine, type CliIo } from './io.ts';
import { LocalApi } from './local-api.ts';
import { segment } from './snapshots/paths.ts';
import { table } from './table.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = {
  name: 'verify',
  options: { ...TARGET_OPTIONS, repair: { type: 'boolean' }, json: { type: 'boolean' } },
  positionals: ['PEER'],
} as const;

export const verifyCommand: Command = {
  help: `\
crossdc verify PEER [--repair] [--json]

Compares what went out from here with what PEER says that it holds of it (origin, version, SHA-256), by its index. Exit
status 1 when something differs; what is still on its way is no difference. The bytes on PEER's disk are not read: its
scrub does that (snapshotScrubInterval), and what it finds damaged PEER says here too.

  --repair           sends again what differs; verify once more to see that it arrived
  --json             one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [peer = ''] = positionals;
    const path = `/v1/peers/${segment(peer, 'PEER')}/verify`;
    const json = values.repair === true ? { repair: true } : {};
    const api = new LocalApi(await resolveTarget(values, io));
    const answer = asVerification(api.target, await api.json({ method: 'POST', path, json }));
    if (values.json === true) await writeJson(io.stdout, answer);
    else await print(io, peer, answer.rows);
    if (answer.differences === 0) return EXIT.done;
    // What does not match is what was asked for: the command did its work, and its status says what it found.
    await writeLine(io.stderr, `crossdc: ${sentence(answer.differences, answer.rows, values.repair === true)}`);
    return EXIT.failed;
  },
};

async function print(io: CliIo, peer: string, rows: readonly VerifyRow[]): Promise<void> {
  if (rows.length === 0) {
    await writeLine(io.stdout, `nothing went out, and ${printable(peer)} holds nothing of ours`);
    return;
  }
  const cells = rows.map((row) => [
    printable(row.origin),
    printable(row.workload),
    row.version === 0 ? '-' : String(row.version),
    row.peerVersion === null ? '-' : String(row.peerVersion),
    row.state,
    repairText(row),
  ]);
  const headings = ['ORIGIN', 'WORKLOAD', '>VERSION', '>THERE', 'STATE', 'REPAIR'];
  for (const line of table(headings, cells)) await writeLine(io.stdout, line);
}

function repairText({ repair }: VerifyRow): string {
  switch (repair) {
    case 'sent-again':
      return 'sent again';
    case 'renumbered':
      return 'sent again under a greater version';
    case 'not-possible':
      return 'post a fresh snapshot';
    case 'failed':
      return 'failed; crossdc status says which store';
    case null:
      return '-';
  }
}

function sentence(differences: number, rows: readonly VerifyRow[], isRepair: boolean): string {
  const what = `${count(differences, 'difference')} found`;
  if (!isRepair) return `${what}; --repair sends again`;
  const left = rows.filter(({ repair }) => repair === 'not-possible' || repair === 'failed').length;
  return left === 0 ? `${what} and sent again` : `${what}, ${left} of them not repaired`;
}
