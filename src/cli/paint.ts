import type { CliIo } from './io.ts';

export type Paint = (text: string, color: 'good' | 'bad' | 'doubtful' | 'faint') => string;

const CODES = { good: '32', bad: '31', doubtful: '33', faint: '2' } as const;

/** Colors only where a person looks: at a terminal, and not where NO_COLOR (https://no-color.org) asks for none. */
export function paintFor(io: CliIo): Paint {
  const { NO_COLOR: noColor, TERM: terminal } = io.env;
  const isPlain = io.stdout.isTTY !== true || (noColor !== undefined && noColor !== '') || terminal === 'dumb';
  return isPlain ? (text) => text : (text, color) => `\u001b[${CODES[color]}m${text}\u001b[0m`;
}
