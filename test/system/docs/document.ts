import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, projectFile } from '../../support/project.ts';

/** What a reader reads: the README and everything directly in docs/. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  ...readdirSync(join(PROJECT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

export interface Block {
  /** The word after the fence: `sh` is run, `text` and `json` after it are what it prints, others are only shown. */
  readonly language: string;
  readonly text: string;
  /** Of the fence, from 1. */
  readonly line: number;
}

/** One thing for the shell to do, in the order of the document. */
export interface Step {
  readonly line: number;
  readonly commands: string;
  /** What must appear in what they print; null when nothing was promised. */
  readonly expected: Block | null;
  /** A program that this step needs besides those of the whole document. */
  readonly needs: string | null;
  /** From a comment that readers do not see: it prepares what the page takes for granted. */
  readonly isHidden: boolean;
}

const FENCE = /^```(\S*)\s*$/;
const EXPECTATIONS = ['text', 'json'];

/** The fenced blocks of a document. @throws Error for a fence that is not closed */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | null = null;
  for (const [index, row] of markdown.split('\n').entries()) {
    const fence = FENCE.exec(row);
    if (fence === null) open?.lines.push(row);
    else if (open === null) open = { language: fence[1] ?? '', line: index + 1, lines: [] };
    else {
      blocks.push({ language: open.language, line: open.line, text: open.lines.join('\n') });
      open = null;
    }
  }
  if (open !== null) throw new Error(`the fence of line ${open.line} is not closed`);
  return blocks;
}

/**
 * The steps of a document. Comments direct the runner, on a line of their own:
 * - `<!-- test: fixture=pair -->` starts two gateways first, as the README's tour does (see `FIXTURES`);
 * - `<!-- test: fixture=keys -->` makes the key that the files of etc/ name;
 * - `<!-- test: fixture=database -->` gives the shell an empty database, as `DATABASE_URL`;
 * - `<!-- test: needs=python3 -->` leaves the next block out where that program is missing, and says so;
 * - `<!-- test: run COMMAND -->` is run like a block, for what happens between two blocks.
 */
export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  const blocks = blocksOf(markdown);
  const fenced = new Set(blocks.flatMap(({ line, text }) => text.split('\n').map((_, row) => line + 1 + row)));
  const directives = [...markdown.split('\n').entries()].flatMap(([index, row]) => {
    const [, kind, argument = ''] = /^<!-- test: (fixture=|needs=|run )(.*) -->$/.exec(row) ?? [];
    return kind === undefined || fenced.has(index + 1) ? [] : [{ line: index + 1, kind, argument }];
  });
  let needs: string | null = null;
  for (const item of [...blocks, ...directives].sort((a, b) => a.line - b.line)) {
    if ('language' in item) {
      if (item.language !== 'sh') continue;
      const next = blocks[blocks.indexOf(item) + 1];
      const expected = next !== undefined && EXPECTATIONS.includes(next.language) ? next : null;
      steps.push({ line: item.line, commands: item.text, expected, needs, isHidden: false });
      needs = null;
    } else if (item.kind === 'needs=') needs = item.argument;
    else {
      const commands = item.kind === 'run ' ? item.argument : fixture(item.argument);
      steps.push({ line: item.line, commands, expected: null, needs: null, isHidden: true });
    }
  }
  return steps;
}

/** The key that the files of etc/ name, if the page did not make it itself. */
const KEYS = 'test -e peer.keys || npx crossdc keys generate --output peer.keys';

/** The pair of etc/, with short intervals, when each sees the other. */
const FIXTURES: Readonly<Record<string, string>> = {
  keys: KEYS,
  pair: `${KEYS}
export CROSSDC_HEARTBEAT_EXCHANGE_INTERVAL=0.5
node dist/cli/crossdc.cjs run --config etc/dc1.conf 2> dc1.log & DC1=$!
node dist/cli/crossdc.cjs run --config etc/dc2.conf 2> dc2.log & DC2=$!
until npx crossdc status 2> /dev/null | grep -q '^dc2 *up '; do sleep 0.1; done
until npx crossdc status --url http://127.0.0.1:25190 2> /dev/null | grep -q '^dc1 *up '; do sleep 0.1; done`,
  database: `${KEYS}
export CROSSDC_HEARTBEAT_EXCHANGE_INTERVAL=0.5 && test -n "$DATABASE_URL"`,
};

/** Whether the shell must have a database. */
export function needsDatabase(markdown: string): boolean {
  return markdown.includes('<!-- test: fixture=database -->');
}

function fixture(name: string): string {
  const commands = FIXTURES[name];
  if (commands === undefined) throw new Error(`there is no fixture ${name}`);
  return commands;
}

/** Every document with its text. */
export function allDocuments(): { readonly path: string; readonly text: string }[] {
  return DOCUMENTS.map((path) => ({ path, text: projectFile(path) }));
}
