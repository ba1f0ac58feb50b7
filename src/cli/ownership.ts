import { asOwnershipRows, asPeers } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { writeJson, writeLine } from './io.ts';
import { LocalApi } from './local-api.ts';
import { renderOwnership } from './ownership-text.ts';
import { paintFor } from './paint.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = {
  name: 'ownership',
  options: { ...TARGET_OPTIONS, json: { type: 'boolean' } },
  positionals: [],
} as const;

export const ownershipCommand: Command = {
  help: `\
crossdc ownership [--json]

Prints who owns each workload, the one of this data centre first, and under the table what somebody should know or do:
what is contested, in conflict, blocked, under way, done elsewhere or by nobody, with the command that frees it.

  --json             one JSON document, as GET /v1/ownership gives it
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const api = new LocalApi(await resolveTarget(values, io));
    const rows = asOwnershipRows(api.target, await api.json({ path: '/v1/ownership' }));
    if (values.json === true) {
      await writeJson(io.stdout, rows);
      return EXIT.done;
    }
    const peers = asPeers(api.target, await api.json({ path: '/v1/peers' }));
    // The first row is that of the gateway's own workload, which bears its name.
    const look = { here: rows[0]?.workload ?? '', peers, wallMs: io.wallMs(), paint: paintFor(io) };
    for (const line of renderOwnership(rows, look)) await writeLine(io.stdout, line);
    return EXIT.done;
  },
};
