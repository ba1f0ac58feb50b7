import { parseArgs, type ParseArgsConfig } from 'node:util';
import { usageError, type CliError } from './exit-status.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './did-you-mean.ts';

/** One command, loaded only when it is called. */
export interface Command {
  /** The whole of `--help`, ending in a newline. */
  readonly help: string | (() => Promise<string>);
  /** True when the first argument names a command of its own, whose help is its own too. */
  readonly hasSubcommands?: true;
  /** @throws CliError */
  run(argv: readonly string[], io: CliIo): Promise<number>;
}

export type OptionTable = NonNullable<ParseArgsConfig['options']>;

export interface Grammar<O extends OptionTable> {
  /** As it is typed: `snapshots put`. */
  readonly name: string;
  readonly options: O;
  /**
   * Names of the positional arguments; the ones in [brackets] may be left out and come last. A last one that ends in
   * three dots may be given again.
   */
  readonly positionals: readonly string[];
}

interface Strict<O extends OptionTable> {
  readonly args: string[];
  readonly options: O;
  readonly allowPositionals: true;
  readonly strict: true;
}

type Parsed<O extends OptionTable> = ReturnType<typeof parseArgs<Strict<O>>>;

/**
 * Takes a command's arguments, strictly.
 *
 * @throws CliError (usage) for an unknown option, with the nearest known one; a missing or surplus argument; an option
 *   given twice that is taken once, because which of the two was meant nobody knows
 */
export function parseCommandLine<const O extends OptionTable>(grammar: Grammar<O>, argv: readonly string[]): Parsed<O> {
  const args = joinNegatives(grammar.options, argv);
  refuseRepeated(grammar, args);
  let parsed: Parsed<O>;
  try {
    parsed = parseArgs<Strict<O>>({ args, options: grammar.options, allowPositionals: true, strict: true });
  } catch (error) {
    throw usageOf(grammar, error);
  }
  const given: readonly string[] = parsed.positionals;
  const missing = grammar.positionals.find((name, index) => !name.startsWith('[') && given[index] === undefined);
  if (missing !== undefined) throw usageError(`${grammar.name} needs ${missing.replace(/\.{3}$/, '')}${hint(grammar)}`);
  const takesMore = grammar.positionals.at(-1)?.endsWith('...') === true;
  const surplus = takesMore ? undefined : given[grammar.positionals.length];
  if (surplus !== undefined) throw usageError(`${grammar.name} does not take "${surplus}"${hint(grammar)}`);
  return parsed;
}

/** A negative number behind an option is meant as its value: the option's own check says better what it takes. */
function joinNegatives(options: OptionTable, argv: readonly string[]): string[] {
  const args: string[] = [];
  for (const [index, arg] of argv.entries()) {
    const before = args.at(-1) ?? '';
    const isValue =
      /^-\d/.test(arg) && options[before.replace(/^--/, '')]?.type === 'string' && before.startsWith('--');
    if (isValue && !argv.slice(0, index).includes('--')) args.push(`${args.pop() ?? ''}=${arg}`);
    else args.push(arg);
  }
  return args;
}

function refuseRepeated(grammar: Grammar<OptionTable>, args: string[]): void {
  const { tokens } = parseArgs({ args, options: grammar.options, allowPositionals: true, strict: false, tokens: true });
  const seen = new Set<string>();
  for (const token of tokens) {
    // What is no option of ours, such as each letter of -orders, is refused as that.
    if (token.kind !== 'option' || !Object.hasOwn(grammar.options, token.name)) continue;
    if (seen.has(token.name) && grammar.options[token.name]?.multiple !== true) {
      throw usageError(`${grammar.name}: ${token.rawName} was given twice${hint(grammar)}`);
    }
    seen.add(token.name);
  }
}

function usageOf(grammar: Grammar<OptionTable>, error: unknown): CliError {
  if (!(error instanceof TypeError)) throw error;
  const unknown = /^Unknown option '(-[^']*)'/.exec(error.message)?.[1];
  if (unknown !== undefined) {
    const known = Object.keys(grammar.options).map((name) => `--${name}`);
    // One dash and no option of ours: perhaps a name that begins so, and that is taken as it is behind a --.
    const behind =
      /^-[^-]/.test(unknown) && grammar.positionals.length > 0 ? '; a name that begins with - goes behind --' : '';
    return usageError(
      `${grammar.name}: unknown option ${unknown}${didYouMean(unknown, known)}${behind}${hint(grammar)}`,
    );
  }
  const ambiguous = /^Option '(?:-\w, )?(--[^' ]+)[^']*' argument is ambiguous/.exec(error.message)?.[1];
  if (ambiguous !== undefined) {
    const needs = `${ambiguous} needs a value, and what follows it begins with -`;
    return usageError(`${grammar.name}: ${needs}; if that is the value, write ${ambiguous}=VALUE${hint(grammar)}`);
  }
  // Node's own sentence names the option and what is wrong with it; its second line is advice that fits few.
  const [sentence = ''] = error.message.split('\n');
  return usageError(`${grammar.name}: ${sentence.replace(/\.$/, '')}${hint(grammar)}`);
}

function hint(grammar: Grammar<OptionTable>): string {
  return ` (crossdc ${grammar.name} --help)`;
}

/** A number of seconds that a person gave. @throws CliError (usage) */
export function parseSeconds(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d{1,7}(\.\d{1,6})?$/.test(text) ? Number(text) : NaN;
  if (!(seconds > 0)) throw usageError(`--${option} takes a number of seconds greater than 0, not "${text}"`);
  return seconds;
}
