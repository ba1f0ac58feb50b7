import type { Option } from './option.ts';

/** Breaks a text at its blanks into lines of at most `width` characters, each with `indent` before it. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((row) => `${indent}${row}\n`).join('');
}

/** The default as people read it. */
export function defaultText(option: Option): string {
  if (option.isRequired === true) return 'none, required';
  return option.defaultSays ?? option.default ?? 'none';
}

/** What stands in a sample: the default, or something else that would be right. */
export function sampleValue(option: Option): string {
  return option.default ?? option.example ?? '';
}

export const GROUP_TITLES = {
  toolkit: 'The keys of the IBM Streams crossdc-failover toolkit',
  ours: 'Our keys',
} as const;

/** The parts of a listing, in their order. */
export const GROUPS = ['toolkit', 'ours'] as const;
