import type { HistoryEntry } from '../ports/ownership-api.ts';
import { asHistory } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { usageError, EXIT } from './exit-status.ts';
import { historyLine } from './history-text.ts';
import { writeLine } from './io.ts';
import { LocalApi } from './local-api.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = {
  name: 'history',
  options: { ...TARGET_OPTIONS, json: { type: 'boolean' }, limit: { type: 'string' } },
  positionals: [],
} as const;

const PAGE = 500;

export const historyCommand: Command = {
  help: `\
crossdc history [--limit N] [--json]

Prints every decision that this gateway made, newest last (a move is in the history of the owner that gave the work
away, a takeover in that of the new owner): what was decided of which workload or data centre, by whom (automatic, or which operator), how it ended, and what it was made from.

  --limit N          only the newest N
  --json             one JSON object a line, with every input and step
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const limit = parseLimit(values.limit);
    const api = new LocalApi(await resolveTarget(values, io));
    const render = values.json === true ? (entry: HistoryEntry) => JSON.stringify(entry) : historyLine;
    for (const entry of await newest(api, limit)) await writeLine(io.stdout, render(entry));
    return EXIT.done;
  },
};

/** The gateway gives the oldest first; read page by page, and no more kept than is printed. */
async function newest(api: LocalApi, limit: number): Promise<readonly HistoryEntry[]> {
  let kept: HistoryEntry[] = [];
  let after = 0;
  for (;;) {
    const page = asHistory(api.target, await api.json({ path: `/v1/history?after=${after}&limit=${PAGE}` }));
    const before = after;
    for (const { id } of page) after = Math.max(after, id);
    // One without anything newer is the last, also if a broken server repeats itself.
    if (after === before) return kept;
    kept = kept.concat(page).slice(-limit);
  }
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return Infinity;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw usageError(`--limit takes a number of at least 1, not "${text}"`);
  return limit;
}
