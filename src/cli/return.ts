import { asReturn } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { printable } from './display-width.ts';
import { EXIT } from './exit-status.ts';
import { count } from './format.ts';
import { writeJson, writeLine } from './io.ts';
import { LocalApi } from './local-api.ts';
import { segment } from './snapshots/paths.ts';
import { table } from './table.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = {
  name: 'return',
  options: { ...TARGET_OPTIONS, json: { type: 'boolean' } },
  positionals: ['PEER'],
} as const;

export const returnCommand: Command = {
  help: `\
crossdc return PEER [--json]

Sends what is held from PEER back to it, where its application gets it as a delivery. The copy here is kept until PEER
replicates a newer version. crossdc events shows how each one went (snapshot-returned).

  --json             one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [peer = ''] = positionals;
    const path = `/v1/peers/${segment(peer, 'PEER')}/return`;
    const api = new LocalApi(await resolveTarget(values, io));
    const answer = asReturn(api.target, await api.json({ method: 'POST', path }));
    if (values.json === true) {
      await writeJson(io.stdout, answer);
      return EXIT.done;
    }
    const what = count(answer.snapshots.length, 'snapshot');
    await writeLine(io.stdout, `return ${printable(answer.returnId)}: ${what} on the way to ${printable(peer)}`);
    const rows = answer.snapshots.map((row) => [printable(row.origin), printable(row.workload), String(row.version)]);
    for (const line of table(['ORIGIN', 'WORKLOAD', '>VERSION'], rows)) await writeLine(io.stdout, line);
    return EXIT.done;
  },
};
