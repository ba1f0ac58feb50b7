import { HOOK_OPTIONS } from './hook-options.ts';
import type { Kind } from './kinds.ts';
import type { Option } from './option.ts';
import { OUR_OPTIONS } from './our-options.ts';
import { OWNERSHIP_OPTIONS } from './ownership-options.ts';
import { TOOLKIT_OPTIONS } from './toolkit-options.ts';
import { TRUST_OPTIONS } from './trust-options.ts';

/** Every option there is. */
export const OPTIONS = { ...TOOLKIT_OPTIONS, ...OUR_OPTIONS, ...OWNERSHIP_OPTIONS, ...HOOK_OPTIONS, ...TRUST_OPTIONS };

export type OptionKey = keyof typeof OPTIONS;

/** What the value of an option becomes. */
export type OptionValue<K extends OptionKey> = (typeof OPTIONS)[K]['kind'] extends Kind<infer T> ? T : never;

/** The options in the order of the interface. */
export const OPTION_KEYS = Object.keys(OPTIONS).filter(isOptionKey);

function isOptionKey(key: string): key is OptionKey {
  return Object.hasOwn(OPTIONS, key);
}

/** An option without the particulars of its type. */
export function optionOf(key: OptionKey): Option {
  return OPTIONS[key];
}

/** The keys under which an option may be written: its own, and for a secret that of the file that holds it. */
function namesOf(key: OptionKey): readonly string[] {
  return optionOf(key).isSecret === true ? [key, `${key}File`] : [key];
}

/** Everything that may stand before a `=`. */
export const KNOWN_NAMES: readonly string[] = OPTION_KEYS.flatMap(namesOf);

export interface Reference {
  readonly option: OptionKey;
  /** The value is the path of a file that holds the secret. */
  readonly isFile: boolean;
  /** The suffix, without its dot; null when there is none. */
  readonly peer: string | null;
}

/** What a written key refers to; null when it is no key of ours. */
export function parseKey(written: string): Reference | null {
  if (isOptionKey(written)) return { option: written, isFile: false, peer: null };
  const owner = written.endsWith('File') ? written.slice(0, -'File'.length) : '';
  if (isOptionKey(owner) && optionOf(owner).isSecret === true) return { option: owner, isFile: true, peer: null };
  const dot = written.indexOf('.');
  const base = written.slice(0, Math.max(dot, 0));
  if (!isOptionKey(base) || optionOf(base).takesPeer !== true) return null;
  return { option: base, isFile: false, peer: written.slice(dot + 1) };
}
