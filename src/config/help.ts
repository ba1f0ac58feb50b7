import { OPTION_KEYS, optionOf } from './options.ts';
import { GROUPS, GROUP_TITLES, defaultText, wrap } from './text.ts';

const WIDTH = 100;

/** The keys of a configuration for `--help`: grouped, each with its default, its unit and what it means. */
export function configHelp(): string {
  return GROUPS.map((group) => {
    const keys = OPTION_KEYS.filter((key) => optionOf(key).group === group);
    return `${GROUP_TITLES[group]}:\n${keys.map(entry).join('')}`;
  }).join('\n');
}

function entry(key: (typeof OPTION_KEYS)[number]): string {
  const option = optionOf(key);
  const unit = option.unit === null || option.default === null ? '' : ` ${option.unit}`;
  const secret = option.isSecret === true ? `; or ${key}File=PATH` : '';
  return `  ${key} (${defaultText(option)}${unit}${secret})\n${wrap(option.doc.meaning, WIDTH, '      ')}`;
}
