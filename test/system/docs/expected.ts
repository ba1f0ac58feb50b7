import type { Block } from './document.ts';

/** What stands for anything: within a line for any characters, alone on a line for any lines. */
const WILDCARD = '…';

/** Whether the output has what the block shows. Runs of blanks count as one, because columns are as wide as their content. */
export function isShown({ language, text }: Pick<Block, 'language' | 'text'>, output: string): boolean {
  return language === 'json' ? isJsonShown(text, output) : isTextShown(text, output);
}

/** Consecutive whole lines. */
function isTextShown(text: string, output: string): boolean {
  const rows = text
    .split('\n')
    .map(squeezed)
    .map((row) => (row === WILDCARD ? '(?:.*\\n)*?' : `${pattern(row, '.*')}\\n`));
  return new RegExp(`^${rows.join('')}`, 'm').test(`${output.split('\n').map(squeezed).join('\n')}\n`);
}

/** JSON is shown with line breaks for people; none of its blanks count. */
function isJsonShown(text: string, output: string): boolean {
  return new RegExp(pattern(text.replaceAll(/\s/g, ''), '.*?'), 's').test(output.replaceAll(/\s/g, ''));
}

function squeezed(row: string): string {
  return row.replaceAll(/\s+/g, ' ').trim();
}

function pattern(row: string, anything: string): string {
  return row
    .split(WILDCARD)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join(anything);
}
