import { parseCommandLine, parseSeconds, type Command } from '../command.ts';
import { EXIT, notBuilt } from '../exit-status.ts';
import { writeJson, writeLine } from '../io.ts';
import { LocalApi } from '../local-api.ts';
import { asRequest } from '../answers.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from '../target.ts';

const GRAMMAR = {
  name: 'snapshots request',
  options: {
    ...TARGET_OPTIONS,
    origin: { type: 'string', multiple: true },
    timeout: { type: 'string' },
    wait: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  positionals: [],
} as const;

export const requestCommand: Command = {
  help: `\
crossdc snapshots request [--origin O]... [--timeout S] [--json]

Asks the application for snapshots now, by an event of type snapshot-request. Does not wait for them.

  --origin O         only of this origin; may be given again
  --timeout S        after so many seconds an origin that was not posted is overdue
  --json             one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    if (values.wait === true) throw notBuilt('snapshots request --wait');
    const timeout = parseSeconds('timeout', values.timeout);
    const api = new LocalApi(await resolveTarget(values, io));
    const json = {
      ...(values.origin === undefined ? {} : { origins: values.origin }),
      ...(timeout === undefined ? {} : { timeout }),
    };
    const answer = asRequest(api.target, await api.json({ method: 'POST', path: '/v1/snapshot-requests', json }));
    if (values.json === true) await writeJson(io.stdout, answer);
    else await writeLine(io.stdout, `snapshots requested: ${answer.requestId}`);
    return EXIT.done;
  },
};
