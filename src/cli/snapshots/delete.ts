import { parseCommandLine, parseSeconds, type Command } from '../command.ts';
import { EXIT } from '../exit-status.ts';
import { LocalApi } from '../local-api.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from '../target.ts';
import { emptySource, printReceipt, upload, waitOf } from './upload.ts';

const GRAMMAR = {
  name: 'snapshots delete',
  options: {
    ...TARGET_OPTIONS,
    workload: { type: 'string' },
    wait: { type: 'boolean' },
    timeout: { type: 'string' },
    json: { type: 'boolean' },
  },
  positionals: ['ORIGIN'],
} as const;

export const deleteCommand: Command = {
  help: `\
crossdc snapshots delete ORIGIN [--wait [--timeout S]] [--json]

Withdraws ORIGIN here and at the peers: a version without bytes, newer than all before it. What is there already is set
aside, not deleted.

  --workload W       of another workload than this data centre's own
  --wait             until every peer that is up, and at least one, has it
  --timeout S        of --wait, in seconds (30)
  --json             the gateway's receipt as one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [origin = ''] = positionals;
    const waitSeconds = waitOf(values.wait, parseSeconds('timeout', values.timeout));
    const api = new LocalApi(await resolveTarget(values, io));
    const receipt = await upload(api, {
      origin,
      workload: values.workload,
      headers: {},
      source: emptySource(),
      waitSeconds,
    });
    await printReceipt(io, receipt, values.json === true);
    return EXIT.done;
  },
};
