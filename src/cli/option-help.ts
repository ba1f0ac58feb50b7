import { OPTION_KEYS, optionOf, type OptionKey } from '../config/options.ts';

const COLUMNS = 100;
const INDENT = ' '.repeat(6);

/** Every key that this version has, from the table of options: its value, its default and what it means. */
export function optionHelp(): string {
  const keys = OPTION_KEYS.filter((key) => optionOf(key).availableFrom === 'now');
  return keys.map((key) => [heading(key), ...wrap(optionOf(key).doc.meaning)].join('\n')).join('\n') + '\n';
}

function heading(key: OptionKey): string {
  const option = optionOf(key);
  const fallback =
    option.isRequired === true ? 'required' : `default ${option.default ?? option.defaultSays ?? 'none'}`;
  return `  ${key}  (${option.kind.name}; ${fallback})`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && INDENT.length + line.length + 1 + word.length > COLUMNS) {
      lines.push(INDENT + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, INDENT + line];
}
