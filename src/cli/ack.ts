import type { OwnershipView } from '../ports/ownership-api.ts';
import { asOwnership } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { printable } from './display-width.ts';
import { EXIT } from './exit-status.ts';
import { writeLine } from './io.ts';
import { LocalApi } from './local-api.ts';
import { conflictText } from './ownership-advice.ts';
import { segment } from './snapshots/paths.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = { name: 'ack', options: TARGET_OPTIONS, positionals: ['WORKLOAD'] } as const;

export const ackCommand: Command = {
  help: `\
crossdc ack WORKLOAD

Says that an operator has seen the last takeover or the conflict of WORKLOAD: the next automatic takeover need not wait
for takeoverBlockPeriod, and the conflict is settled, here and at the peers. Prints what there was to acknowledge.

${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [workload = ''] = positionals;
    const path = `/v1/ownership/${segment(workload, 'WORKLOAD')}`;
    const api = new LocalApi(await resolveTarget(values, io));
    const before = asOwnership(api.target, await api.json({ path }));
    await api.json({ method: 'POST', path: `${path}/ack` });
    const after = asOwnership(api.target, await api.json({ path }));
    const lines = acknowledged(before, after);
    for (const line of lines) await writeLine(io.stdout, printable(`acknowledged: ${workload}: ${line}`));
    if (lines.length === 0) await writeLine(io.stdout, printable(`nothing to acknowledge for ${workload}`));
    return EXIT.done;
  },
};

/** What is gone from the row by our word. Of a conflict that came meanwhile nobody has said that he saw it. */
function acknowledged(before: OwnershipView, after: OwnershipView): string[] {
  const { conflict, blockedUntil } = before;
  const lines = [];
  if (conflict !== null && conflict.at !== after.conflict?.at) lines.push(conflictText(conflict));
  if (blockedUntil !== null && after.blockedUntil === null) {
    // Who gave the work on since then has a row of another reason: the takeover of ours, if it was ours, knows its epoch.
    const epoch = before.reason === 'takeover' ? before.epoch : before.takeover?.epoch;
    const which = epoch === undefined ? 'the last takeover' : `the takeover of epoch ${epoch}`;
    lines.push(`${which}: another may follow by itself`);
  }
  return lines;
}
