import * as v from 'valibot';
import { KNOWN_NAMES, OPTION_KEYS, optionOf, parseKey, type OptionKey, type Reference } from './options.ts';
import { RANK, quoted, remark, type Given, type Place, type Remark } from './problem.ts';
import { tryRead, type ReadFile } from './read-file.ts';
import { MASK } from '../secret.ts';
import { Settings, type Setting } from './settings.ts';
import { nearest } from './suggest.ts';

interface Resolved {
  readonly settings: Settings;
  readonly problems: readonly Remark[];
  /** The required keys that no source gives. */
  readonly missing: readonly Remark[];
  readonly warnings: readonly Remark[];
}

interface Candidate extends Reference {
  readonly given: Given;
}

/** Checks what was given against the table, and picks of each option the strongest. */
export function resolve(all: readonly Given[], readFile: ReadFile, fallback: Place): Resolved {
  const { candidates, problems } = recognise(all);
  const warnings: Remark[] = [];
  const given = new Map<OptionKey, Setting>();
  const peers = new Map<string, Setting>();
  for (const candidate of strongestOf(candidates)) {
    const setting = check(candidate, readFile, problems);
    if (candidate.peer === null) given.set(candidate.option, setting);
    else peers.set(candidate.peer, setting);
    if (!looksCommented(candidate)) continue;
    warnings.push(remark(candidate.given, 'everything after the = is the value, also what follows the #'));
  }
  const missing = OPTION_KEYS.filter((key) => {
    const { isRequired, takesPeer } = optionOf(key);
    return isRequired === true && !given.has(key) && !(takesPeer === true && peers.size > 0);
  }).map((key) => ({ place: fallback, key, message: `is required and not given; ${exampleOf(key)}` }));
  return { settings: new Settings(new Map([...defaults(), ...given]), peers), problems, missing, warnings };
}

/** What is a key of ours, and a complaint of everything else. */
function recognise(all: readonly Given[]): { candidates: Candidate[]; problems: Remark[] } {
  const candidates: Candidate[] = [];
  const problems: Remark[] = [];
  for (const given of all) {
    const reference = parseKey(given.key);
    if (reference === null) {
      problems.push(remark(given, unknownMessage(given.key)));
      continue;
    }
    if (!isUnset(given, reference)) candidates.push({ ...reference, given });
  }
  return { candidates, problems: [...problems, ...bothWays(candidates)] };
}

function defaults(): [OptionKey, Setting][] {
  return OPTION_KEYS.flatMap((key): [OptionKey, Setting][] => {
    const { default: text, kind } = optionOf(key);
    if (text === null) return [];
    return [[key, { given: null, text, value: v.parse(kind.schema, text) }]];
  });
}

function exampleOf(key: OptionKey): string {
  const { kind, example } = optionOf(key);
  return `right is ${kind.name}, for example ${key}=${example ?? ''}`;
}

/** The toolkit takes an empty value as none at all, and its files have such lines. Of our keys an empty one is wrong. */
function isUnset({ value }: Given, { option, peer }: Reference): boolean {
  return value === '' && peer === null && optionOf(option).group === 'toolkit';
}

/** What one setting is called, whichever of its two ways it is given in. */
function nameOf({ option, peer }: Reference): string {
  return peer === null ? option : `${option}.${peer}`;
}

/** `K` and `KFile` in one source. Of two sources the stronger wins, as with any other key. */
function bothWays(candidates: readonly Candidate[]): Remark[] {
  const first = new Map<string, Candidate>();
  const found: Remark[] = [];
  for (const candidate of candidates) {
    const name = `${candidate.given.place.rank} ${nameOf(candidate)}`;
    const other = first.get(name);
    if (other === undefined) first.set(name, candidate);
    else if (other.isFile !== candidate.isFile) {
      const where = other.given.place.line === null ? '' : ` on line ${other.given.place.line}`;
      found.push(remark(candidate.given, `contradicts ${other.given.written}${where}; keep one of the two`));
    }
  }
  return found;
}

/** Of each setting the one from the strongest source. */
function strongestOf(candidates: readonly Candidate[]): Candidate[] {
  const strongest = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const other = strongest.get(nameOf(candidate));
    if (other === undefined || candidate.given.place.rank < other.given.place.rank)
      strongest.set(nameOf(candidate), candidate);
  }
  return [...strongest.values()];
}

function check({ given, option: key, isFile }: Candidate, readFile: ReadFile, problems: Remark[]): Setting {
  const option = optionOf(key);
  const isSecret = option.isSecret === true;
  const { shown } = option.kind;
  let text = given.value;
  if (text === '') {
    problems.push(
      remark(given, `is empty; right is ${isFile ? 'the path of a file' : option.kind.name}, or no such line at all`),
    );
    return { given, text };
  }
  if (isFile) {
    const outcome = tryRead(readFile, text);
    if ('reason' in outcome) {
      problems.push(
        remark(given, `${quoted(text)} cannot be read: ${outcome.reason}${makerOf(key, text, outcome.code)}`),
      );
      return { given, text: MASK };
    }
    text = outcome.text.replace(/(\r?\n)+$/, '');
  }
  const result = v.safeParse(option.kind.schema, text);
  if (result.success) return { given, text: isSecret ? MASK : (shown?.(text) ?? text), value: result.output };
  const [issue] = result.issues;
  const subject = isFile ? `the text in ${quoted(given.value)} ` : '';
  const isHidden = isSecret || shown !== undefined;
  const repeated = isHidden ? '' : `; it is ${quoted(withoutPassword(text))}${hintFor(given)}`;
  problems.push(remark(given, `${subject}${issue.message}${repeated}`));
  return { given, text: isHidden ? MASK : text };
}

/** The sample files name a key that nobody has made yet: what makes it. */
function makerOf(key: OptionKey, path: string, code: string): string {
  return key === 'peerSharedKey' && code === 'ENOENT' ? `; crossdc keys generate --output ${path} makes it` : '';
}

/** A URL's user and password are no business of a log. */
function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/?#]*@/, `//${MASK}@`);
}

function hintFor({ value }: Given): string {
  if (/\s#/.test(value)) return ' (a comment stands on a line of its own)';
  return /^(["']).*\1$/.test(value) ? ' (quotes belong to the value)' : '';
}

/** A comment behind a value that would be taken without complaint. A shell command may well have one. */
function looksCommented({ given, option, isFile }: Candidate): boolean {
  const isFromFile = given.place.rank === RANK.file || given.place.rank === RANK.appConfig;
  const { isSecret } = optionOf(option);
  return isFromFile && option !== 'failoverCommand' && (isSecret !== true || isFile) && /\s#/.test(given.value);
}

function unknownMessage(key: string): string {
  const message = 'is no key of this program';
  if (key.includes('::')) return `${message}; a key with a prefix belongs into the file of --app-config`;
  const dot = key.indexOf('.');
  if (dot > 0 && parseKey(key.slice(0, dot)) !== null) return `${message}; ${key.slice(0, dot)} takes no suffix`;
  const near = nearest(dot > 0 ? key.slice(0, dot) : key, KNOWN_NAMES);
  return near === null ? message : `${message}; did you mean ${near}?`;
}
