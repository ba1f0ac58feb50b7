import { parseCommandLine, type Command } from './command.ts';
import { printable } from './display-width.ts';
import { EXIT } from './exit-status.ts';
import { writeLine } from './io.ts';
import { LocalApi } from './local-api.ts';
import { segment } from './snapshots/paths.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = { name: 'ack', options: TARGET_OPTIONS, positionals: ['WORKLOAD'] } as const;

export const ackCommand: Command = {
  help: `\
crossdc ack WORKLOAD

Says that an operator has seen the last takeover or the conflict of WORKLOAD: the next automatic takeover need not wait
for takeoverBlockPeriod, and the conflict is settled, here and at the peers.

${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [workload = ''] = positionals;
    const path = `/v1/ownership/${segment(workload, 'WORKLOAD')}/ack`;
    const api = new LocalApi(await resolveTarget(values, io));
    await api.json({ method: 'POST', path });
    await writeLine(io.stdout, `acknowledged: ${printable(workload)}`);
    return EXIT.done;
  },
};
