import type { Command } from './command.ts';
import { LONGEST_MS, parseWanted } from './failover-arguments.ts';
import { Failover } from './failover-run.ts';
import { LocalApi } from './local-api.ts';
import { resolveTarget, TARGET_HELP } from './target.ts';
import { SECOND_MS } from '../units.ts';

export const failoverCommand: Command = {
  help: `\
crossdc failover WORKLOAD --to DC [--force --accept-data-loss] [--dry-run]

Moves the ownership of WORKLOAD to DC, and prints each step until DC owns it: a switchover, the way home (fail-back), or
a takeover by hand where the present owner is down. When a check fails nothing is changed, and what goes wrong later
rolls back to the present owner. With exit status 1 the line on stderr says why, and what frees it.

  --to DC            the new owner
  --dry-run          only prints the plan: its checks, its steps and what would be lost; exit status 1 if it is refused
  --force            although checks fail, also where two contest the ownership; prints what would be lost
  --accept-data-loss with --force: does it
  --if-epoch N       only if the epoch is N still
  --no-wait          begins it and does not follow
  --timeout S        follows for so many seconds; ${LONGEST_MS / SECOND_MS} by default. It goes on all the same
  --json             one JSON document: outcome, plan, row, seconds
${TARGET_HELP}`,
  async run(argv, io) {
    const wanted = parseWanted(argv);
    const api = new LocalApi(await resolveTarget(wanted.target, io));
    return new Failover(api, io, wanted).run();
  },
};
